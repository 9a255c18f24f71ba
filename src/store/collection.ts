/** Strings, sets, tables and vectors of stores: one element more or less. Costs a copy of the collection. */
import { compareValues, set, table } from "../data/order.ts";
import {
  string,
  vector,
  type SetValue,
  type StringValue,
  type TableValue,
  type VectorValue,
} from "../data/value.ts";
import type { Value } from "../data/value.ts";

const encoder = new TextEncoder();

/** Both strings, one behind the other. */
export function concatenate(a: StringValue, b: StringValue): StringValue {
  if (typeof a.value === "string" && typeof b.value === "string") return string(a.value + b.value);
  const [front, back] = [bytesOf(a), bytesOf(b)];
  const bytes = new Uint8Array(front.length + back.length);
  bytes.set(front);
  bytes.set(back, front.length);
  return string(bytes);
}

function bytesOf({ value }: StringValue): Uint8Array {
  return typeof value === "string" ? encoder.encode(value) : value;
}

/** Where a key is among sorted ones, or where it would be. */
function find(size: number, keyAt: (index: number) => Value, key: Value): { at: number; isThere: boolean } {
  let low = 0;
  let high = size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareValues(keyAt(middle), key);
    if (order === 0) return { at: middle, isThere: true };
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return { at: low, isThere: false };
}

function inSet({ elements }: SetValue, element: Value) {
  return find(elements.length, (i) => elements[i]!, element);
}

function inTable({ entries }: TableValue, key: Value) {
  return find(entries.length, (i) => entries[i]!.key, key);
}

/** Whether a set has an element. */
export function hasElement(value: SetValue, element: Value): boolean {
  return inSet(value, element).isThere;
}

/** The value of a table's key. */
export function tableValueOf(value: TableValue, key: Value): Value | undefined {
  const { at, isThere } = inTable(value, key);
  return isThere ? value.entries[at]!.value : undefined;
}

/** A set with an element. */
export function withElement(value: SetValue, element: Value): SetValue {
  const { at, isThere } = inSet(value, element);
  return isThere ? value : set(value.elements.toSpliced(at, 0, element));
}

/** A table in which a key has this value. */
export function withEntry(value: TableValue, key: Value, entry: Value): TableValue {
  const { at, isThere } = inTable(value, key);
  return table(value.entries.toSpliced(at, isThere ? 1 : 0, { key, value: entry }));
}

/** A set or table without an element or key. */
export function withoutIndex(value: SetValue | TableValue, index: Value): SetValue | TableValue {
  const { at, isThere } = value.type === "set" ? inSet(value, index) : inTable(value, index);
  if (!isThere) return value;
  if (value.type === "set") return set(value.elements.toSpliced(at, 1));
  return table(value.entries.toSpliced(at, 1));
}

/** A vector with one element more at its end. */
export function pushed(value: VectorValue, element: Value): VectorValue {
  return vector([...value.elements, element]);
}

/** A vector without its last element; an empty one stays as it is. */
export function popped(value: VectorValue): VectorValue {
  return vector(value.elements.slice(0, -1));
}
