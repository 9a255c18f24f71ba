/**
 * Broker's total order over values, and what rests on it: sets, tables, keys. First by type in the order of
 * VALUE_TYPES, then by value (spec/websocket-json.md §8.7). As in Broker, 0.0 and -0.0 are equal; NaN, which Broker
 * leaves unordered, equals itself and comes after every number.
 */
import { unreachable } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import {
  PORT_PROTOCOLS,
  VALUE_TYPES,
  type SetValue,
  type StringValue,
  type TableEntry,
  type TableValue,
  type Value,
  type ValueType,
} from "./value.ts";

const RANK = Object.fromEntries(VALUE_TYPES.map((type, rank) => [type, rank])) as Record<ValueType, number>;
const encoder = new TextEncoder();

/** Negative, zero or positive, as `a` comes before, equals or comes after `b`. */
export function compareValues(a: Value, b: Value): number {
  if (a.type !== b.type) return RANK[a.type] - RANK[b.type];
  switch (a.type) {
    case "none":
      return 0;
    case "boolean":
      return Number(a.value) - Number((b as typeof a).value);
    case "count":
    case "integer":
      return compareBigints(a.value, (b as typeof a).value);
    case "real":
      return compareReals(a.value, (b as typeof a).value);
    case "string":
      return compareStrings(a, b as typeof a);
    case "address":
      return compareBytes(a.bytes, (b as typeof a).bytes);
    case "subnet":
      return compareBytes(a.network, (b as typeof a).network) || a.length - (b as typeof a).length;
    case "port":
      return (
        a.number - (b as typeof a).number ||
        PORT_PROTOCOLS.indexOf(a.protocol) - PORT_PROTOCOLS.indexOf((b as typeof a).protocol)
      );
    case "timestamp":
    case "timespan":
      return compareBigints(a.ns, (b as typeof a).ns);
    case "enum-value":
      return compareText(a.name, (b as typeof a).name);
    case "set":
    case "vector":
      return compareLists(a.elements, (b as typeof a).elements);
    case "table":
      return compareEntries(a.entries, (b as typeof a).entries);
    default:
      return unreachable(a);
  }
}

function compareBigints(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareReals(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareStrings(a: StringValue, b: StringValue): number {
  if (typeof a.value === "string" && typeof b.value === "string") return compareText(a.value, b.value);
  return compareBytes(bytesOf(a.value), bytesOf(b.value));
}

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? encoder.encode(value) : value;
}

/** Order of well-formed texts by their UTF-8 bytes, which is the order of code points and not of UTF-16 units. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

/** Units above the surrogates stand for smaller code points than a pair does; those below sort right either way. */
function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** Negative, zero or positive, as `a` comes before, equals or comes after `b`, byte by byte. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compareValues(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareEntries(a: readonly TableEntry[], b: readonly TableEntry[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compareValues(a[i]!.key, b[i]!.key) || compareValues(a[i]!.value, b[i]!.value);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** A set, sorted. Throws `invalid_data` when two elements are equal. Cost: a sort. */
export function set(elements: readonly Value[]): SetValue {
  const sorted = sortedUnique(elements, compareValues, "set: two elements are equal");
  return { type: "set", elements: sorted };
}

/** A table, sorted by key. Throws `invalid_data` when two keys are equal. Cost: a sort. */
export function table(entries: readonly TableEntry[]): TableValue {
  const byKey = (a: TableEntry, b: TableEntry) => compareValues(a.key, b.key);
  return { type: "table", entries: sortedUnique(entries, byKey, "table: two keys are equal") };
}

function sortedUnique<T>(items: readonly T[], compare: (a: T, b: T) => number, why: string): readonly T[] {
  const sorted = isAscending(items, compare) ? items : items.toSorted(compare);
  if (sorted !== items && !isAscending(sorted, compare)) throw new FabricError("invalid_data", why);
  return sorted;
}

function isAscending<T>(items: readonly T[], compare: (a: T, b: T) => number): boolean {
  for (let i = 1; i < items.length; i++) if (compare(items[i - 1]!, items[i]!) >= 0) return false;
  return true;
}

/** A string that two values share exactly when they compare as equal: for use as a Map key. */
export function canonicalKey(value: Value): string {
  switch (value.type) {
    case "none":
      return "n";
    case "boolean":
      return value.value ? "b1" : "b0";
    case "count":
      return `c${value.value}`;
    case "integer":
      return `i${value.value}`;
    case "real":
      return `r${value.value}`;
    case "string":
      return typeof value.value === "string" ? sized("s", value.value) : sized("x", latin1(value.value));
    case "address":
      return `a${latin1(value.bytes)}`;
    case "subnet":
      return `${sized("u", latin1(value.network))}/${value.length}`;
    case "port":
      return `p${value.number}/${value.protocol}`;
    case "timestamp":
      return `t${value.ns}`;
    case "timespan":
      return `d${value.ns}`;
    case "enum-value":
      return sized("e", value.name);
    case "set":
      return `S(${value.elements.map(canonicalKey).join(",")})`;
    case "vector":
      return `V(${value.elements.map(canonicalKey).join(",")})`;
    case "table":
      return `T(${value.entries.map((e) => `${canonicalKey(e.key)}=${canonicalKey(e.value)}`).join(",")})`;
    default:
      return unreachable(value);
  }
}

/** The length comes first, so that no text can imitate the structure around it. */
function sized(tag: string, text: string): string {
  return `${tag}${text.length}:${text}`;
}

function latin1(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += String.fromCharCode(byte);
  return out;
}
