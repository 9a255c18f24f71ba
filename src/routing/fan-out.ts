/**
 * Fan-out of a router: members join under a filter, sequenced frames are fed, and what has gathered is taken encoded
 * once for each interest group (design.md, decision 2).
 */
import type { SequencedFrame } from "../protocol/frame.ts";
import type { Topic } from "../protocol/topic.ts";
import { filterKey, type Filter } from "./filter.ts";
import { InterestGroup, type Delivery, type Member } from "./interest-group.ts";
import { PrefixIndex } from "./prefix-index.ts";

export class FanOut<M extends Member> {
  readonly #groups = new Map<string, InterestGroup<M>>();
  readonly #groupOf = new Map<M, InterestGroup<M>>();
  readonly #index = new PrefixIndex<InterestGroup<M>>();
  /** Groups with output, in the order in which they got it. */
  readonly #fed = new Set<InterestGroup<M>>();

  /** Whether nothing waits to be taken. */
  get isEmpty(): boolean {
    return this.#fed.size === 0;
  }

  /** Enters a member. What waits must have been taken before, or the member would get a share of it. */
  join(member: M, filter: Filter): void {
    if (filter.length === 0) return;
    const key = filterKey(filter);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = new InterestGroup<M>(key, filter);
      this.#groups.set(key, group);
      this.#index.add(filter, group);
    }
    group.members.add(member);
    this.#groupOf.set(member, group);
  }

  /** Takes a member out. What waits must have been taken before. */
  leave(member: M): void {
    const group = this.#groupOf.get(member);
    if (group === undefined) return;
    this.#groupOf.delete(member);
    group.members.delete(member);
    if (group.members.size > 0) return;
    this.#groups.delete(group.key);
    this.#index.remove(group.filter, group);
  }

  /** The members that take one of the topics, each once. Cost: the groups of each topic, and the members. */
  *takersOf(topics: Iterable<Topic>): Generator<M> {
    const takers = new Set<InterestGroup<M>>();
    for (const topic of topics) for (const group of this.#index.match(topic)) takers.add(group);
    for (const { members } of takers) yield* members;
  }

  /** Gives a frame to every group that matches a segment of it. Answers whether a group is now full. */
  feed(frame: SequencedFrame): boolean {
    const takers = new Set<InterestGroup<M>>();
    for (const segment of frame.segments) {
      for (const group of this.#index.match(segment.topic)) {
        group.add(segment);
        takers.add(group);
      }
    }
    let isFull = false;
    for (const group of takers) {
      group.endFrame(frame);
      this.#fed.add(group);
      isFull ||= group.isFull;
    }
    return isFull;
  }

  /** Takes all that waits. */
  take(stream: string, incarnation: number): Delivery<M>[] {
    const out: Delivery<M>[] = [];
    for (const group of this.#fed) out.push(...group.take(stream, incarnation));
    this.#fed.clear();
    return out;
  }
}
