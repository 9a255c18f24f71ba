/** What happens to a reader that falls behind (design.md, decision 4): Broker's policies, and one that never loses. */
import { FabricError } from "../base/errors.ts";

const OVERFLOW = ["drop_oldest", "drop_newest", "block", "disconnect"] as const;

/**
 * `drop_oldest`: what waits longest goes. `drop_newest`: what comes does not wait. `block`: publishers of matching
 * topics wait, up to a bound, then the reader is disconnected. `disconnect`: the reader goes.
 */
export type Overflow = (typeof OVERFLOW)[number];

/** Broker's default. */
const DEFAULT_OVERFLOW: Overflow = "drop_oldest";

/** A policy from what a peer sent; undefined is the default. Throws `invalid_message`. */
export function parseOverflow(input: unknown): Overflow {
  if (input === undefined || input === null) return DEFAULT_OVERFLOW;
  const found = OVERFLOW.find((policy) => policy === input);
  if (found === undefined)
    throw new FabricError("invalid_message", `overflow must be one of ${OVERFLOW.join(", ")}`);
  return found;
}
