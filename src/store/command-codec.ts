/**
 * Commands and queries as CBOR items:
 *
 *     command  [operation, key or null, expiry or null, operand…]
 *     expiry   [0, ms] after so long; [1, ms] at that moment
 *     query    [0 get, key], [1 exists, key], [2 get_index, key, index], [3 size], [4 keys, after or null],
 *              [5 entries, after or null]
 *
 * Operations are numbered in the order of OPERATIONS. Operands: value (put, put_unique, push), amount or null
 * (increment), amount or null and create (decrement), text (append), index (insert_into_set, remove_from), index and
 * value (insert_into_table). Keys, values and operands are byte strings.
 */
import { compareBytes } from "../data/order.ts";
import { CborReader } from "../data/cbor-reader.ts";
import { skipValue } from "../data/cbor-skip.ts";
import { decodeValue } from "../data/cbor-value.ts";
import { FabricError } from "../base/errors.ts";
import { blob, list, optional, uint, wrong } from "../protocol/frame-fields.ts";
import type { Encoded, Expiry, StoreCommand, StoreQuery } from "./command.ts";
import { encodeKey } from "./key.ts";

const OPERATIONS = [
  "put",
  "put_unique",
  "erase",
  "clear",
  "increment",
  "decrement",
  "append",
  "insert_into_set",
  "insert_into_table",
  "remove_from",
  "push",
  "pop",
] as const satisfies readonly StoreCommand["type"][];
const QUERIES = [
  "get",
  "exists",
  "get_index",
  "size",
  "keys",
  "entries",
] as const satisfies readonly StoreQuery["type"][];
const EXPIRIES = ["after", "at"] as const satisfies readonly Expiry["type"][];

/** A command as an item of a frame. */
export function commandItem(command: StoreCommand): unknown {
  const key = "key" in command ? command.key : null;
  const expiry = "expiry" in command && command.expiry !== undefined ? command.expiry : undefined;
  const ends = expiry === undefined ? null : [EXPIRIES.indexOf(expiry.type), expiry.ms];
  return [OPERATIONS.indexOf(command.type), key, ends, ...operandsOf(command)];
}

function operandsOf(command: StoreCommand): readonly unknown[] {
  switch (command.type) {
    case "put":
    case "put_unique":
    case "push":
      return [command.value];
    case "increment":
      return [command.amount ?? null];
    case "decrement":
      return [command.amount ?? null, command.create ?? false];
    case "append":
      return [command.text];
    case "insert_into_set":
    case "remove_from":
      return [command.index];
    case "insert_into_table":
      return [command.index, command.value];
    case "erase":
    case "clear":
    case "pop":
      return [];
  }
}

/** A command from an item. Byte strings are views. Throws `invalid_message`. */
export function parseCommand(v: unknown): StoreCommand {
  const [number, key, ends, a, b] = list(v, "command");
  const type = OPERATIONS[uint(number, "operation")] ?? wrong("operation", "a known one", number);
  if (type === "clear") return { type };
  if (type === "erase") return { type, key: blob(key, "key") };
  const expiry = optional(ends, parseExpiry);
  const keyed = { key: blob(key, "key"), ...(expiry === undefined ? {} : { expiry }) };
  switch (type) {
    case "put":
    case "put_unique":
    case "push":
      return { ...keyed, type, value: blob(a, "value") };
    case "increment":
      return { ...keyed, type, ...amountOf(a) };
    case "decrement":
      return { ...keyed, type, ...amountOf(a), ...(b === true ? { create: true } : {}) };
    case "append":
      return { ...keyed, type, text: blob(a, "text") };
    case "insert_into_set":
    case "remove_from":
      return { ...keyed, type, index: blob(a, "index") };
    case "insert_into_table":
      return { ...keyed, type, index: blob(a, "index"), value: blob(b, "value") };
    case "pop":
      return { ...keyed, type };
  }
}

function amountOf(v: unknown): { amount?: Encoded } {
  const amount = optional(v, (bytes) => blob(bytes, "amount"));
  return amount === undefined ? {} : { amount };
}

function parseExpiry(v: unknown): Expiry {
  const [number, ms] = list(v, "expiry");
  const type = EXPIRIES[uint(number, "expiry")] ?? wrong("expiry", "of a known kind", number);
  return { type, ms: uint(ms, "expiry") };
}

/** A query as an item of a frame. */
export function queryItem(query: StoreQuery): unknown {
  const number = QUERIES.indexOf(query.type);
  switch (query.type) {
    case "get":
    case "exists":
      return [number, query.key];
    case "get_index":
      return [number, query.key, query.index];
    case "size":
      return [number];
    case "keys":
    case "entries":
      return [number, query.after ?? null];
  }
}

/** A query from an item. Byte strings are views. Throws `invalid_message`. */
export function parseQuery(v: unknown): StoreQuery {
  const [number, a, b] = list(v, "query");
  const type = QUERIES[uint(number, "query")] ?? wrong("query", "a known one", number);
  switch (type) {
    case "get":
    case "exists":
      return { type, key: blob(a, "key") };
    case "get_index":
      return { type, key: blob(a, "key"), index: blob(b, "index") };
    case "size":
      return { type };
    case "keys":
    case "entries": {
      const after = optional(a, (key) => blob(key, "after"));
      return after === undefined ? { type } : { type, after };
    }
  }
}

/**
 * What a session does for masters, who look into nothing that they need not: throws `invalid_data` unless the key is
 * as `encodeKey` writes it and everything else is a value.
 */
export function checkCommand(command: StoreCommand): void {
  if ("key" in command) checkKey(command.key);
  for (const part of operandsOf(command)) if (part instanceof Uint8Array) checkValue(part);
}

function checkKey(key: Encoded): void {
  orInvalid(() => {
    if (compareBytes(encodeKey(decodeValue(key)), key) !== 0) {
      throw new FabricError("invalid_data", "a key is not in its canonical form");
    }
  });
}

function checkValue(value: Encoded): void {
  orInvalid(() => {
    const reader = new CborReader(value);
    skipValue(reader);
    if (reader.left > 0) reader.fail("bytes after the value");
  });
}

function orInvalid(check: () => void): void {
  try {
    check();
  } catch (cause) {
    if (!(cause instanceof FabricError) || cause.code !== "deserialization_failed") throw cause;
    throw new FabricError("invalid_data", "a key or value is not CBOR of a value", { cause });
  }
}
