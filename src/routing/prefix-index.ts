/**
 * From a topic to the subscribers whose filter matches it. Subscribers are entered by filter, whose prefixes never
 * extend one another, so each is found at most once. Look-ups of a topic seen before are one Map access.
 */
import { LIMITS } from "../base/limits.ts";
import type { Prefix, Topic } from "../protocol/topic.ts";
import type { Filter } from "./filter.ts";

export class PrefixIndex<Subscriber> {
  readonly #byPrefix = new Map<Prefix, Set<Subscriber>>();
  /** Distinct prefix lengths, ascending, with the number of prefixes of each. */
  readonly #lengths = new Map<number, number>();
  #sortedLengths: readonly number[] = [];
  readonly #cache = new Map<Topic, readonly Subscriber[]>();

  /** Enters a subscriber under a filter. */
  add(filter: Filter, subscriber: Subscriber): void {
    for (const prefix of filter) {
      let set = this.#byPrefix.get(prefix);
      if (set === undefined) {
        set = new Set();
        this.#byPrefix.set(prefix, set);
        this.#count(prefix.length, 1);
      }
      set.add(subscriber);
    }
    this.#cache.clear();
  }

  /** Takes a subscriber out that was entered under the same filter. */
  remove(filter: Filter, subscriber: Subscriber): void {
    for (const prefix of filter) {
      const set = this.#byPrefix.get(prefix);
      if (set === undefined || !set.delete(subscriber) || set.size > 0) continue;
      this.#byPrefix.delete(prefix);
      this.#count(prefix.length, -1);
    }
    this.#cache.clear();
  }

  /** The subscribers that match. Cost: one access for a topic in the cache, else one for each distinct prefix length. */
  match(topic: Topic): readonly Subscriber[] {
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    const found: Subscriber[] = [];
    for (const length of this.#sortedLengths) {
      if (length > topic.length) break;
      const set = this.#byPrefix.get(topic.slice(0, length) as Prefix);
      if (set !== undefined) found.push(...set);
    }
    if (this.#cache.size >= LIMITS.matchCacheTopicsMax) this.#cache.clear();
    this.#cache.set(topic, found);
    return found;
  }

  #count(length: number, by: 1 | -1): void {
    const count = (this.#lengths.get(length) ?? 0) + by;
    if (count === 0) this.#lengths.delete(length);
    else this.#lengths.set(length, count);
    this.#sortedLengths = [...this.#lengths.keys()].toSorted((a, b) => a - b);
  }
}
