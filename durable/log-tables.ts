/**
 * The tables of a LogWriter and what a turn does to them. `batches` holds accepted batches until R2 has them; `objects`
 * is plan and manifest in one (a plan that is done is an entry); `marks` is where each writer stands; `counters` keeps
 * the highest batch number that has left `batches`, and what operators have said about the logger. Rows are clustered, without indexes, because rows written are the
 * bill: a batch costs two, an object three and one for each batch that goes.
 */
import { createHash } from "node:crypto";
import { assert } from "../src/base/assert.ts";
import type { BufferedBatch } from "../src/logs/batch-buffer.ts";
import { NO_OVERRIDE, type LoggerCommit, type LoggerOverride, type LoggerState } from "../src/logs/logger.ts";
import type { Member, ObjectPlan } from "../src/logs/object-plan.ts";
import { parseBatchStream } from "../src/logs/file-stream.ts";
import type { WriterMark } from "../src/logs/writer-marks.ts";
import { fromBytes, toBytes } from "../src/protocol/topic.ts";
import { all, blob, int, isNull, migrate, one, text, toBlob, type Row } from "./sqlite.ts";

const SCHEMA = [
  `CREATE TABLE batches (
     id INTEGER PRIMARY KEY, stream TEXT NOT NULL, hour_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL,
     records INTEGER NOT NULL, length INTEGER NOT NULL, bytes BLOB NOT NULL);
   CREATE TABLE objects (
     stream TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, done INTEGER NOT NULL, key TEXT NOT NULL,
     hour_ms INTEGER NOT NULL, length INTEGER NOT NULL, records INTEGER NOT NULL, hash BLOB NOT NULL,
     members TEXT NOT NULL, PRIMARY KEY (stream, first)) WITHOUT ROWID;
   CREATE TABLE marks (
     writer BLOB PRIMARY KEY, number INTEGER NOT NULL, hash BLOB NOT NULL, source TEXT, from_byte INTEGER,
     to_byte INTEGER, seen_ms INTEGER NOT NULL, fenced INTEGER NOT NULL) WITHOUT ROWID;
   CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;`,
];

const BATCH_COLUMNS = "id, stream, hour_ms, received_ms, records, length";

/** A row of `objects`. */
export interface StoredObject extends ObjectPlan {
  readonly done: boolean;
  /** SHA-256 of the object. */
  readonly hash: Uint8Array<ArrayBuffer>;
}

export class LogTables {
  readonly sql: SqlStorage;

  constructor(storage: DurableObjectStorage) {
    migrate(storage, SCHEMA);
    this.sql = storage.sql;
  }

  /** What an engine starts from. Reads all rows but the batches' bytes and the entries of the manifest. */
  load(): LoggerState {
    return {
      batches: all(this.sql.exec(`SELECT ${BATCH_COLUMNS} FROM batches ORDER BY id`), parseBatch),
      plans: all(this.sql.exec("SELECT * FROM objects WHERE done = 0 ORDER BY first"), parseObject),
      marks: all(this.sql.exec("SELECT * FROM marks"), parseMark),
      lastId: this.lastId(),
      override: this.#override(),
    };
  }

  /** The highest number ever given to a batch. */
  lastId(): number {
    const stored = this.sql.exec("SELECT max(id) AS id FROM batches");
    const gone = this.sql.exec("SELECT max(value) AS id FROM counters WHERE name = 'last_id'");
    return Math.max(
      one(stored, (row) => int(row, "id")),
      one(gone, (row) => int(row, "id")),
    );
  }

  /** Sums over the objects that are in R2. */
  totals(): { objects: number; objectRecords: number; objectBytes: number } {
    const rows = this.sql.exec(
      "SELECT count(*) AS n, sum(records) AS records, sum(length) AS bytes FROM objects WHERE done = 1",
    );
    return one(rows, (row) => ({
      objects: int(row, "n"),
      objectRecords: int(row, "records"),
      objectBytes: int(row, "bytes"),
    }));
  }

  /** Applies a turn. Call inside `transactionSync`. */
  apply(commit: LoggerCommit): void {
    const { sql } = this;
    for (const writer of commit.expired)
      sql.exec("DELETE FROM marks WHERE writer = ?", toBlob(toBytes(writer)));
    for (const b of commit.batches) {
      sql.exec(
        `INSERT INTO batches (${BATCH_COLUMNS}, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)`,
        b.id,
        b.stream,
        b.hourMs,
        b.receivedMs,
        b.records,
        b.length,
        toBlob(b.bytes),
      );
    }
    for (const mark of commit.marks) this.#keepMark(mark);
    for (const plan of commit.plans) this.#keepPlan(plan);
    for (const plan of commit.done) this.#finish(plan);
    if (commit.override !== undefined) this.#keepOverride(commit.override);
  }

