/**
 * The middle of an endpoint: what comes from here and from peers goes to handlers here, to the router that serves those
 * who dialled, and to those who were dialled. Each event passes once (link.ts). Which topics go where is told by rules.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { FabricEvent } from "../protocol/event.ts";
import { ENCODING, type FrameOf, type InstanceId, type Segment } from "../protocol/frame.ts";
import { RepeatFilter } from "../protocol/repeat-filter.ts";
import type { Prefix, Topic } from "../protocol/topic.ts";
import { decodeSegment, encodeEvents } from "../protocol/transcode.ts";
import { orAborted } from "../sdk/abort.ts";
import type { EventRun } from "../sdk/event-run.ts";
import type { AcceptedPeer } from "./accepted-peer.ts";
import type { DialledPeer } from "./dialled-peer.ts";
import { keyOf, mayPass, originOf, withOrigin, withoutOrigin, type Origin } from "./link.ts";
import { nodeIdOf, type NodeId } from "./node-id.ts";
import type { Peer } from "./peer.ts";
import { RecentSet } from "./recent-set.ts";
import { RouterHost } from "./router-host.ts";
import { SourceTrunk } from "./source-trunk.ts";

export interface Rules {
  /** What is asked of a peer. */
  wants(peer: Peer): ReadonlySet<Prefix>;
  /** Whether `offers` tells readers of one topic and publisher apart. */
  readonly isSelective: boolean;
  /** Whether an event may go to a peer. @param from Undefined when it was published here. */
  offers(topic: Topic, to: Peer, from: Peer | undefined): boolean;
  /** Whether what came from a peer may go to any other. */
  relays(topic: Topic, from: Peer): boolean;
  /** Takes what came from a peer. */
  deliver(topic: Topic, event: FabricEvent, origin: Origin, from: Peer): void;
}

/** What became of events, counted. */
export interface ExchangeCounts {
  /** Sent on for others. */
  relayed: number;
  /** Came again, by another way or in a circle. */
  repeats: number;
  /** Came too far to be sent on. */
  tooFar: number;
  /** Not sent, because too much waited for a peer. */
  dropped: number;
}

export class Exchange {
  readonly id: NodeId;
  /** This endpoint as readers of its router see it. */
  readonly instance: InstanceId;
  readonly counts: ExchangeCounts = { relayed: 0, repeats: 0, tooFar: 0, dropped: 0 };
  readonly #rules: Rules;
  readonly #repeats = new RepeatFilter(LIMITS.receiverPublishersMax);
  readonly #seen = new RecentSet(LIMITS.endpointSeenMax);
  readonly #dialled = new Set<DialledPeer>();
  readonly #accepted = new Set<AcceptedPeer>();
  readonly #bySource = new Map<InstanceId, Peer>();
  #host: RouterHost | undefined;
  readonly #trunks = new Map<InstanceId, SourceTrunk>();
  #lastNumber = 0n;

  constructor(instance: InstanceId, rules: Rules) {
    this.instance = instance;
    this.id = nodeIdOf(instance);
    this.#rules = rules;
  }

  get isSelective(): boolean {
    return this.#rules.isSelective;
  }

