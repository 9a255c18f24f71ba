/**
 * What each operation makes of a stored value. Operations check their own type (Broker's library goes by the stored
 * one, so that its push inserts into sets); the add family creates a missing key. Source: spec/stores.md §2.
 */
import { unreachable } from "../base/assert.ts";
import { decodeValue } from "../data/cbor-value.ts";
import { set, table } from "../data/order.ts";
import { boolean, count, integer, string, vector, type Value } from "../data/value.ts";
import { addTo, zeroFor } from "./arithmetic.ts";
import {
  concatenate,
  hasElement,
  popped,
  pushed,
  tableValueOf,
  withElement,
  withEntry,
  withoutIndex,
} from "./collection.ts";
import type { ModifyCommand, StoreCode } from "./command.ts";

/**
 * The value that a command leaves, or why there is none. `stored`: undefined when the key is missing; `wrap`: counts
 * and integers wrap at 64 bits. Throws `deserialization_failed` for operands that are no values.
 */
export function modify(command: ModifyCommand, stored: Value | undefined, wrap: boolean): Value | StoreCode {
  switch (command.type) {
    case "increment":
    case "decrement":
      return addOrSubtract(command, stored, wrap);
    case "append":
      return append(stored ?? string(""), decodeValue(command.text));
    case "insert_into_set": {
      const value = stored ?? set([]);
      return value.type === "set" ? withElement(value, decodeValue(command.index)) : "type_clash";
    }
    case "insert_into_table": {
      const value = stored ?? table([]);
      if (value.type !== "table") return "type_clash";
      return withEntry(value, decodeValue(command.index), decodeValue(command.value));
    }
    case "remove_from":
      if (stored === undefined) return "no_such_key";
      if (stored.type !== "set" && stored.type !== "table") return "type_clash";
      return withoutIndex(stored, decodeValue(command.index));
    case "push": {
      const value = stored ?? vector([]);
      return value.type === "vector" ? pushed(value, decodeValue(command.value)) : "type_clash";
    }
    case "pop":
      if (stored === undefined) return "no_such_key";
      return stored.type === "vector" ? popped(stored) : "type_clash";
    default:
      return unreachable(command);
  }
}

function addOrSubtract(
  command: Extract<ModifyCommand, { type: "increment" | "decrement" }>,
  stored: Value | undefined,
  wrap: boolean,
): Value | StoreCode {
  const amount = command.amount === undefined ? undefined : decodeValue(command.amount);
  const isIncrement = command.type === "increment";
  const sign = isIncrement ? 1n : -1n;
  if (stored !== undefined) return addTo(stored, amount, sign, wrap);
  if (!isIncrement && command.create !== true) return "no_such_key";
  // Nothing can be taken from a count of 0, so what is counted down from nothing is an integer.
  const by = amount ?? (isIncrement ? count(1n) : integer(1n));
  const zero = zeroFor(by);
  return typeof zero === "string" ? zero : addTo(zero, by, sign, wrap);
}

function append(stored: Value, text: Value): Value | StoreCode {
  return stored.type === "string" && text.type === "string" ? concatenate(stored, text) : "type_clash";
}

/** What `get_index_from_value` gives; of values without an index the value itself. */
export function indexed(value: Value, index: Value): Value | StoreCode {
  switch (value.type) {
    case "set":
      return boolean(hasElement(value, index));
    case "table":
      return tableValueOf(value, index) ?? "no_such_key";
    case "vector":
      if (index.type !== "count" && (index.type !== "integer" || index.value < 0n)) return "type_clash";
      return (
        (index.value < BigInt(value.elements.length) ? value.elements[Number(index.value)] : undefined) ??
        "no_such_key"
      );
    default:
      return value;
  }
}
