/**
 * The streams of a router: one for the topics that it does not keep, and one for each prefix with retention. Readers
 * that cannot resume (JSON v1 peers) are in one stream over all topics, so that their order spans them.
 */
import { LIMITS } from "../base/limits.ts";
import { keptStream } from "../protocol/stream.ts";
import type { Segment, SequencedFrame } from "../protocol/frame.ts";
import { parsePrefix, type Prefix, type Topic } from "../protocol/topic.ts";
import { FanOut } from "./fan-out.ts";
import { makeFilter } from "./filter.ts";
import type { Delivery } from "./interest-group.ts";
import type { KeptLog } from "./kept-log.ts";
import { Placement } from "./placement.ts";
import { Chain, type Trunk } from "./trunk.ts";

interface Plane {
  readonly stream: string;
  readonly log: KeptLog | undefined;
  readonly fanOut: FanOut<Chain>;
}

export class Planes {
  /** Of readers that cannot resume, and of all readers where nothing is kept. */
  readonly #all: Plane;
  /** By stream; empty where nothing is kept. */
  readonly #split = new Map<string, Plane>();
  readonly #placement: Placement | undefined;
  readonly #owners = new Map<Topic, Plane>();

  constructor(router: string, logs: readonly KeptLog[]) {
    this.#all = { stream: router, log: undefined, fanOut: new FanOut() };
    if (logs.length === 0) return;
    const routes = logs.map((log) => ({
      name: keptStream(router, log.policy.prefix),
      prefix: log.policy.prefix,
    }));
    if (!routes.some(({ prefix }) => prefix === "")) {
      routes.unshift({ name: router, prefix: parsePrefix("") });
    }
    for (const { name, prefix } of routes) {
      const log = name === router ? undefined : logs.find(({ policy }) => policy.prefix === prefix);
      this.#split.set(name, { stream: name, log, fanOut: new FanOut() });
    }
    this.#placement = new Placement(routes);
  }

  /** Whether nothing waits to be taken. */
  get isEmpty(): boolean {
    return this.#every().every(({ fanOut }) => fanOut.isEmpty);
  }

  /** Whether a topic among these is kept. */
  keeps(segments: readonly Segment[]): boolean {
    return (
      this.#placement !== undefined && segments.some(({ topic }) => this.#owner(topic).log !== undefined)
    );
  }

  /** Whether there is such a stream for readers that resume. */
  has(stream: string): boolean {
    return this.#split.has(stream);
  }

  /**
   * Enters a trunk in the streams that its prefixes concern now, and takes it out of the others. Chains that it has
   * stay, and those that it gives up are the answer. What waits must have been taken before.
   * @param newSeq Where a chain begins that it has not.
   */
  enter(trunk: Trunk, newSeq: (stream: string) => number): readonly Chain[] {
    const planes = this.#planesOf(trunk, trunk.prefixes);
    const gone = [...trunk.chains.values()].filter(
      (chain) => !planes.some(({ stream }) => stream === chain.stream),
    );
    for (const { stream } of gone) trunk.chains.delete(stream);
    for (const { stream, log } of planes) {
      if (trunk.chains.has(stream)) continue;
      trunk.chains.set(stream, new Chain(trunk, stream, log, newSeq(stream)));
    }
    for (const chain of trunk.chains.values()) if (chain.replay === undefined) this.join(chain);
    return gone;
  }

  /** The chains of a trunk that these prefixes concern. */
  chainsOf(trunk: Trunk, prefixes: Iterable<Prefix>): readonly Chain[] {
    return this.#planesOf(trunk, prefixes).flatMap(({ stream }) => trunk.chains.get(stream) ?? []);
  }

  /** Makes a chain live. */
  join(chain: Chain): void {
    this.#planeOf(chain).fanOut.join(chain, makeFilter(chain.trunk.prefixes));
  }

  /** Takes a chain out of what is live; it is no error when it was not. */
  leave(chain: Chain): void {
    this.#planeOf(chain).fanOut.leave(chain);
  }

  /** Whether events of the topic come in this chain. */
  concerns({ stream, trunk }: Chain, topic: Topic): boolean {
    return trunk.takes(topic) && (this.#placement === undefined || this.#owner(topic).stream === stream);
  }

  /** The live chains that take one of the topics, each once. */
  *takersOf(topics: readonly Topic[]): Generator<Chain> {
    yield* this.#all.fanOut.takersOf(topics);
    if (this.#placement === undefined) return;
    for (const [{ fanOut }, own] of Map.groupBy(topics, (topic) => this.#owner(topic))) {
      yield* fanOut.takersOf(own);
    }
  }

  /** Gives a frame to every reader that it concerns, and to the logs. Answers with what is full now. */
  feed(frame: SequencedFrame): { readonly isFull: boolean; readonly fullLogs: readonly KeptLog[] } {
    let isFull = this.#all.fanOut.feed(frame);
    const fullLogs: KeptLog[] = [];
    if (this.#placement === undefined) return { isFull, fullLogs };
    const byPlane = Map.groupBy(frame.segments, ({ topic }) => this.#owner(topic));
    for (const [{ log, fanOut }, segments] of byPlane) {
      const part = byPlane.size === 1 ? frame : { ...frame, segments };
      if (fanOut.feed(part)) isFull = true;
      if (log?.add(part) === true) fullLogs.push(log);
    }
    return { isFull, fullLogs };
  }

  /** Takes all that waits. */
  *take(incarnation: number): Generator<Delivery<Chain>> {
    for (const { stream, fanOut } of this.#every()) yield* fanOut.take(stream, incarnation);
  }

  #every(): readonly Plane[] {
    return [this.#all, ...this.#split.values()];
  }

  #owner(topic: Topic): Plane {
    let plane = this.#owners.get(topic);
    if (plane === undefined) {
      plane = this.#split.get(this.#placement!.owner(topic))!;
      if (this.#owners.size >= LIMITS.matchCacheTopicsMax) this.#owners.clear();
      this.#owners.set(topic, plane);
    }
    return plane;
  }

  #planesOf(trunk: Trunk, prefixes: Iterable<Prefix>): readonly Plane[] {
    const all = [...prefixes];
    if (all.length === 0) return [];
    if (this.#placement === undefined || !trunk.terms.resume) return [this.#all];
    const streams = new Set(all.flatMap((prefix) => this.#placement!.span(prefix)));
    return [...this.#split.values()].filter(({ stream }) => streams.has(stream));
  }

  #planeOf({ stream, trunk }: Chain): Plane {
    const split = trunk.terms.resume ? this.#split.get(stream) : undefined;
    return split ?? this.#all;
  }
}
