/** What waits to be reported: publishes for routers, and batches of the cluster log with what their writer must keep. */
import type { LogQueueChange, LogQueueState, LogWriterLife } from "../src/logs/log-queue.ts";
import type { InstanceId } from "../src/protocol/frame.ts";
import { fromBytes, toBytes } from "../src/protocol/topic.ts";
import { all, blob, int, maybe, one, text, toBlob } from "./sqlite.ts";

/** A step of the schema of an object that reports. */
export const REPORT_SCHEMA = `
  CREATE TABLE reporter (instance BLOB NOT NULL, connection INTEGER NOT NULL, publish INTEGER NOT NULL,
    writer BLOB NOT NULL, birth_ms INTEGER NOT NULL);
  CREATE TABLE report_publishes (number INTEGER PRIMARY KEY, router TEXT NOT NULL, frame BLOB NOT NULL);
  CREATE TABLE report_loggers (logger TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE report_batches (id INTEGER PRIMARY KEY, logger TEXT NOT NULL, number INTEGER NOT NULL,
    stream TEXT NOT NULL, records INTEGER NOT NULL, hash BLOB NOT NULL, bytes BLOB NOT NULL);`;

/** A publish frame on its way to a router. */
export interface WaitingPublish {
  readonly number: number;
  readonly router: string;
  readonly frame: Uint8Array;
}

export class ReportTables {
  readonly #sql: SqlStorage;

  /** @param newLife Identity of a storage that has none yet: of its publisher, and of its log writer. */
  constructor(storage: DurableObjectStorage, newLife: () => LogWriterLife & { instance: InstanceId }) {
    this.#sql = storage.sql;
    if (maybe(this.#sql.exec("SELECT connection FROM reporter"), (row) => row) !== undefined) return;
    const { instance, writer, birthMs } = newLife();
    this.#sql.exec(
      "INSERT INTO reporter (instance, connection, publish, writer, birth_ms) VALUES (?, 0, 0, ?, ?)",
      toBlob(toBytes(instance)),
      toBlob(toBytes(writer)),
      birthMs,
    );
  }

  /** The publisher. */
  get instance(): InstanceId {
    return one(this.#sql.exec("SELECT instance FROM reporter"), (row) => fromBytes(blob(row, "instance")));
  }

  /** The publisher, under a connection number that is higher than each before. One row written. */
  connect(): { readonly instance: InstanceId; readonly connection: number } {
    this.#sql.exec("UPDATE reporter SET connection = connection + 1");
    return one(this.#sql.exec("SELECT instance, connection FROM reporter"), (row) => ({
      instance: fromBytes(blob(row, "instance")),
      connection: int(row, "connection"),
    }));
  }

  /** The number for the next publish; part of the caller's transaction. */
  nextNumber(): number {
    this.#sql.exec("UPDATE reporter SET publish = publish + 1");
    return one(this.#sql.exec("SELECT publish FROM reporter"), (row) => int(row, "publish"));
  }

  /** Publishes that no router has acknowledged, in order. */
  publishes(): readonly WaitingPublish[] {
    return all(
      this.#sql.exec("SELECT number, router, frame FROM report_publishes ORDER BY number"),
      (row) => ({
        number: int(row, "number"),
        router: text(row, "router"),
        frame: blob(row, "frame"),
      }),
    );
  }

  countPublishes(): number {
    return one(this.#sql.exec("SELECT count(*) AS n FROM report_publishes"), (row) => int(row, "n"));
  }

  addPublish({ number, router, frame }: WaitingPublish): void {
    const bytes = toBlob(frame);
    this.#sql.exec(
      "INSERT INTO report_publishes (number, router, frame) VALUES (?, ?, ?)",
      number,
      router,
      bytes,
    );
  }

  /** The router has sequenced everything up to the number. */
  published(router: string, number: number): void {
    this.#sql.exec("DELETE FROM report_publishes WHERE router = ? AND number <= ?", router, number);
  }

  /** The state of the log writer. */
  loadLog(): LogQueueState {
    const batches = all(this.#sql.exec("SELECT * FROM report_batches ORDER BY id"), (row) => ({
      id: int(row, "id"),
      logger: text(row, "logger"),
      number: int(row, "number"),
      stream: text(row, "stream"),
      records: int(row, "records"),
      hash: blob(row, "hash"),
      bytes: blob(row, "bytes"),
    }));
    const lasts = all(
      this.#sql.exec("SELECT logger, last FROM report_loggers"),
      (row) => [text(row, "logger"), int(row, "last")] as const,
    );
    const life = one(this.#sql.exec("SELECT writer, birth_ms FROM reporter"), (row) => ({
      writer: fromBytes(blob(row, "writer")),
      birthMs: int(row, "birth_ms"),
    }));
    return { life, lasts: new Map(lasts), batches };
  }

  /** Applies changes of the log writer; part of the caller's transaction. */
  applyLog(changes: readonly LogQueueChange[]): void {
    for (const change of changes) this.#applyLog(change);
  }

  #applyLog(change: LogQueueChange): void {
    switch (change.type) {
      case "batch": {
        const { id, logger, number, stream, records, hash, bytes } = change.batch;
        this.#sql.exec(
          "INSERT OR REPLACE INTO report_batches (id, logger, number, stream, records, hash, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
          id,
          logger,
          number,
          stream,
          records,
          toBlob(hash),
          toBlob(bytes),
        );
        return;
      }
      case "taken":
        this.#sql.exec("DELETE FROM report_batches WHERE id = ?", change.id);
        this.#sql.exec(
          "INSERT OR REPLACE INTO report_loggers (logger, last) VALUES (?, ?)",
          change.logger,
          change.number,
        );
        return;
      case "life":
        this.#sql.exec("DELETE FROM report_loggers");
        this.#sql.exec(
          "UPDATE reporter SET writer = ?, birth_ms = ?",
          toBlob(toBytes(change.life.writer)),
          change.life.birthMs,
        );
    }
  }
}
