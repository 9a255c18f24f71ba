/**
 * Kept events in SQLite: a row for each commit of a log, no index beside the key, since each would double the rows
 * written. Ids rise by one and all else rises with them, so the engine finds its way by halving.
 */
import { assert } from "../src/base/assert.ts";
import { prefixFromBytes, toBytes } from "../src/protocol/topic.ts";
import {
  LOG_IDS,
  type KeptChange,
  type KeptHead,
  type KeptRow,
  type KeptStore,
  type StoredLog,
} from "../src/routing/kept.ts";
import { all, blob, concat, int, isNull, maybe, one, toBlob, type Row } from "./sqlite.ts";

/** `kept_more`: what a row of 2 MB does not hold of frames that are larger. */
export const KEPT_SCHEMA = `
  CREATE TABLE logs (
    number INTEGER PRIMARY KEY, prefix BLOB NOT NULL, expired_incarnation INTEGER, expired_seq INTEGER);
  CREATE TABLE kept (
    id INTEGER PRIMARY KEY, incarnation INTEGER NOT NULL, last INTEGER NOT NULL, time INTEGER NOT NULL,
    events_end INTEGER NOT NULL, bytes_end INTEGER NOT NULL, parts INTEGER NOT NULL, frames BLOB NOT NULL);
  CREATE TABLE kept_more (
    id INTEGER NOT NULL, part INTEGER NOT NULL, frames BLOB NOT NULL, PRIMARY KEY (id, part)) WITHOUT ROWID;`;

const PART_BYTES = 1_500_000;
const HEAD = "id, incarnation, last, time, events_end, bytes_end";

export class KeptTables implements KeptStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** All logs; cheap, however much they hold. */
  logs(): readonly StoredLog[] {
    return all(this.#sql.exec("SELECT * FROM logs"), (row): StoredLog => {
      const number = int(row, "number");
      const from = number * LOG_IDS;
      const ids = this.#sql.exec(
        "SELECT (SELECT min(id) FROM kept WHERE id >= ?1 AND id < ?2) AS first, (SELECT max(id) FROM kept WHERE id >= ?1 AND id < ?2) AS last",
        from,
        from + LOG_IDS,
      );
      const { first, next } = one(ids, (r) =>
        isNull(r, "first")
          ? { first: from, next: from }
          : { first: int(r, "first"), next: int(r, "last") + 1 },
      );
      const expired = isNull(row, "expired_seq")
        ? undefined
        : { incarnation: int(row, "expired_incarnation"), seq: int(row, "expired_seq") };
      return { number, prefix: prefixFromBytes(blob(row, "prefix")), expired, first, next };
    });
  }

  head(id: number): KeptHead {
    const head = maybe(this.#sql.exec(`SELECT ${HEAD} FROM kept WHERE id = ?`, id), headOf);
    assert(head !== undefined, "kept rows have no holes");
    return head;
  }

  rows(from: number, end: number, bytesMax: number): readonly KeptRow[] {
    const rows: KeptRow[] = [];
    let bytes = 0;
    const query = `SELECT ${HEAD}, parts, frames FROM kept WHERE id >= ? AND id < ? ORDER BY id`;
    for (const row of this.#sql.exec(query, from, end)) {
      const frames = this.#frames(row);
      bytes += frames.length;
      if (rows.length > 0 && bytes > bytesMax) break;
      rows.push({ ...headOf(row), frames });
      if (bytes >= bytesMax) break;
    }
    return rows;
  }

  /** One change, inside the transaction of its turn. */
  apply(change: KeptChange): void {
    switch (change.type) {
      case "log":
        this.#sql.exec(
          "INSERT INTO logs (number, prefix, expired_incarnation, expired_seq) VALUES (?, ?, ?, ?)",
          change.number,
          toBlob(toBytes(change.prefix)),
          change.expired?.incarnation ?? null,
          change.expired?.seq ?? null,
        );
        return;
      case "logGone":
        this.#delete(change.number, (change.number + 1) * LOG_IDS - 1);
        this.#sql.exec("DELETE FROM logs WHERE number = ?", change.number);
        return;
      case "keep":
        return this.#keep(change.row);
      case "expire":
        this.#delete(change.number, change.through);
        this.#sql.exec(
          "UPDATE logs SET expired_incarnation = ?, expired_seq = ? WHERE number = ?",
          change.expired.incarnation,
          change.expired.seq,
          change.number,
        );
    }
  }

  #keep({ id, incarnation, last, timeMs, eventsEnd, bytesEnd, frames }: KeptRow): void {
    const parts = Math.ceil(frames.length / PART_BYTES);
    this.#sql.exec(
      "INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      id,
      incarnation,
      last,
      timeMs,
      eventsEnd,
      bytesEnd,
      parts,
      toBlob(frames.subarray(0, PART_BYTES)),
    );
    for (let part = 1; part < parts; part++) {
      const piece = frames.subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
      this.#sql.exec("INSERT INTO kept_more VALUES (?, ?, ?)", id, part, toBlob(piece));
    }
  }

  #delete(number: number, through: number): void {
    this.#sql.exec("DELETE FROM kept WHERE id BETWEEN ? AND ?", number * LOG_IDS, through);
    this.#sql.exec("DELETE FROM kept_more WHERE id BETWEEN ? AND ?", number * LOG_IDS, through);
  }

  #frames(row: Row): Uint8Array {
    const frames = blob(row, "frames");
    if (int(row, "parts") === 1) return frames;
    const more = this.#sql.exec("SELECT frames FROM kept_more WHERE id = ? ORDER BY part", int(row, "id"));
    return concat([frames, ...all(more, (r) => blob(r, "frames"))]);
  }
}

function headOf(row: Row): KeptHead {
  return {
    id: int(row, "id"),
    incarnation: int(row, "incarnation"),
    last: int(row, "last"),
    timeMs: int(row, "time"),
    eventsEnd: int(row, "events_end"),
    bytesEnd: int(row, "bytes_end"),
  };
}
