/**
 * What the session engines of all peers share: the trunks to the routers, subscriptions that span several of them
 * (rule 7), deadlines, and the list of effects that the driver carries out. Sans-I/O.
 */
import { assert } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { encodeFrame } from "./frame-codec.ts";
import { segmentsEvents, type FrameOf, type Gap, type Options, type Position } from "./frame.ts";
import type { PublishPoolFrame } from "./pool-frame.ts";
import { PoolPublishes, type PoolPort, type PoolPublishesOptions } from "./pool-publishes.ts";
import { PendingSubscriptions } from "./pending-subscriptions.ts";
import type { SessionEffect } from "./session-effect.ts";
import { SessionLedger } from "./session-ledger.ts";
import { routerOf } from "./stream.ts";
import { TakenElsewhere } from "./taken-elsewhere.ts";
import type { Prefix, Topic } from "./topic.ts";
import type { TopicPlacement } from "./topic-placement.ts";
import { Visits } from "./visits.ts";
import { TrunkEnd, type TrunkEvent, type TrunkIdentity } from "./trunk-end.ts";

/** A subscription that all its routers have confirmed. */
export interface Subscribed {
  readonly id: number;
  /** Where the peer stands now at each of its routers: what these delivered meanwhile is counted in. */
  readonly positions: readonly Position[];
  readonly gaps: readonly Gap[];
}

export abstract class Session {
  /** What became of the events of this session (rule 38). */
  readonly ledger = new SessionLedger();
  readonly #placement: TopicPlacement;
  readonly #visits: Visits;
  #identity: TrunkIdentity | undefined;
  readonly #trunks = new Map<string, TrunkEnd>();
  readonly #retryAtMs = new Map<string, number>();
  readonly #pending = new PendingSubscriptions();
  readonly #elsewhere = new TakenElsewhere();
  #effects: SessionEffect[] = [];
  #pools: PoolPublishes | undefined;
  #isViewAsked = false;
  /** When routers are told what was consumed; Infinity when there is nothing to tell. */
  #creditDueMs = Infinity;
  #isDone = false;
  /** Events that this session may still pass before its peer is asked to connect again. */
  #eventsLeft: number;

  /** @param eventsMax Events, both ways, after which the peer is asked to connect again (rule 15). */
  constructor(placement: TopicPlacement, eventsMax: number = LIMITS.sessionEventsMax) {
    this.#placement = placement;
    this.#visits = new Visits(placement);
    this.#eventsLeft = eventsMax;
  }

