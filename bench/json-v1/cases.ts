/** The cases of this subject, with what spec and design ask of them. */
import type { LoadResult, LoadShape } from "../load/plan.ts";
import type { Ratio } from "../subject.ts";

/** One pair: what was measured at the fabric and at the relay in the same seconds. */
export interface Pair {
  readonly fabric: LoadResult;
  readonly relay: LoadResult;
}

export interface Case {
  readonly name: string;
  readonly shape: LoadShape;
  /** Events delivered per second by the bare relay when spec/platform.md §6 was measured. */
  readonly referencePerSecond?: number;
  /** Bound on fabric / relay: of deliveries per second, or of p50 where the rate is fixed. */
  readonly budget?: Omit<Ratio, "value">;
}

const full = { groups: 1, publishers: 1, subscribers: 1, rate: 0 };

export const CASES: readonly Case[] = [
  { name: "1→1", shape: full, referencePerSecond: 54_000, budget: { min: 1.2 } },
  // Four publishers on four topics, each with a subscriber of its own, all through one object.
  { name: "4→4", shape: { ...full, groups: 4 }, budget: { min: 0.9 } },
  // Four publishers on one topic, every event to all four subscribers: what the reference figure looks like.
  {
    name: "4→all 4",
    shape: { ...full, publishers: 4, subscribers: 4 },
    referencePerSecond: 129_000,
    budget: { min: 0.9 },
  },
  { name: "1→50", shape: { ...full, subscribers: 50 }, referencePerSecond: 103_000, budget: { min: 1.2 } },
  { name: "latency", shape: { ...full, rate: 200 }, budget: { max: 5 } },
];
