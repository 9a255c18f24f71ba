/** CPU of delivered events, by pairs of runs. */
import type { SliceCost } from "../load/plan.ts";

/** CPU of a delivered event in each pair of runs, microseconds: slices of one pair lie next to one another in time. */
export function pairCosts(slices: readonly SliceCost[], perPair: number): number[] {
  return Array.from({ length: Math.ceil(slices.length / perPair) }, (_, pair) => {
    const own = slices.slice(pair * perPair, (pair + 1) * perPair);
    const sum = (pick: (slice: SliceCost) => number) => own.reduce((n, slice) => n + pick(slice), 0);
    return (
      (sum((s) => s.serverSeconds) * 1e6) /
      Math.max(
        1,
        sum((s) => s.events),
      )
    );
  });
}
