/** What of the past a subscription begins with, where its topics are kept (PROTOCOL.md, rule 11). */
import type { Position } from "../protocol/frame.ts";

/**
 * `last`: so many events of each kept prefix. `lastPerTopic`: the last event of each topic. `sinceMs`: everything since
 * a time, ms since 1970. `positions`: everything behind these places.
 */
export type History =
  | { readonly last: number }
  | { readonly lastPerTopic: true }
  | { readonly sinceMs: number }
  | { readonly positions: readonly Position[] };

/** As the option of a subscribe frame. */
export function historyOption(history: History): unknown {
  if (!("positions" in history)) return history;
  return { positions: history.positions.map(({ router, incarnation, seq }) => [router, incarnation, seq]) };
}
