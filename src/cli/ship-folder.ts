/**
 * The state folder of a shipper: one SQLite database that holds the journaled state of src/logs/ship-state.ts and the
 * bytes of every unanswered batch, so that a batch is sent again byte for byte even when its file is gone. SQLite's
 * exclusive lock keeps a second shipper out and goes with its holder, however that ends.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { unreachable } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import { fromBytes, toBytes } from "../protocol/topic.ts";
import {
  loggerState,
  newShipState,
  type JournalEntry,
  type PinnedBatch,
  type ShipState,
} from "../logs/ship-state.ts";

const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE writer (id BLOB NOT NULL, birth_ms INTEGER NOT NULL);
  CREATE TABLE loggers (name TEXT PRIMARY KEY, acked INTEGER NOT NULL);
  CREATE TABLE batches (
    id INTEGER PRIMARY KEY, logger TEXT NOT NULL, number INTEGER NOT NULL, stream TEXT NOT NULL,
    records INTEGER NOT NULL, hash BLOB NOT NULL, source TEXT NOT NULL, range_from INTEGER NOT NULL,
    range_to INTEGER NOT NULL, bytes BLOB NOT NULL, UNIQUE (logger, number));
  CREATE TABLE unflushed (stream TEXT PRIMARY KEY);
  CREATE TABLE sources (source TEXT PRIMARY KEY, range_to INTEGER NOT NULL, context TEXT NOT NULL);
`;

type Row = Record<string, unknown>;

export class ShipFolder {
  readonly path: string;
  readonly #db: DatabaseSync;
  /** Notes that the next durable entry, or `close`, writes along. */
  #notes: JournalEntry[] = [];

  private constructor(path: string, db: DatabaseSync) {
    this.path = path;
    this.#db = db;
  }

  /**
   * Opens and locks the folder, making it when missing. `writer` and `nowMs` are those of a new writer instance, for a
   * new folder. Throws `in_use` when another shipper holds it.
   */
  static open(path: string, writer: string, nowMs: number): ShipFolder {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const db = new DatabaseSync(join(path, "state.sqlite"));
    try {
      db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
      db.exec("BEGIN EXCLUSIVE");
      const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"]);
      if (version > SCHEMA_VERSION) {
        throw new FabricError("version_unsupported", `${path} was written by a newer selvedge`);
      }
      if (version === 0) {
        db.exec(SCHEMA);
        db.prepare("INSERT INTO writer VALUES (?, ?)").run(toBytes(writer), nowMs);
        db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
      }
      db.exec("COMMIT");
    } catch (cause) {
      db.close();
      if (cause instanceof Error && /locked|busy/.test(cause.message)) {
        throw new FabricError("in_use", `another ship uses ${path}; wait for it, or pass another --state`, {
          cause,
        });
      }
      throw cause;
    }
    return new ShipFolder(path, db);
  }

  /** The state as last recorded. */
  load(): ShipState {
    const writer = this.#db.prepare("SELECT id, birth_ms FROM writer").get() as Row;
    const state = newShipState(fromBytes(writer["id"] as Uint8Array), writer["birth_ms"] as number);
    for (const row of this.#db.prepare("SELECT name, acked FROM loggers").iterate() as Iterable<Row>) {
      loggerState(state, row["name"] as string).acked = row["acked"] as number;
    }
    const batches = this.#db.prepare(
      `SELECT id, logger, number, stream, records, hash, source, range_from, range_to, length(bytes) AS size
       FROM batches ORDER BY logger, number`,
    );
    for (const row of batches.iterate() as Iterable<Row>) {
      const batch = batchOf(row);
      loggerState(state, batch.logger).pending.push(batch);
      state.nextId = Math.max(state.nextId, batch.id + 1);
    }
    const sources = this.#db.prepare("SELECT source, range_to, context FROM sources");
    for (const row of sources.iterate() as Iterable<Row>) {
      state.sources.set(row["source"] as string, {
        to: row["range_to"] as number,
        context: JSON.parse(row["context"] as string) as unknown,
      });
    }
    return state;
  }

  /** Makes the entry durable. `bytesOf` gives the bytes of the batches of a segment. */
  record(entry: JournalEntry, bytesOf: (batch: PinnedBatch) => Uint8Array): void {
    this.#db.exec("BEGIN");
    try {
      for (const note of this.#notes) this.#write(note, bytesOf);
      this.#write(entry, bytesOf);
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
    this.#notes = [];
  }

  /** Keeps an entry that may be lost, until the next `record` or `close`. */
  note(entry: JournalEntry): void {
    this.#notes.push(entry);
  }

  /** The bytes of an unanswered batch. */
  bytes(id: number): Uint8Array {
    const row = this.#db.prepare("SELECT bytes FROM batches WHERE id = ?").get(id);
    if (row === undefined) throw new FabricError("backend_failure", `${this.path} has lost batch ${id}`);
    return row["bytes"] as Uint8Array;
  }

  /** Streams with batches that were recorded since their last flush. */
  get unflushed(): readonly string[] {
    return this.#db
      .prepare("SELECT stream FROM unflushed ORDER BY stream")
      .all()
      .map((row) => String(row["stream"]));
  }

  /** R2 holds everything of these streams. Only when nothing is pending. */
  flushed(streams: readonly string[]): void {
    for (const stream of streams) this.#run("DELETE FROM unflushed WHERE stream = ?", stream);
  }

  /** Writes the notes and gives the folder free. */
  close(): void {
    const notes = this.#notes.splice(0);
    const last = notes.pop();
    this.#notes = notes;
    if (last !== undefined) this.record(last, () => new Uint8Array());
    this.#db.close();
  }

  #write(entry: JournalEntry, bytesOf: (batch: PinnedBatch) => Uint8Array): void {
    switch (entry.type) {
      case "writer":
        this.#run("UPDATE writer SET id = ?, birth_ms = ?", toBytes(entry.writer), entry.birthMs);
        this.#run("DELETE FROM loggers");
        return;
      case "segment": {
        const { source, to, context, batches } = entry.segment;
        for (const batch of batches) this.#insert(batch, bytesOf(batch));
        this.#run("INSERT OR REPLACE INTO sources VALUES (?, ?, ?)", source, to, JSON.stringify(context));
        return;
      }
      case "moved":
        for (const b of entry.batches) {
          this.#run("UPDATE batches SET logger = ?, number = ? WHERE id = ?", b.logger, b.number, b.id);
        }
        return;
      case "acked":
        this.#run("INSERT OR REPLACE INTO loggers VALUES (?, ?)", entry.logger, entry.number);
        this.#run("DELETE FROM batches WHERE logger = ? AND number <= ?", entry.logger, entry.number);
        return;
      default:
        unreachable(entry);
    }
  }

  #insert({ id, logger, number, stream, records, hash, range }: PinnedBatch, bytes: Uint8Array): void {
    const insert = this.#db.prepare("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert.run(id, logger, number, stream, records, hash, range.source, range.from, range.to, bytes);
    this.#run("INSERT OR IGNORE INTO unflushed VALUES (?)", stream);
  }

  #run(sql: string, ...values: readonly SQLInputValue[]): void {
    this.#db.prepare(sql).run(...values);
  }
}

function batchOf(row: Row): PinnedBatch {
  return {
    id: row["id"] as number,
    logger: row["logger"] as string,
    number: row["number"] as number,
    stream: row["stream"] as string,
    records: row["records"] as number,
    hash: row["hash"] as Uint8Array,
    size: row["size"] as number,
    range: {
      source: row["source"] as string,
      from: row["range_from"] as number,
      to: row["range_to"] as number,
    },
  };
}
