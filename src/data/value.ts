/**
 * Broker's data model: the tagged union of every value an event, a store or a log may hold, and the constructors that
 * check it. Sets and tables are made in order.ts, because they are sorted. Source: Broker's `data` variant and
 * spec/websocket-json.md §8. The tags are the names on the wire of JSON v1.
 */
import { FabricError } from "../base/errors.ts";

export interface NoneValue {
  readonly type: "none";
}
export interface BooleanValue {
  readonly type: "boolean";
  readonly value: boolean;
}
/** Unsigned, 64 bits. */
export interface CountValue {
  readonly type: "count";
  readonly value: bigint;
}
/** Signed, 64 bits. */
export interface IntegerValue {
  readonly type: "integer";
  readonly value: bigint;
}
export interface RealValue {
  readonly type: "real";
  readonly value: number;
}
/** Zeek's strings are bytes. Those that are UTF-8 are held as (well-formed) text, only the others as bytes. */
export interface StringValue {
  readonly type: "string";
  readonly value: string | Uint8Array;
}
/** 16 bytes in network order; IPv4 is `::ffff:a.b.c.d`. */
export interface AddressValue {
  readonly type: "address";
  readonly bytes: Uint8Array;
}
/** Network with the host bits cleared. `length` is 0 to 32 for IPv4, 0 to 128 for IPv6. */
export interface SubnetValue {
  readonly type: "subnet";
  readonly network: Uint8Array;
  readonly length: number;
}
export type PortProtocol = "?" | "tcp" | "udp" | "icmp";
export interface PortValue {
  readonly type: "port";
  readonly number: number;
  readonly protocol: PortProtocol;
}
/** Nanoseconds since 1970-01-01T00:00:00Z. */
export interface TimestampValue {
  readonly type: "timestamp";
  readonly ns: bigint;
}
/** Nanoseconds, signed. */
export interface TimespanValue {
  readonly type: "timespan";
  readonly ns: bigint;
}
export interface EnumValue {
  readonly type: "enum-value";
  readonly name: string;
}
/** Elements in Broker's total order, each once. */
export interface SetValue {
  readonly type: "set";
  readonly elements: readonly Value[];
}
export interface TableEntry {
  readonly key: Value;
  readonly value: Value;
}
/** Entries by key in Broker's total order, each key once. */
export interface TableValue {
  readonly type: "table";
  readonly entries: readonly TableEntry[];
}
export interface VectorValue {
  readonly type: "vector";
  readonly elements: readonly Value[];
}

export type Value =
  | NoneValue
  | BooleanValue
  | CountValue
  | IntegerValue
  | RealValue
  | StringValue
  | AddressValue
  | SubnetValue
  | PortValue
  | TimestampValue
  | TimespanValue
  | EnumValue
  | SetValue
  | TableValue
  | VectorValue;

export type ValueType = Value["type"];

/** Every type in Broker's order of types; the index is Broker's type number and ours in CBOR. */
export const VALUE_TYPES = [
  "none",
  "boolean",
  "count",
  "integer",
  "real",
  "string",
  "address",
  "subnet",
  "port",
  "timestamp",
  "timespan",
  "enum-value",
  "set",
  "table",
  "vector",
] as const satisfies readonly ValueType[];

/** Every protocol in Broker's order; the index is Broker's number and ours in CBOR. */
export const PORT_PROTOCOLS = ["?", "tcp", "udp", "icmp"] as const satisfies readonly PortProtocol[];

export const COUNT_MAX = 2n ** 64n - 1n;
export const INTEGER_MIN = -(2n ** 63n);
export const INTEGER_MAX = 2n ** 63n - 1n;
/** First whole millisecond of the 64-bit range: so the text of every timestamp, cut to milliseconds, is one too. */
export const TIMESTAMP_MIN_NS = -9_223_372_036_854_000_000n;
export const ADDRESS_BYTES = 16;
export const PORT_MAX = 65_535;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function refuse(type: ValueType, why: string): never {
  throw new FabricError("invalid_data", `${type}: ${why}`, { details: { type } });
}

function whole(type: ValueType, value: bigint | number, min: bigint, max: bigint): bigint {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    return refuse(type, "a number must be a safe integer; use a bigint");
  }
  const big = BigInt(value);
  if (big < min || big > max) return refuse(type, `must be in ${min} to ${max}`);
  return big;
}

