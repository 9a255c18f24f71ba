/** Events that are due later, in the order in which they are due. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { FabricEvent } from "../protocol/event.ts";
import type { ScheduledEvent } from "./effects.ts";

export class Schedules {
  #all: ScheduledEvent[];
  #lastId: number;

  constructor(stored: readonly ScheduledEvent[]) {
    this.#all = stored.toSorted((a, b) => a.atMs - b.atMs || a.id - b.id);
    this.#lastId = stored.reduce((last, { id }) => Math.max(last, id), 0);
  }

  /** When the next one is due, ms; Infinity when there is none. */
  get dueMs(): number {
    return this.#all[0]?.atMs ?? Infinity;
  }

  /** Throws `invalid_data` for a time that is none, `too_many`. Cost: a move of what is due later. */
  add(atMs: number, event: FabricEvent): ScheduledEvent {
    if (this.#all.length >= LIMITS.scriptSchedulesMax) {
      throw new FabricError("too_many", `a node has at most ${LIMITS.scriptSchedulesMax} scheduled events`);
    }
    const scheduled = { id: ++this.#lastId, atMs, event };
    let [low, high] = [0, this.#all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#all[middle]!.atMs <= atMs) low = middle + 1;
      else high = middle;
    }
    this.#all.splice(low, 0, scheduled);
    return scheduled;
  }

  /** Takes those that are due. */
  take(nowMs: number): readonly ScheduledEvent[] {
    const later = this.#all.findIndex(({ atMs }) => atMs > nowMs);
    return this.#all.splice(0, later < 0 ? this.#all.length : later);
  }
}

/** The time in so many ms. Throws `invalid_data` for what is no time from now to `LIMITS.scriptScheduleMsMax`. */
export function inMs(nowMs: number, ms: number): number {
  if (Number.isFinite(ms) && ms >= 0 && ms <= LIMITS.scriptScheduleMsMax) return nowMs + ms;
  throw new FabricError(
    "invalid_data",
    `an event is scheduled in 0 to ${LIMITS.scriptScheduleMsMax} ms, not in ${ms}`,
  );
}
