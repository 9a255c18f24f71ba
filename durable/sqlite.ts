/** SQLite of an object: the schema and its version, and rows whose columns have the type that the caller names. */
import { assert } from "../src/base/assert.ts";
import { FabricError } from "../src/base/errors.ts";

export type Row = Readonly<Record<string, SqlStorageValue>>;

/**
 * Brings the schema to the newest version: step i makes version i + 1, and steps that are deployed never change. Cheap
 * when there is nothing to do, so constructors may call it. Throws `backend_failure` when the stored version is newer.
 */
export function migrate(storage: DurableObjectStorage, steps: readonly string[]): void {
  const { sql } = storage;
  sql.exec("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)");
  const version = maybe(sql.exec("SELECT version FROM schema_version"), (row) => int(row, "version")) ?? 0;
  if (version > steps.length) {
    throw new FabricError(
      "backend_failure",
      `schema version ${version} is stored, this release knows ${steps.length}`,
    );
  }
  if (version === steps.length) return;
  storage.transactionSync(() => {
    for (const step of steps.slice(version)) sql.exec(step);
    sql.exec("DELETE FROM schema_version");
    sql.exec("INSERT INTO schema_version (version) VALUES (?)", steps.length);
  });
}

/** All rows of a cursor, parsed. */
export function all<T>(cursor: Iterable<Row>, parse: (row: Row) => T): T[] {
  return Array.from(cursor, parse);
}

/** The first row, parsed, or undefined. */
export function maybe<T>(cursor: Iterable<Row>, parse: (row: Row) => T): T | undefined {
  for (const row of cursor) return parse(row);
  return undefined;
}

/** The first row, parsed; there must be one, as of an aggregate. */
export function one<T>(cursor: Iterable<Row>, parse: (row: Row) => T): T {
  const found = maybe(cursor, (row) => ({ value: parse(row) }));
  assert(found !== undefined, "a query has a row");
  return found.value;
}

/** An integer column; NULL, as of max() over nothing, is 0. */
export function int(row: Row, column: string): number {
  const value = row[column] ?? 0;
  assert(Number.isSafeInteger(value), `column ${column} is an integer`);
  return value as number;
}

export function text(row: Row, column: string): string {
  const value = row[column];
  assert(typeof value === "string", `column ${column} is text`);
  return value;
}

export function blob(row: Row, column: string): Uint8Array<ArrayBuffer> {
  const value = row[column];
  assert(value instanceof ArrayBuffer, `column ${column} is a blob`);
  return new Uint8Array(value);
}

export function isNull(row: Row, column: string): boolean {
  return row[column] === null;
}

/** Bytes as SQLite takes them: a buffer of their own. */
export function toBlob(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  const isWhole = buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength;
  // Not `slice`: on a Buffer, which is what cbor-x makes, that is a view of the same memory.
  return isWhole ? buffer : new Uint8Array(bytes).buffer;
}

/** Pieces of one value, joined. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