  /** Takes the effects gathered since the last call, which ends a turn. */
  drain(): readonly SessionEffect[] {
    this.ledger.assertBalanced();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When `tick` is due, ms; undefined when nothing waits. */
  get deadlineMs(): number | undefined {
    let due = Math.min(this.ownDeadlineMs(), this.#creditDueMs, this.#pools?.deadlineMs ?? Infinity);
    for (const atMs of this.#retryAtMs.values()) due = Math.min(due, atMs);
    due = Math.min(due, this.#pending.deadlineMs);
    return due === Infinity ? undefined : due;
  }

  /** A trunk is connected. */
  trunkOpened(router: string): void {
    if (this.#isDone) return this.effect({ type: "closeTrunk", router });
    const trunk = this.trunk(router);
    this.toTrunk(router, trunk.opened());
    this.flush();
  }

  /** A frame of a router. */
  trunkReceived(router: string, bytes: Uint8Array, nowMs: number): void {
    if (this.#isDone) return;
    try {
      for (const event of this.trunk(router).receive(bytes)) this.#onTrunk(router, event, nowMs);
      if (this.#visits.isUnderWay(router)) this.#visited(router);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.effect({ type: "closeTrunk", router });
      this.trunkLost(router, nowMs);
    }
  }

  /** A trunk is gone, or could not be opened. */
  trunkLost(router: string, nowMs: number): void {
    if (this.#isDone) return;
    const trunk = this.trunk(router);
    const waitMs = trunk.lost();
    this.#pools?.trunkLost(router);
    const isAsked = this.#elsewhere.isAsked(router) || this.#pools?.needs(router) === true;
    if (trunk.isNeeded || isAsked) this.#retryAtMs.set(router, nowMs + waitMs);
  }

  /** There may be another view of who is there. */
  viewChanged(nowMs: number): void {
    if (!this.#isDone) this.#pools?.viewChanged(nowMs);
  }

  /** To be called at `deadlineMs`. */
  tick(nowMs: number): void {
    if (nowMs >= this.#creditDueMs) this.#tellCredit();
    for (const [router, atMs] of this.#retryAtMs) {
      if (atMs > nowMs) continue;
      this.#retryAtMs.delete(router);
      this.#open(router);
    }
    if (nowMs >= this.#pending.deadlineMs) {
      this.#pending.clear();
      const message = "a router did not confirm the subscription in time";
      return this.refused(new FabricError("unavailable", message), nowMs);
    }
    this.#pools?.tick(nowMs);
    this.ownTick(nowMs);
    this.#pools?.flush();
  }

  /** Asks the peer to connect again, and ends when it has, or will not (rule 15). Saying it twice changes nothing. */
  abstract goAway(reason: string, nowMs: number): void;
  /** Sends on what has gathered since the last flush. To be called in the macrotask after any input. */
  abstract flush(): void;
  /** The earliest deadline of the peer's side, Infinity for none. */
  protected abstract ownDeadlineMs(): number;
  protected abstract ownTick(nowMs: number): void;
  protected abstract subscribed(subscription: Subscribed, nowMs: number): void;
  protected abstract published(router: string, seq: number, receivers?: number): void;
  protected abstract deliver(frame: FrameOf<"deliver">, bytes: Uint8Array, nowMs: number): void;
  protected abstract missed(gap: Gap, nowMs: number): void;
  /** A stream is live again after what was kept of it. Only peers that resume are told. */
  protected recovered(_position: Position, _complete: boolean): void {}
  /** The fabric cannot serve this peer any longer. */
  protected abstract refused(error: FabricError, nowMs: number): void;

  /** Says who the peer is; to be called before anything that opens a trunk. */
  protected identify(identity: TrunkIdentity): void {
    this.#identity = identity;
  }

  /** Counts events of the peer and for it: a session lasts for so many. */
  protected passed(events: number, nowMs: number): void {
    this.#eventsLeft -= events;
    if (this.#eventsLeft <= 0) this.goAway("this session has done its share", nowMs);
  }

  /** Passes a frame about nodes on. */
  protected member(frame: FrameOf<"join"> | FrameOf<"watch">): void {
    assert(this.#identity !== undefined, "a peer is identified before it joins");
    const { instance, connection } = this.#identity;
    this.effect({ type: "member", frame, instance, connection });
  }

  protected effect(effect: SessionEffect): void {
    this.#effects.push(effect);
  }

  /**
   * Opens the subscription at each router that it spans, and visits former owners for a peer that resumes; `subscribed`
   * follows when all have it. Throws `too_many`.
   * @param positions Where a reader that comes back stands, in streams of any routers; empty for one that is new.
   * @param history As the option of a subscribe frame has it.
   */
  protected subscribe(
    id: number,
    prefixes: readonly Prefix[],
    nowMs: number,
    positions: readonly Position[] = [],
    history?: unknown,
  ): void {
    const isResuming = this.#identity?.terms?.["resume"] === true;
    const visits = isResuming ? this.#visits.begin(prefixes, positions) : [];
    const spanned = prefixes.flatMap((prefix) =>
      this.#placement.span(prefix).map((router) => ({ router, prefix })),
    );
    const byRouter = Map.groupBy([...visits, ...spanned], (entry) => entry.router);
    this.#await(id, byRouter.keys(), nowMs);
    for (const [router, entries] of byRouter) {
      const own = positions.filter((position) => routerOf(position.router) === router);
      if (positions.length > 0) this.trunk(router).resumeFrom(own);
      const asked = entries.map((entry) => entry.prefix);
      this.toTrunk(router, this.#open(router).subscribe(id, asked, history));
    }
  }

  /** Ends subscriptions at each router that has them; `subscribed` follows when all have done it. */
  protected unsubscribe(id: number, prefixes: readonly Prefix[], nowMs: number): void {
    const spanned = prefixes.flatMap((prefix) => this.#placement.span(prefix));
    const routers = new Set([...spanned, ...this.#visits.giveUp(prefixes)]);
    this.#await(id, routers, nowMs);
    for (const router of routers) this.toTrunk(router, this.#open(router).unsubscribe(id, prefixes));
  }

  /** Leaves a former owner that has sent what it kept: nothing more comes of these topics from there. */
  #visited(router: string): void {
    const trunk = this.trunk(router);
    if (trunk.isRecovered) this.toTrunk(router, trunk.leave(this.#visits.end(router)));
  }

  /** Waits for no confirmation any longer: nobody is there to be told. */
  protected stopSubscribing(): void {
    this.#pending.clear();
  }

  /** Publishes at a router; the trunk opens with the first publish. */
  protected publish(router: string, frame: FrameOf<"publish">): void {
    const fresh = frame.repeat ? this.#elsewhere.fresh(frame) : frame;
    if (fresh !== frame) {
      this.ledger.refused(segmentsEvents(frame.segments) - segmentsEvents(fresh.segments), "repeats");
    }
    this.toTrunk(router, this.#open(router).publish(fresh));
  }

  /** Whether a router takes another publish; none does before it is known what former owners have taken. */
  protected hasWindow(router: string): boolean {
    return this.#elsewhere.isKnown && (this.#trunks.get(router)?.hasWindow ?? true);
  }

  /**
   * Asks the former owners of topics what they have taken of the peer. Also before it first publishes: an owner that has
   * answered under this table takes nothing any more of sessions that have the one before (rule 8).
   */
  protected askFormerOwners({ seq, repeat, segments }: FrameOf<"publish">): void {
    if (!repeat) this.#elsewhere.isNew(seq);
    for (const router of segments.flatMap(({ topic }) => this.#placement.formerOwners(topic))) {
      if (this.#elsewhere.ask(router)) this.#open(router);
    }
  }

  /** Lets the peer publish to nodes of pools. */
  protected usePools(
    options: Pick<PoolPublishesOptions, "chooser" | "grant">,
    tell: Pick<PoolPort, "handled" | "refused">,
  ): void {
    const { ledger } = this;
    const owner = (topic: Topic) => this.#placement.owner(topic);
    this.#pools = new PoolPublishes(
      { ...options, owner, ledger },
      {
        isOpen: (router) => this.#open(router).isOpen,
        send: (router, frame) => this.toTrunk(router, [encodeFrame(frame)]),
        ...tell,
      },
    );
  }

  /** Takes an event for a node of a pool, after `usePools`. */
  protected publishPool(frame: PublishPoolFrame, nowMs: number): void {
    assert(this.#pools !== undefined, "a session that publishes to pools can choose nodes");
    assert(this.#identity !== undefined, "a peer is identified before it publishes");
    const { instance, connection } = this.#identity;
    if (!this.#isViewAsked) this.effect({ type: "needView", instance, connection });
    this.#isViewAsked = true;
    this.#pools.take(frame, nowMs);
  }

  /** Sends what is chosen; part of `flush`. */
  protected flushPools(): void {
    this.#pools?.flush();
  }

  /** Publishes that no router has acknowledged, and no node of a pool has handled, bytes. */
  protected get unackedBytes(): number {
    let sum = this.#pools?.bytes ?? 0;
    for (const trunk of this.#trunks.values()) sum += trunk.unackedBytes;
    return sum;
  }

  /** Ends the session: trunks close, nothing is retried. */
  protected finish(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.ledger.ended();
    this.#retryAtMs.clear();
    this.#pending.clear();
    for (const router of this.#trunks.keys()) this.effect({ type: "closeTrunk", router });
    this.effect({ type: "done" });
  }

  /** The peer has consumed what came of a stream so far, with a last delivery of this size. */
  protected consume(stream: string, bytes: number, nowMs: number): void {
    const router = routerOf(stream);
    const trunk = this.trunk(router);
    this.toTrunk(router, trunk.consume(bytes));
    if (trunk.isCreditUntold) this.#creditDueMs = Math.min(this.#creditDueMs, nowMs + LIMITS.creditMs);
  }

  /** Passes on what the peer says that it has consumed. */
  protected credit(stream: string, bytes: Uint8Array): void {
    const router = routerOf(stream);
    if (this.#trunks.get(router)?.isOpen === true) this.toTrunk(router, [bytes]);
  }

  #tellCredit(): void {
    this.#creditDueMs = Infinity;
    for (const [router, trunk] of this.#trunks) this.toTrunk(router, trunk.takeCredit());
  }

  private trunk(router: string): TrunkEnd {
    let trunk = this.#trunks.get(router);
    if (trunk === undefined) {
      assert(this.#identity !== undefined, "a peer is identified before its first trunk opens");
      trunk = new TrunkEnd(router, this.#identity, this.ledger);
      this.#trunks.set(router, trunk);
    }
    return trunk;
  }

  private toTrunk(router: string, all: readonly Uint8Array[]): void {
    for (const bytes of all) this.effect({ type: "sendTrunk", router, bytes });
  }

  #open(router: string): TrunkEnd {
    const trunk = this.trunk(router);
    if (!this.#retryAtMs.has(router) && trunk.open()) this.effect({ type: "openTrunk", router });
    return trunk;
  }

  #await(id: number, routers: Iterable<string>, nowMs: number): void {
    this.#pending.add(id, routers, nowMs);
    this.#confirm(undefined, nowMs);
  }

  #onTrunk(router: string, event: TrunkEvent, nowMs: number): void {
    switch (event.type) {
      case "deliver":
        return this.deliver(event.frame, event.bytes, nowMs);
      case "published":
        return this.published(router, event.seq, event.receivers);
      case "subscribed":
        return this.#confirm({ router, ...event }, nowMs);
      case "gap":
        return this.missed(event.gap, nowMs);
      case "recovered":
        return this.recovered(event.position, event.complete);
      case "refused":
        return this.refused(event.error, nowMs);
      case "handled":
        return this.#pools?.handled(event.done);
      case "unhandled":
        return this.#pools?.unhandled(event.id, event.code, nowMs);
      case "publishRefused":
        throw new FabricError("invalid_message", "a router does not refuse single publishes");
      case "welcome":
        return this.#welcomed(router, event.options, nowMs);
      case "goaway":
        return;
    }
  }

  #welcomed(router: string, options: Options, nowMs: number): void {
    try {
      this.#elsewhere.welcomed(router, options);
    } catch (error) {
      if (!(error instanceof FabricError) || error.code !== "superseded") throw error;
      this.refused(error, nowMs);
    }
  }

  /**
   * Books a confirmation of one router, and reports the subscriptions that are complete, in the order of their ids.
   * Gaps go ahead of what the router delivers next: a subscription that waits for other routers must not hold them
   * back, or a peer that is cut off now would come back from behind them.
   */
  #confirm(by: { router: string; id: number; gaps: readonly Gap[] } | undefined, nowMs: number): void {
    let gaps = by?.gaps ?? [];
    if (by !== undefined) this.#pending.confirmed(by.router, by.id);
    for (const { id, routers } of this.#pending.takeComplete()) {
      const positions = routers.flatMap((router) => this.trunk(router).positions);
      this.subscribed({ id, positions, gaps }, nowMs);
      gaps = [];
    }
    for (const gap of gaps) this.missed(gap, nowMs);
  }
}
