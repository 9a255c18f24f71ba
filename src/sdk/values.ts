/**
 * Zeek's values under Zeek's names, made from what JavaScript has, and back. Numbers need a name because Zeek has three
 * kinds (`count`, `int`, `real`); times are milliseconds as numbers and nanoseconds as bigints.
 */
import { unreachable } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import { formatAddress, parseAddress } from "../data/address.ts";
import { set as setOf, table as tableOf } from "../data/order.ts";
import { formatPort, parsePort } from "../data/port.ts";
import { formatSubnet, parseSubnet } from "../data/subnet.ts";
import { parseTimespan, parseTimestamp } from "../data/time.ts";
import {
  address,
  boolean,
  integer,
  none,
  port as portOf,
  string,
  timespan,
  timestamp,
  vector as vectorOf,
  type AddressValue,
  type BooleanValue,
  type IntegerValue,
  type PortProtocol,
  type PortValue,
  type SetValue,
  type SubnetValue,
  type TableValue,
  type TimespanValue,
  type TimestampValue,
  type Value,
  type VectorValue,
} from "../data/value.ts";

const NS_PER_MS = 1_000_000n;

/** JavaScript values that stand for one Zeek value each: text, truth, absence, a moment, bytes, collections. */
export type JsArgument =
  | string
  | boolean
  | null
  | undefined
  | Date
  | Uint8Array
  | readonly Argument[]
  | ReadonlySet<Argument>
  | ReadonlyMap<Argument, Argument>;

/** What may be given as a value: one made here, or a JavaScript value that can mean only one. */
export type Argument = Value | JsArgument;

/** What `toJs` makes of a value. */
export type Js =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Date
  | readonly Js[]
  | ReadonlySet<Js>
  | ReadonlyMap<Js, Js>;

/** What `toJs` makes of each type. */
export interface JsByType {
  none: null;
  boolean: boolean;
  count: bigint;
  integer: bigint;
  real: number;
  string: string | Uint8Array;
  address: string;
  subnet: string;
  port: string;
  timestamp: Date;
  timespan: number;
  "enum-value": string;
  set: ReadonlySet<Js>;
  table: ReadonlyMap<Js, Js>;
  vector: readonly Js[];
}

/** A truth value. */
export function bool(value: boolean): BooleanValue {
  return boolean(value);
}

/** A signed 64-bit number. Throws `invalid_data` out of range, and for numbers that are not safe integers. */
export function int(value: bigint | number): IntegerValue {
  return integer(value);
}

/** An address from its text, or from its 4 or 16 bytes. Throws `invalid_data`. */
export function addr(value: string | Uint8Array): AddressValue {
  return typeof value === "string" ? parseAddress(value) : address(value);
}

/** A subnet from `10.0.0.0/8`; host bits are cleared. Throws `invalid_data`. */
export function subnet(text: string): SubnetValue {
  return parseSubnet(text);
}

/** A port from `53/udp`, or from number and protocol. Throws `invalid_data`. */
export function port(value: string | number, protocol: PortProtocol = "tcp"): PortValue {
  return typeof value === "string" ? parsePort(value) : portOf(value, protocol);
}

/** A moment: a Date, milliseconds since 1970, nanoseconds as a bigint, or ISO 8601 text. Throws `invalid_data`. */
export function time(value: Date | number | bigint | string): TimestampValue {
  if (typeof value === "string") return parseTimestamp(value);
  return timestamp(typeof value === "bigint" ? value : nanoseconds(Number(value)));
}

/** A duration: milliseconds, nanoseconds as a bigint, or text such as `1.5s`. Throws `invalid_data`. */
export function interval(value: number | bigint | string): TimespanValue {
  if (typeof value === "string") return parseTimespan(value);
  return timespan(typeof value === "bigint" ? value : nanoseconds(value));
}

/** A set, in Zeek's order. Throws `invalid_data` when two elements are equal. */
export function set(elements: Iterable<Argument>): SetValue {
  return setOf(Array.from(elements, toValue));
}

/** A table, in Zeek's order of keys. Throws `invalid_data` when two keys are equal. */
export function table(entries: Iterable<readonly [key: Argument, value: Argument]>): TableValue {
  return tableOf(Array.from(entries, ([key, value]) => ({ key: toValue(key), value: toValue(value) })));
}

/** A vector; also a record, as its fields in order with null for those that are not set. */
export function vector(elements: Iterable<Argument>): VectorValue {
  return vectorOf(Array.from(elements, toValue));
}

/** The value that an argument stands for. Throws `invalid_data`. */
export function toValue(argument: Argument): Value {
  if (argument === null || argument === undefined) return none();
  if (typeof argument === "string") return string(argument);
  if (typeof argument === "boolean") return boolean(argument);
  if (typeof argument !== "object") return refuse(argument);
  // Ahead of the collections because it is the usual case: none of them has a type.
  if (isValue(argument)) return argument;
  if (argument instanceof Date) return time(argument);
  if (argument instanceof Uint8Array) return string(argument);
  if (argument instanceof Set) return set(argument as ReadonlySet<Argument>);
  if (argument instanceof Map) return table(argument as ReadonlyMap<Argument, Argument>);
  if (isArray(argument)) return vector(argument);
  return refuse(argument);
}

function refuse(argument: unknown): never {
  throw new FabricError(
    "invalid_data",
    `a ${typeof argument} is no value of Zeek: numbers need a name, as in count(5)`,
  );
}

/**
 * The JavaScript value nearest to a value: 64-bit numbers as bigints, addresses, subnets and ports as text, times as
 * Dates and durations in milliseconds (what is below a millisecond is lost; `value.ns` has it), collections in Zeek's
 * order.
 */
export function toJs<V extends Value>(value: V): JsByType[V["type"]];
export function toJs(value: Value): Js {
  switch (value.type) {
    case "none":
      return null;
    case "boolean":
    case "count":
    case "integer":
    case "real":
    case "string":
      return value.value;
    case "address":
      return formatAddress(value.bytes);
    case "subnet":
      return formatSubnet(value);
    case "port":
      return formatPort(value);
    case "timestamp":
      return new Date(Number(value.ns / NS_PER_MS));
    case "timespan":
      return Number(value.ns) / Number(NS_PER_MS);
    case "enum-value":
      return value.name;
    case "vector":
      return value.elements.map((element) => toJs(element));
    case "set":
      return new Set<Js>(value.elements.map((element) => toJs(element)));
    case "table":
      return new Map<Js, Js>(value.entries.map((entry) => [toJs(entry.key), toJs(entry.value)]));
    default:
      return unreachable(value);
  }
}

function isValue(argument: object): argument is Value {
  return "type" in argument && typeof argument.type === "string";
}

function isArray(argument: Argument): argument is readonly Argument[] {
  return Array.isArray(argument);
}

/** Whole milliseconds are exact; a fraction is rounded to the nanosecond. */
function nanoseconds(ms: number): bigint {
  if (!Number.isFinite(ms)) throw new FabricError("invalid_data", "a time must be a finite number of ms");
  const whole = Math.floor(ms);
  return BigInt(whole) * NS_PER_MS + BigInt(Math.round((ms - whole) * Number(NS_PER_MS)));
}
