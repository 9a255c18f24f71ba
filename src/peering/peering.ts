/**
 * A peering of two fabrics or endpoints: whoever runs it dials both, and carries chosen topics each way. A ring or mesh
 * of them neither loops nor repeats (PROTOCOL.md, N-22). Sans-I/O: the driver opens the connections, and hands in frames
 * and time.
 */
import { ERROR_CODES, FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Gap, InstanceId, Position } from "../protocol/frame.ts";
import type { Prefix } from "../protocol/topic.ts";
import type { TrunkEvent } from "../protocol/trunk-end.ts";
import { Flow, type FlowCounts, type OriginIdOf } from "./flow.ts";
import { PeeringEnd } from "./peering-end.ts";

const SIDES = ["left", "right"] as const;
export type Side = (typeof SIDES)[number];
const OTHER = { left: "right", right: "left" } as const;

interface PeeringSide {
  readonly instance: InstanceId;
  /** Topics under these prefixes go from this side to the other one. */
  readonly topics: readonly Prefix[];
  /** Where an earlier life of the peering stood on this side (`positionsOf`). */
  readonly positions?: readonly Position[];
}

export interface PeeringOptions {
  readonly left: PeeringSide;
  readonly right: PeeringSide;
  readonly originIdOf: OriginIdOf;
  /** Bytes that may be under way in each direction. */
  readonly windowBytes?: number;
}

/** What the driver does, and what its user is told. */
export type PeeringEffect =
  | { readonly type: "open"; readonly side: Side }
  | { readonly type: "send"; readonly side: Side; readonly bytes: Uint8Array }
  | { readonly type: "close"; readonly side: Side }
  /** Both sides are there: names of what they are. */
  | { readonly type: "peer_added"; readonly left: string; readonly right: string }
  | { readonly type: "peer_lost"; readonly side: Side }
  /** What a side sends from now on reaches the other one; `positionsOf` says where that begins. */
  | { readonly type: "subscribed"; readonly side: Side }
  /** Events of a side were missed, so they do not reach the other one. */
  | { readonly type: "gap"; readonly side: Side; readonly gap: Gap }
  /** The other side refused events of this one. */
  | { readonly type: "refused"; readonly side: Side; readonly error: FabricError }
  /** The peering cannot be: trying again does not mend it. */
  | { readonly type: "failed"; readonly side: Side; readonly error: FabricError };

export class Peering {
  readonly #ends: Readonly<Record<Side, PeeringEnd>>;
  /** By the side that they come from. */
  readonly #flows: Readonly<Record<Side, Flow>>;
  #effects: PeeringEffect[] = [];
  #creditDueMs = Infinity;
  #isAdded = false;
  #isOver = false;

  constructor({ left, right, originIdOf, windowBytes = LIMITS.readerWindowBytes }: PeeringOptions) {
    const end = ({ instance, topics, positions = [] }: PeeringSide) =>
      new PeeringEnd({ instance, topics, windowBytes, positions });
    const flow = ({ positions = [] }: PeeringSide) => new Flow(windowBytes, originIdOf, positions);
    this.#ends = { left: end(left), right: end(right) };
    this.#flows = { left: flow(left), right: flow(right) };
  }

  /** What became of the events that come from a side. */
  countsOf(side: Side): Readonly<FlowCounts> {
    return this.#flows[side].counts;
  }

  /** Up to where everything of a side is at the other one: what a later life begins with. */
  positionsOf(side: Side): readonly Position[] {
    return this.#flows[side].positions;
  }

