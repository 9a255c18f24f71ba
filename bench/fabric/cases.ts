/** The cases of throughput, with what the design asks of them. */
import type { LoadShape } from "../load/plan.ts";
import type { Ratio } from "../subject.ts";

export interface Case {
  readonly name: string;
  readonly shape: LoadShape;
  /** Bound on the events delivered per second, fabric / bare relay. */
  readonly budget?: Omit<Ratio, "value">;
}

/** 50 events of 200 bytes to a frame. */
export const EVENTS = 50;

/** As much as the window lets through, one publisher to one subscriber. */
export const FULL: LoadShape = { groups: 1, publishers: 1, subscribers: 1, rate: 0, events: EVENTS };

export const CASES: readonly Case[] = [
  { name: "1→1", shape: FULL },
  // Four publishers on topics of their own, each with a subscriber of its own.
  { name: "4→4", shape: { ...FULL, groups: 4 }, budget: { min: 0.8 } },
  // Four publishers on one topic, every event to all four subscribers.
  { name: "4→all 4", shape: { ...FULL, publishers: 4, subscribers: 4 } },
  { name: "1→50", shape: { ...FULL, subscribers: 50 }, budget: { min: 0.8 } },
  { name: "50→1", shape: { ...FULL, publishers: 50 } },
];