const NONE: NoneValue = { type: "none" };
const TRUE: BooleanValue = { type: "boolean", value: true };
const FALSE: BooleanValue = { type: "boolean", value: false };

/** The absent value (`nil`). */
export function none(): NoneValue {
  return NONE;
}

/** A truth value. */
export function boolean(value: boolean): BooleanValue {
  return value ? TRUE : FALSE;
}

/** An unsigned 64-bit number. Throws `invalid_data` outside 0 to 2^64-1, and for numbers that are not safe integers. */
export function count(value: bigint | number): CountValue {
  return { type: "count", value: whole("count", value, 0n, COUNT_MAX) };
}

/** A signed 64-bit number. Throws `invalid_data` outside -2^63 to 2^63-1, and for numbers that are not safe integers. */
export function integer(value: bigint | number): IntegerValue {
  return { type: "integer", value: whole("integer", value, INTEGER_MIN, INTEGER_MAX) };
}

/** A double, NaN and the infinities included (these have no JSON form). */
export function real(value: number): RealValue {
  return { type: "real", value };
}

/** A string from text or bytes; bytes that are UTF-8 become text. Throws `invalid_data` on a lone surrogate. */
export function string(value: string | Uint8Array): StringValue {
  if (typeof value !== "string") return { type: "string", value: textOrBytes(value) };
  if (!value.isWellFormed()) return refuse("string", "has a lone surrogate");
  return { type: "string", value };
}

function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  try {
    return utf8.decode(bytes);
  } catch {
    return bytes.slice();
  }
}

/** An address from its 16 bytes, or the 4 of IPv4. Throws `invalid_data` for another length. */
export function address(bytes: Uint8Array): AddressValue {
  if (bytes.length === ADDRESS_BYTES) return { type: "address", bytes: bytes.slice() };
  if (bytes.length !== 4) return refuse("address", `must have 4 or ${ADDRESS_BYTES} bytes`);
  const out = new Uint8Array(ADDRESS_BYTES);
  out[10] = 0xff;
  out[11] = 0xff;
  out.set(bytes, 12);
  return { type: "address", bytes: out };
}

/** Whether 16 address bytes stand for an IPv4 address. */
export function isIPv4(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

/** A subnet; host bits are cleared. `length` counts in the family of the address. Throws `invalid_data`. */
export function subnet(bytes: Uint8Array, length: number): SubnetValue {
  const network = address(bytes).bytes;
  const v4 = isIPv4(network);
  const max = v4 ? 32 : 128;
  if (!Number.isInteger(length) || length < 0 || length > max) {
    return refuse("subnet", `the length must be in 0 to ${max}`);
  }
  const kept = v4 ? length + 96 : length;
  for (let i = kept >> 3; i < ADDRESS_BYTES; i++) {
    network[i] = i === kept >> 3 ? network[i]! & (0xff00 >> (kept & 7)) : 0;
  }
  return { type: "subnet", network, length };
}

/** A port. Throws `invalid_data` outside 0 to 65535. */
export function port(number: number, protocol: PortProtocol): PortValue {
  if (!Number.isInteger(number) || number < 0 || number > PORT_MAX) {
    return refuse("port", `the number must be in 0 to ${PORT_MAX}`);
  }
  return { type: "port", number: number === 0 ? 0 : number, protocol };
}

/** A moment, nanoseconds since 1970. Throws `invalid_data` outside the signed 64-bit range (years 1677 to 2262). */
export function timestamp(ns: bigint): TimestampValue {
  return { type: "timestamp", ns: whole("timestamp", ns, TIMESTAMP_MIN_NS, INTEGER_MAX) };
}

/** A duration in nanoseconds. Throws `invalid_data` outside the signed 64-bit range. */
export function timespan(ns: bigint): TimespanValue {
  return { type: "timespan", ns: whole("timespan", ns, INTEGER_MIN, INTEGER_MAX) };
}

/** An enum value by its fully scoped name. Throws `invalid_data` on a lone surrogate. */
export function enumValue(name: string): EnumValue {
  if (!name.isWellFormed()) return refuse("enum-value", "has a lone surrogate");
  return { type: "enum-value", name };
}

/** A vector; also a record, as its fields in order with `none` for the unset ones. */
export function vector(elements: readonly Value[]): VectorValue {
  return { type: "vector", elements };
}
