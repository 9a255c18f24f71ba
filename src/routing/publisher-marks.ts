/** The last publisher sequence number that a router has taken of each publisher: what comes again is told by it. */
import { LIMITS } from "../base/limits.ts";
import type { InstanceId } from "../protocol/frame.ts";
import type { HeldPublish } from "./held-publishes.ts";

export type Verdict = "new" | "repeat" | "overtaken";

export class PublisherMarks {
  readonly #marks: Map<InstanceId, number>;
  /** Trunks whose publishes are not taken any more. */
  readonly #overtaken = new Set<string>();

  constructor(entries: Iterable<readonly [InstanceId, number]> = []) {
    this.#marks = new Map(entries);
  }

  /** All marks, the publishers heard of first in front. */
  entries(): readonly (readonly [InstanceId, number])[] {
    return [...this.#marks];
  }

  /** Takes a number; false when it, or a higher one, was taken before. */
  take(publisher: InstanceId, seq: number, isConnected: (publisher: InstanceId) => boolean): boolean {
    const last = this.#marks.get(publisher);
    if (last !== undefined && seq <= last) return false;
    if (last === undefined && this.#marks.size >= LIMITS.publishersMax) this.#forget(isConnected);
    this.#marks.set(publisher, seq);
    return true;
  }

  /**
   * What to do with a publish: take it; only acknowledge it, because it was taken before, by this way or another; or
   * not take it, nor anything behind it on its trunk. The last is for publishes that a session has joined and of which
   * another session of the same client has taken some since: those must not come again, and the rest is the client's
   * to send again (rules 1 and 5).
   */
  judge({ trunk, instance, frame }: HeldPublish, isConnected: (publisher: InstanceId) => boolean): Verdict {
    const { seq, first = seq, origin } = frame;
    const last = this.#marks.get(instance);
    const isPartlyTaken = last !== undefined && last >= first && last < seq;
    if (isPartlyTaken || this.#overtaken.has(trunk)) {
      this.#overtaken.add(trunk);
      return "overtaken";
    }
    const isNew = this.take(instance, seq, isConnected);
    if (!isNew || origin === undefined) return isNew ? "new" : "repeat";
    return this.take(origin.publisher, origin.seq, isConnected) ? "new" : "repeat";
  }

  /** A newer connection has gone on under another table. */
  overtake(trunk: string): void {
    this.#overtaken.add(trunk);
  }

  /** Nothing waits any more: of trunks that were refused nothing more can come. */
  settled(): void {
    this.#overtaken.clear();
  }

  /** Makes room: drops half of the marks, those of connected publishers last. */
  #forget(isConnected: (publisher: InstanceId) => boolean): void {
    const target = LIMITS.publishersMax / 2;
    for (const keepConnected of [true, false]) {
      for (const publisher of this.#marks.keys()) {
        if (this.#marks.size <= target) return;
        if (!keepConnected || !isConnected(publisher)) this.#marks.delete(publisher);
      }
    }
  }
}
