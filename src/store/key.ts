/**
 * Keys as bytes. Two keys are the same key exactly when their bytes are (Broker's equality: by type and value), and
 * stores keep them in the order of these bytes, as SQLite keeps blobs.
 */
import { encodeValue } from "../data/cbor-value.ts";
import { real, vector, type Value } from "../data/value.ts";
import { set, table } from "../data/order.ts";
import type { Encoded } from "./command.ts";

/** The bytes of a key. Throws `invalid_data` past `LIMITS.valueNestingMax`. */
export function encodeKey(key: Value): Encoded {
  return encodeValue(withoutNegativeZero(key));
}

/** -0.0 equals 0.0, but has bytes of its own. */
function withoutNegativeZero(value: Value): Value {
  switch (value.type) {
    case "real":
      return Object.is(value.value, -0) ? real(0) : value;
    case "vector":
      return vector(value.elements.map(withoutNegativeZero));
    case "set":
      return set(value.elements.map(withoutNegativeZero));
    case "table":
      return table(
        value.entries.map((entry) => ({
          key: withoutNegativeZero(entry.key),
          value: withoutNegativeZero(entry.value),
        })),
      );
    default:
      return value;
  }
}