  /** Whether everything received is at the other side. */
  get isSettled(): boolean {
    return SIDES.every((side) => this.#flows[side].isEmpty);
  }

  /** When `tick` is due, ms; undefined when nothing waits. */
  get deadlineMs(): number | undefined {
    const due = Math.min(this.#creditDueMs, ...SIDES.map((side) => this.#ends[side].retryAtMs));
    return this.#isOver || due === Infinity ? undefined : due;
  }

  /** Takes the effects gathered since the last call. */
  drain(): readonly PeeringEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** To be called at first, and at `deadlineMs`. */
  tick(nowMs: number): void {
    if (this.#isOver) return;
    for (const side of SIDES) if (this.#ends[side].mayOpen(nowMs)) this.#effects.push({ type: "open", side });
    if (nowMs < this.#creditDueMs) return;
    this.#creditDueMs = Infinity;
    for (const side of SIDES) this.#send(side, this.#flows[side].takeCredit());
  }

  opened(side: Side): void {
    this.#send(side, this.#ends[side].trunk.opened(), true);
  }

  /** A connection is gone, or could not be made. */
  lost(side: Side, nowMs: number): void {
    this.#ends[side].lost(nowMs);
    if (this.#isAdded) this.#effects.push({ type: "peer_lost", side });
    this.#isAdded = false;
  }

  /** A connection could not be made, and why. */
  refused(side: Side, error: FabricError, nowMs: number): void {
    this.#give(side, error, nowMs);
  }

  received(side: Side, bytes: Uint8Array, nowMs: number): void {
    if (this.#isOver) return;
    try {
      for (const event of this.#ends[side].receive(bytes)) this.#on(side, event, nowMs);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#give(side, error, nowMs);
    }
    for (const from of SIDES) this.#send(OTHER[from], this.#flows[from].flush(this.#ends[OTHER[from]].trunk));
  }

  /** Ends it: connections close, nothing is tried again. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const side of SIDES) this.#effects.push({ type: "close", side });
  }

  #on(side: Side, event: TrunkEvent, nowMs: number): void {
    const flow = this.#flows[side];
    switch (event.type) {
      case "welcome":
        return this.#welcomed(side);
      case "deliver": {
        const { left, right } = this.#ends;
        const names = { left: left.name!, right: right.name! };
        this.#send(side, flow.deliver(event.frame, event.bytes.length, names[side], names[OTHER[side]]));
        return this.#awaitCredit(side, nowMs);
      }
      case "published":
        this.#send(OTHER[side], this.#flows[OTHER[side]].published(event.seq));
        return this.#awaitCredit(OTHER[side], nowMs);
      case "publishRefused":
        this.#send(OTHER[side], this.#flows[OTHER[side]].refused(event.seq));
        this.#effects.push({ type: "refused", side: OTHER[side], error: event.error });
        return this.#awaitCredit(OTHER[side], nowMs);
      case "subscribed":
        for (const gap of event.gaps) this.#missed(side, gap);
        return this.#subscribed(side);
      case "gap":
        return this.#missed(side, event.gap);
      case "recovered":
        return flow.standsAt(event.position);
      case "refused":
        return this.#give(side, event.error, nowMs);
      case "goaway":
        this.#effects.push({ type: "close", side });
        return this.lost(side, nowMs);
      case "handled":
      case "unhandled":
        // A peering publishes to no pools.
        return;
    }
  }

  #welcomed(side: Side): void {
    const { left, right } = this.#ends;
    if (left.name === undefined || right.name === undefined) return;
    if (left.name === right.name) {
      const message = `both sides are called '${left.name}': give the fabrics names in their layouts`;
      throw new FabricError("same_fabric", message);
    }
    for (const one of SIDES) this.#send(one, this.#ends[one].subscribe());
    if (!left.isUp || !right.isUp) return;
    this.#isAdded = true;
    this.#effects.push({ type: "peer_added", left: left.name, right: right.name });
    this.#send(side, this.#flows[OTHER[side]].flush(this.#ends[side].trunk));
  }

  /** From here on a later life can tell what it missed. */
  #subscribed(side: Side): void {
    for (const position of this.#ends[side].trunk.positions) this.#flows[side].beginsAt(position);
    this.#effects.push({ type: "subscribed", side });
  }

  #missed(side: Side, gap: Gap): void {
    this.#flows[side].standsAt(gap.to);
    this.#effects.push({ type: "gap", side, gap });
  }

  #awaitCredit(side: Side, nowMs: number): void {
    if (this.#flows[side].isCreditUntold)
      this.#creditDueMs = Math.min(this.#creditDueMs, nowMs + LIMITS.creditMs);
  }

  #give(side: Side, error: FabricError, nowMs: number): void {
    this.#effects.push({ type: "close", side });
    this.lost(side, nowMs);
    if (ERROR_CODES[error.code].retryable) return;
    this.#effects.push({ type: "failed", side, error });
    this.close();
  }

  #send(side: Side, all: readonly Uint8Array[], isGreeting = false): void {
    if (!isGreeting && !this.#ends[side].trunk.isOpen) return;
    for (const bytes of all) this.#effects.push({ type: "send", side, bytes });
  }
}
