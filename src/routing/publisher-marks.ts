/** The last publisher sequence number that a router has taken of each publisher: what comes again is told by it. */
import { LIMITS } from "../base/limits.ts";
import type { InstanceId } from "../protocol/frame.ts";

export class PublisherMarks {
  readonly #marks: Map<InstanceId, number>;

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
