/**
 * Numbers of stores: what increment and decrement make of a stored value. Types must match, but moments take
 * durations. Results outside of 64 bits are refused unless the store wraps (design decision: Broker always wraps).
 * Source: spec/stores.md §2.1.
 */
import {
  count,
  COUNT_MAX,
  integer,
  INTEGER_MAX,
  INTEGER_MIN,
  real,
  TIMESTAMP_MIN_NS,
  timespan,
  timestamp,
  type Value,
} from "../data/value.ts";
import type { StoreCode } from "./command.ts";

/** `stored` and `sign` times `amount`; without an amount, 1 in the type of the stored number. */
export function addTo(
  stored: Value,
  amount: Value | undefined,
  sign: 1n | -1n,
  wrap: boolean,
): Value | StoreCode {
  switch (stored.type) {
    case "count": {
      if (amount !== undefined && amount.type !== "count") return "type_clash";
      const sum = fit(stored.value + sign * (amount?.value ?? 1n), 0n, COUNT_MAX, wrap);
      return sum === undefined ? "invalid_data" : count(sum);
    }
    case "integer": {
      if (amount !== undefined && amount.type !== "integer") return "type_clash";
      const sum = fit(stored.value + sign * (amount?.value ?? 1n), INTEGER_MIN, INTEGER_MAX, wrap);
      return sum === undefined ? "invalid_data" : integer(sum);
    }
    case "real":
      if (amount !== undefined && amount.type !== "real") return "type_clash";
      return real(stored.value + Number(sign) * (amount?.value ?? 1));
    case "timestamp":
    case "timespan": {
      if (amount?.type !== "timespan") return "type_clash";
      const sum = fit(stored.ns + sign * amount.ns, INTEGER_MIN, INTEGER_MAX, wrap);
      if (sum === undefined) return "invalid_data";
      if (stored.type === "timespan") return timespan(sum);
      return sum < TIMESTAMP_MIN_NS ? "invalid_data" : timestamp(sum);
    }
    default:
      return "type_clash";
  }
}

function fit(sum: bigint, min: bigint, max: bigint, wrap: boolean): bigint | undefined {
  if (sum >= min && sum <= max) return sum;
  if (!wrap) return undefined;
  return min === 0n ? BigInt.asUintN(64, sum) : BigInt.asIntN(64, sum);
}

/** What a missing key counts as under such an amount; a duration makes a moment, as in Broker. */
export function zeroFor(amount: Value): Value | StoreCode {
  switch (amount.type) {
    case "count":
      return count(0n);
    case "integer":
      return integer(0n);
    case "real":
      return real(0);
    case "timespan":
      return timestamp(0n);
    default:
      return "type_clash";
  }
}
