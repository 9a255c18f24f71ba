/** How much one peer may subscribe to. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Prefix } from "./topic.ts";

/** Throws `too_many` when the prefixes of one peer are more than their bound, by count or by bytes. */
export function assertSubscriptionBounds(prefixes: ReadonlySet<Prefix>): void {
  if (prefixes.size > LIMITS.subscriptionsMax) {
    throw new FabricError(
      "too_many",
      `${prefixes.size} subscriptions, at most ${LIMITS.subscriptionsMax} are allowed`,
    );
  }
  let bytes = 0;
  for (const prefix of prefixes) bytes += prefix.length;
  if (bytes > LIMITS.subscriptionBytesMax) {
    throw new FabricError(
      "too_many",
      `subscriptions of ${bytes} bytes, at most ${LIMITS.subscriptionBytesMax} are allowed`,
    );
  }
}