  get peers(): readonly Peer[] {
    return [...this.#dialled, ...this.#accepted];
  }

  /** The router for those who dial this endpoint; there is one from the first call on. */
  host(): RouterHost {
    return (this.#host ??= new RouterHost(Date.now()));
  }

  add(peer: DialledPeer | AcceptedPeer): void {
    if (peer.info.isOutbound) this.#dialled.add(peer as DialledPeer);
    else this.#accepted.add(peer as AcceptedPeer);
    this.#bySource.set(peer.source, peer);
    void peer.want(this.#rules.wants(peer));
  }

  remove(peer: DialledPeer | AcceptedPeer): void {
    this.#dialled.delete(peer as DialledPeer);
    this.#accepted.delete(peer as AcceptedPeer);
    if (this.#bySource.get(peer.source) === peer) this.#bySource.delete(peer.source);
    this.#trunks.get(peer.source)?.close();
    this.#trunks.delete(peer.source);
  }

  /** The rules have changed: asks all peers for what is wanted now. Resolves when those that are connected have agreed. */
  async refresh(): Promise<void> {
    await Promise.all(this.peers.map((peer) => peer.want(this.#rules.wants(peer))));
  }

  /** Publishes what comes from here. Throws `too_large`, `invalid_data`. */
  publish(topic: Topic, event: FabricEvent): void {
    const origin: Origin = { publisher: this.id, number: ++this.#lastNumber, path: [this.id] };
    const stamped = withOrigin(event, origin);
    const isSentOut = this.#toDialled(topic, stamped, origin, undefined);
    const isSentIn = this.#toRouter(topic, stamped, this.instance);
    // What cannot be sent is told, whether there is somebody to send it to or not.
    if (!isSentIn && !isSentOut) assertSize(stamped);
  }

  /**
   * A peer that has dialled published this; answers with what may go on to others that have: nothing of what was
   * published before and is sent again.
   */
  arrivedIn(peer: AcceptedPeer, { seq, segments }: FrameOf<"publish">): readonly Segment[] {
    if (this.#repeats.isRepeat(peer.source, seq)) return [];
    return segments.flatMap((segment) => {
      const { topic } = segment;
      const events = decodeSegment(segment)
        .map((event) => this.#take(topic, event, peer))
        .filter((event) => event !== undefined);
      if (events.length === 0) return [];
      return [{ topic, encoding: ENCODING.cbor, count: events.length, payload: encodeEvents(events) }];
    });
  }

  /** This came from a peer that was dialled. */
  arrivedOut(peer: DialledPeer, run: EventRun): void {
    for (const { name, args, metadata } of run.events) {
      const relayed = this.#take(run.topic, { name, args, metadata }, peer);
      if (relayed !== undefined) this.#toRouter(run.topic, relayed, peer.source);
    }
  }

  /** Whether a peer that has dialled may be sent what somebody has published into the router. */
  offersIn({ topic }: Segment, to: AcceptedPeer, publisher: InstanceId): boolean {
    if (publisher === this.instance) return this.#rules.offers(topic, to, undefined);
    const from = this.#bySource.get(publisher);
    return from === to || (from !== undefined && this.#rules.offers(topic, to, from));
  }

  /** Resolves when what was published so far is with the peers, as far as they acknowledge it. */
  async flush(): Promise<void> {
    const trunks = [...this.#trunks.values()].map((trunk) => trunk.drained());
    await Promise.all([...trunks, ...[...this.#dialled].map((peer) => peer.flush())]);
  }

  /** Like `flush`, for at most `LIMITS.drainMs`: a peer that answers nothing does not keep an endpoint from ending. */
  async drain(): Promise<void> {
    const inTime = AbortSignal.timeout(LIMITS.drainMs);
    await orAborted(this.flush(), inTime).catch(() => {});
  }

  stop(): void {
    this.#host?.stop();
  }

  /** Delivers an event here; answers with what goes on, if it does. */
  #take(topic: Topic, event: FabricEvent, from: Peer): FabricEvent | undefined {
    const known = originOf(event);
    const origin = known ?? { publisher: nodeIdOf(from.source), number: ++this.#lastNumber, path: [] };
    if (known !== undefined && (known.path.includes(this.id) || !this.#seen.add(keyOf(known)))) {
      this.counts.repeats++;
      return undefined;
    }
    this.#rules.deliver(topic, withoutOrigin(event), origin, from);
    if (!this.#rules.relays(topic, from)) return undefined;
    if (!mayPass(origin)) {
      this.counts.tooFar++;
      return undefined;
    }
    const onward = { ...origin, path: [...origin.path, this.id] };
    const stamped = withOrigin(event, onward);
    this.counts.relayed++;
    this.#toDialled(topic, stamped, onward, from);
    return stamped;
  }

  /** Whether there was anybody to send it to, as `#toRouter`. */
  #toDialled(topic: Topic, event: FabricEvent, { path }: Origin, from: Peer | undefined): boolean {
    let isSent = false;
    for (const to of this.#dialled) {
      if (to === from || !to.isPeered || !to.isWanted(topic)) continue;
      if (to.id !== undefined && path.includes(to.id)) continue;
      if (!this.#rules.offers(topic, to, from)) continue;
      this.#attempt(() => to.send(topic, event));
      isSent = true;
    }
    return isSent;
  }

  #toRouter(topic: Topic, event: FabricEvent, source: InstanceId): boolean {
    if (this.#accepted.size === 0) return false;
    let trunk = this.#trunks.get(source);
    if (trunk === undefined) {
      trunk = new SourceTrunk(this.host(), source);
      this.#trunks.set(source, trunk);
    }
    this.#attempt(() => trunk.push(topic, event));
    return true;
  }

  /** A peer that takes too little is left out, as Broker does; what cannot be sent to anybody is the caller's. */
  #attempt(send: () => void): void {
    try {
      send();
    } catch (error) {
      if (!(error instanceof FabricError) || error.code !== "publisher_too_fast") throw error;
      this.counts.dropped++;
    }
  }
}

function assertSize(event: FabricEvent): void {
  const bytes = encodeEvents([event]).length;
  if (bytes <= LIMITS.eventBytesMax) return;
  throw new FabricError("too_large", `event has ${bytes} bytes, at most ${LIMITS.eventBytesMax} are allowed`);
}
