/**
 * What readers ask of a LogWriter: the manifest, and the batches of a stream in the order of acceptance. Readers follow
 * these, never a listing of R2 (rule 20). Batch numbers of one stream rise through its objects and then through its
 * buffered batches, so a number is a cursor that stays true while batches move to R2.
 */
import { LIMITS } from "../src/base/limits.ts";
import { partTime } from "../src/logs/file-stream.ts";
import { offsetAfter } from "../src/logs/object-plan.ts";
import type { LogTables, StoredObject } from "./log-tables.ts";
import { parseObject } from "./log-tables.ts";
import { all, int, maybe, one, text } from "./sqlite.ts";

/** One line of the manifest: an object, or (without a key) the batches of one stream and hour that have no object yet. */
export interface ManifestEntry {
  readonly stream: string;
  /** R2 key; null while there is no plan. */
  readonly key: string | null;
  /** Start of the hour of acceptance, ms since 1970. */
  readonly hourMs: number;
  /** When the first batch was accepted, ms since 1970; of an object of log records, `hourMs`. */
  readonly sinceMs: number;
  readonly first: number;
  readonly last: number;
  readonly batches: number;
  readonly records: number;
  /** Bytes of gzip. */
  readonly bytes: number;
  /** Whether R2 does not have it for certain yet. */
  readonly buffered: boolean;
}

/** After which batch of which stream a page of the manifest begins. */
export interface ManifestCursor {
  readonly stream: string;
  readonly after: number;
}

export interface ManifestPage {
  readonly entries: readonly ManifestEntry[];
  /** Where the next page begins; undefined at the end. */
  readonly next: ManifestCursor | undefined;
}

/** A piece of a stream: bytes of an object in R2, or the bytes of batches themselves. Both are whole gzip members. */
export type StreamUnit =
  | {
      readonly type: "object";
      readonly key: string;
      readonly offset: number;
      readonly length: number;
      readonly last: number;
    }
  | { readonly type: "batches"; readonly bytes: Uint8Array; readonly last: number };

export class LogReader {
  readonly #tables: LogTables;

  constructor(tables: LogTables) {
    this.#tables = tables;
  }

  /** A page of the manifest, by stream and batch; of one stream only if it is named. */
  manifest(only: string | undefined, from: ManifestCursor | undefined): ManifestPage {
    const entries: ManifestEntry[] = [];
    let stream = from?.stream ?? only ?? this.#streamAfter("");
    let after = from?.after ?? 0;
    while (stream !== undefined) {
      const limit = LIMITS.logReadUnitsMax - entries.length;
      const objects = this.#objects(stream, after, Number.MAX_SAFE_INTEGER, limit);
      entries.push(...objects.map(objectEntry));
      after = objects.at(-1)?.last ?? after;
      if (objects.length === limit) return { entries, next: { stream, after } };
      entries.push(...this.#loose(stream, after));
      stream = only === undefined ? this.#streamAfter(stream) : undefined;
      after = 0;
    }
    return { entries, next: undefined };
  }

  /**
   * The next units of a stream: batches numbered above `after`, up to and including `upTo`. Empty at the end. Each
   * call sees one moment; the next one goes on behind the last unit's `last`, wherever the batches are by then.
   */
  read(stream: string, after: number, upTo: number): StreamUnit[] {
    const units: StreamUnit[] = [];
    const objects = this.#objects(stream, after, upTo, LIMITS.logReadUnitsMax);
    for (const object of objects) {
      const unit = this.#unit(object, after, upTo);
      units.push(unit);
      after = unit.last;
      if (unit.type === "batches") return units;
    }
    if (objects.length < LIMITS.logReadUnitsMax) {
      const ids = this.#looseIds(stream, after, upTo);
      if (ids.length > 0) units.push(this.#batches(ids));
    }
    return units;
  }

  #unit(object: StoredObject, after: number, upTo: number): StreamUnit {
    if (!object.done) {
      const ids = object.members.map(({ id }) => id).filter((id) => id > after && id <= upTo);
      return this.#batches(ids);
    }
    const offset = offsetAfter(object.members, after);
    const length = offsetAfter(object.members, upTo) - offset;
    return { type: "object", key: object.key, offset, length, last: Math.min(object.last, upTo) };
  }

  /** As many of the batches, from the first on, as one answer holds. */
  #batches(ids: readonly number[]): StreamUnit {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    let last = 0;
    for (const id of ids) {
      const part = this.#tables.batchBytes(id);
      if (parts.length > 0 && bytes + part.length > LIMITS.logReadBytesMax) break;
      parts.push(part);
      bytes += part.length;
      last = id;
    }
    return { type: "batches", bytes: concat(parts, bytes), last };
  }

  /** Objects, planned or done, that hold batches above `after` and start at or before `upTo`. */
  #objects(stream: string, after: number, upTo: number, limit: number): StoredObject[] {
    const start = this.#tables.sql.exec(
      "SELECT max(first) AS first FROM objects WHERE stream = ? AND first <= ?",
      stream,
      after,
    );
    const rows = this.#tables.sql.exec(
      "SELECT * FROM objects WHERE stream = ? AND first >= ? AND first <= ? AND last > ? ORDER BY first LIMIT ?",
      stream,
      one(start, (row) => int(row, "first")),
      upTo,
      after,
      limit,
    );
    return all(rows, parseObject);
  }

  #loose(stream: string, after: number): ManifestEntry[] {
    const rows = this.#tables.sql.exec(
      `SELECT hour_ms, min(received_ms) AS since_ms, min(id) AS first, max(id) AS last, count(*) AS batches,
         sum(records) AS records, sum(length) AS bytes
       FROM batches WHERE stream = ? AND id > ? GROUP BY hour_ms ORDER BY first`,
      stream,
      after,
    );
    return all(rows, (row) => ({
      stream,
      key: null,
      hourMs: int(row, "hour_ms"),
      sinceMs: int(row, "since_ms"),
      first: int(row, "first"),
      last: int(row, "last"),
      batches: int(row, "batches"),
      records: int(row, "records"),
      bytes: int(row, "bytes"),
      buffered: true,
    }));
  }

  #looseIds(stream: string, after: number, upTo: number): number[] {
    const rows = this.#tables.sql.exec(
      "SELECT id FROM batches WHERE stream = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?",
      stream,
      after,
      upTo,
      LIMITS.logObjectMembersMax,
    );
    return all(rows, (row) => int(row, "id"));
  }

  #streamAfter(stream: string): string | undefined {
    const rows = this.#tables.sql.exec(
      `SELECT min(stream) AS stream FROM (
         SELECT min(stream) AS stream FROM objects WHERE stream > ?
         UNION ALL SELECT min(stream) FROM batches WHERE stream > ?)`,
      stream,
      stream,
    );
    return maybe(rows, (row) => (row["stream"] === null ? undefined : text(row, "stream")));
  }
}

function objectEntry({ stream, key, hourMs, first, last, members, records, length, done }: StoredObject) {
  return {
    stream,
    key,
    hourMs,
    sinceMs: partTime(key) ?? hourMs,
    first,
    last,
    batches: members.length,
    records,
    bytes: length,
    buffered: !done,
  };
}

function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  const out = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}