  /** The planned object's bytes and hash. Throws `logic_error` when the bytes are not those planned. */
  objectBytes(plan: ObjectPlan): { bytes: Uint8Array<ArrayBuffer>; hash: Uint8Array<ArrayBuffer> } {
    const row = this.sql.exec(
      "SELECT hash FROM objects WHERE stream = ? AND first = ?",
      plan.stream,
      plan.first,
    );
    const hash = one(row, (r) => blob(r, "hash"));
    const bytes = new Uint8Array(plan.length);
    let offset = 0;
    for (const { id, length } of plan.members) {
      bytes.set(this.batchBytes(id), offset);
      offset += length;
    }
    const isPlanned = createHash("sha256").update(bytes).digest().equals(hash);
    assert(isPlanned, `the bytes of ${plan.key} are those of its plan`);
    return { bytes, hash };
  }

  /** The bytes of one buffered batch. */
  batchBytes(id: number): Uint8Array<ArrayBuffer> {
    return one(this.sql.exec("SELECT bytes FROM batches WHERE id = ?", id), (row) => blob(row, "bytes"));
  }

  #override(): LoggerOverride {
    const rows = this.sql.exec("SELECT name, value FROM counters WHERE name IN ('layout_epoch', 'enabled')");
    const values = new Map(all(rows, (row) => [text(row, "name"), int(row, "value")] as const));
    const epoch = values.get("layout_epoch");
    if (epoch === undefined) return NO_OVERRIDE;
    const enabled = values.get("enabled");
    return { epoch, enabled: enabled === undefined ? undefined : enabled === 1 };
  }

  #keepOverride({ epoch, enabled }: LoggerOverride): void {
    const put = "INSERT OR REPLACE INTO counters (name, value) VALUES (?, ?)";
    this.sql.exec(put, "layout_epoch", epoch);
    if (enabled === undefined) this.sql.exec("DELETE FROM counters WHERE name = 'enabled'");
    else this.sql.exec(put, "enabled", enabled ? 1 : 0);
  }

  #keepMark({ writer, last, seenMs, fenced }: WriterMark): void {
    const { number, hash, range } = last;
    const { source = null, from = null, to = null } = range ?? {};
    this.sql.exec(
      `INSERT OR REPLACE INTO marks (writer, number, hash, source, from_byte, to_byte, seen_ms, fenced)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      toBlob(toBytes(writer)),
      number,
      toBlob(hash),
      source,
      from,
      to,
      seenMs,
      fenced ? 1 : 0,
    );
  }

  #keepPlan(plan: ObjectPlan): void {
    const hash = createHash("sha256");
    for (const { id } of plan.members) hash.update(this.batchBytes(id));
    const { key, stream, hourMs, first, last, length, records } = plan;
    const members = JSON.stringify(plan.members.map((m) => [m.id, m.length, m.records]));
    this.sql.exec(
      `INSERT INTO objects (stream, first, last, done, key, hour_ms, length, records, hash, members)
       VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?)`,
      stream,
      first,
      last,
      key,
      hourMs,
      length,
      records,
      toBlob(hash.digest()),
      members,
    );
  }

  #finish({ stream, first, last, members }: ObjectPlan): void {
    this.sql.exec("UPDATE objects SET done = 1 WHERE stream = ? AND first = ?", stream, first);
    for (const { id } of members) this.sql.exec("DELETE FROM batches WHERE id = ?", id);
    this.sql.exec(
      "INSERT INTO counters (name, value) VALUES ('last_id', ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
      last,
    );
  }
}

export function parseObject(row: Row): StoredObject {
  return {
    stream: parseBatchStream(text(row, "stream")),
    first: int(row, "first"),
    last: int(row, "last"),
    done: int(row, "done") === 1,
    key: text(row, "key"),
    hourMs: int(row, "hour_ms"),
    length: int(row, "length"),
    records: int(row, "records"),
    hash: blob(row, "hash"),
    members: parseMembers(text(row, "members")),
  };
}

function parseMembers(json: string): Member[] {
  const rows = JSON.parse(json) as [id: number, length: number, records: number][];
  return rows.map(([id, length, records]) => ({ id, length, records }));
}

function parseBatch(row: Row): BufferedBatch {
  return {
    id: int(row, "id"),
    stream: parseBatchStream(text(row, "stream")),
    hourMs: int(row, "hour_ms"),
    receivedMs: int(row, "received_ms"),
    records: int(row, "records"),
    length: int(row, "length"),
  };
}

function parseMark(row: Row): WriterMark {
  const range = isNull(row, "source")
    ? undefined
    : { source: text(row, "source"), from: int(row, "from_byte"), to: int(row, "to_byte") };
  return {
    writer: fromBytes(blob(row, "writer")),
    last: { number: int(row, "number"), hash: blob(row, "hash"), range },
    seenMs: int(row, "seen_ms"),
    fenced: int(row, "fenced") === 1,
  };
}
