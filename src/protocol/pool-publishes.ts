/**
 * What a peer publishes to one node of a pool, until that node has handled it (rule 33; PROTOCOL.md, "Pools"). The node
 * is chosen here, from the view at hand. An event stays here until its node, or the one that has its key then, says that
 * it handled it: so a node that dies costs a repeat, never an event. Sans-I/O.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { mayPublish, type Grant } from "./grant.ts";
import type { PoolEvent, PoolEventsFrame, PoolKey, PoolViewRef, PublishPoolFrame } from "./pool-frame.ts";
import type { SessionLedger } from "./session-ledger.ts";
import { textOf, type Topic } from "./topic.ts";
import { assertEvents } from "./transcode.ts";

/** A node of a pool, as it is chosen. */
export interface ChosenNode {
  readonly name: string;
  readonly topic: Topic;
  /** The node id that it has; absent at the edge. */
  readonly life?: string | undefined;
}

/** Who chooses: implemented by src/membership/pool-chooser.ts. */
export interface PoolChooser {
  /** The view at hand; undefined before the first. */
  readonly view: PoolViewRef | undefined;
  /** The node that has the key, or whose turn it is; undefined when none is alive. Throws `not_found`, `invalid_data`. */
  choose(pool: string, key: PoolKey): ChosenNode | undefined;
  /** Whether it is in the pool and up, in the same life. */
  isAlive(pool: string, node: ChosenNode): boolean;
}

/** The session around it. */
export interface PoolPort {
  /** Whether a trunk to the router is open; asks for one if not. */
  isOpen(router: string): boolean;
  send(router: string, frame: PoolEventsFrame): void;
  /** Tells the peer. */
  handled(done: readonly { readonly id: number; readonly by: string }[]): void;
  refused(id: number, error: FabricError, nowMs: number): void;
}

export interface PoolPublishesOptions {
  readonly chooser: PoolChooser;
  readonly owner: (topic: Topic) => string;
  readonly grant: Grant;
  readonly ledger: SessionLedger;
}

/** `waiting`: for a view, or for somebody to be there; `chosen`: to be sent; `sent`: the router has it. */
type State = "waiting" | "chosen" | "sent";

interface Held {
  readonly frame: PublishPoolFrame;
  state: State;
  /** What was chosen last, and in which view. */
  node: ChosenNode | undefined;
  router: string;
  view: PoolViewRef | undefined;
  /** Whether an earlier choice may be under way. */
  isRepeat: boolean;
  /** Whether an earlier session has chosen: its choice holds, and is not known here. */
  isElsewhere: boolean;
  /** Whether it was taken from a node that had been chosen before: a router that has not heard of it holds on to that. */
  isMoved: boolean;
  wasSent: boolean;
  /** Since when nobody was there for it, ms. */
  sinceMs: number;
  /** Times that nobody was there, in this view. */
  misses: number;
}

/** Events that go in one frame. */
interface Batch {
  readonly router: string;
  readonly repeat: boolean;
  readonly view: PoolViewRef;
  readonly events: PoolEvent[];
  bytes: number;
}

export class PoolPublishes {
  readonly #options: PoolPublishesOptions;
  readonly #port: PoolPort;
  /** By id, in the order in which they came. */
  readonly #held = new Map<number, Held>();
  #bytes = 0;
  #sent = { events: 0, bytes: 0 };
  /** What is to be sent, and entries of what is not any more. */
  #queue: Held[] = [];
  #retryAtMs = Infinity;

  constructor(options: PoolPublishesOptions, port: PoolPort) {
    this.#options = options;
    this.#port = port;
  }

  /** What is held, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When `tick` is due, ms; Infinity when nothing waits. */
  get deadlineMs(): number {
    return this.#retryAtMs;
  }

  /** Whether something of it is under way to the router, or about to be. */
  needs(router: string): boolean {
    for (const held of this.#held.values())
      if (held.state !== "waiting" && held.router === router) return true;
    return false;
  }

  /** Takes a publish, booked as received, which is answered once; nothing happens for an id that is held already. */
  take(frame: PublishPoolFrame, nowMs: number): void {
    const { ledger } = this.#options;
    if (this.#held.has(frame.id)) return ledger.refused(frame.count, "repeats");
    const held: Held = {
      frame,
      state: "waiting",
      node: undefined,
      router: "",
      view: undefined,
      isRepeat: frame.repeat,
      isElsewhere: frame.repeat,
      isMoved: false,
      wasSent: false,
      sinceMs: nowMs,
      misses: 0,
    };
    this.#held.set(frame.id, held);
    this.#bytes += sizeOf(frame);
    this.#try(held, nowMs, () => {
      if (frame.payload.length > LIMITS.eventBytesMax) {
        throw new FabricError("too_large", `events have more than ${LIMITS.eventBytesMax} bytes`);
      }
      assertEvents(frame.payload, frame.count);
    });
    if (held.isElsewhere) this.#awaitElsewhere(held);
  }

  /** There may be another view: what waits is tried again, and what went to a node that is gone is sent to another. */
  viewChanged(nowMs: number): void {
    const { chooser } = this.#options;
    const { view } = chooser;
    if (view === undefined) return;
    for (const held of this.#held.values()) {
      if (isSame(held.view, view)) continue;
      if (held.state === "sent") {
        if (held.node === undefined || chooser.isAlive(held.frame.pool, held.node)) continue;
        held.sinceMs = nowMs;
      }
      this.#try(held, nowMs);
    }
  }

  /** These are handled. */
  handled(done: readonly { readonly id: number; readonly by: string }[]): void {
    const told: { id: number; by: string }[] = [];
    for (const { id, by } of done) {
      const held = this.#remove(id);
      if (held === undefined) continue;
      this.#options.ledger.acknowledged(held.frame.count);
      const { node } = held;
      told.push({ id, by: node !== undefined && textOf(node.topic) === by ? node.name : by });
    }
    if (told.length > 0) this.#port.handled(told);
  }

  /** Nobody was there for it, or the node is gone that had it. */
  unhandled(id: number, code: string, nowMs: number): void {
    const held = this.#held.get(id);
    if (held?.state !== "sent") return;
    this.#set(held, "waiting");
    // A node that took it and died begins a wait of its own.
    if (code === "unhandled" || held.misses === 0) held.sinceMs = nowMs;
    held.misses++;
    const { view } = this.#options.chooser;
    const mayBeAnother = held.frame.choice !== "hrw" && held.misses === 1;
    if (mayBeAnother || (view !== undefined && !isSame(held.view, view))) return this.#try(held, nowMs);
    this.#wait(nowMs);
  }

  /** A trunk is gone: what was under way on it is sent again, as a repeat. */
  trunkLost(router: string): void {
    for (const held of this.#held.values()) {
      if (held.state !== "sent" || held.router !== router) continue;
      held.isRepeat = !held.isMoved;
      this.#set(held, "chosen");
    }
  }

  /** To be called at `deadlineMs`. */
  tick(nowMs: number): void {
    if (nowMs < this.#retryAtMs) return;
    this.#retryAtMs = Infinity;
    for (const held of this.#held.values()) {
      if (held.isElsewhere && held.state === "sent") this.#awaitElsewhere(held, nowMs);
      if (held.state !== "waiting") continue;
      if (nowMs - held.sinceMs < LIMITS.poolWaitMs) this.#try(held, nowMs);
      else this.#refuse(held, waitedInVain(held), nowMs);
    }
  }

  /** Sends what the window has room for. */
  flush(): void {
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = [];
    const batches = new Map<string, Batch>();
    for (const held of queue) {
      if (held.state !== "chosen") continue;
      if (this.#hasRoom && this.#port.isOpen(held.router)) this.#launch(held, batches);
      else this.#queue.push(held);
    }
    for (const batch of batches.values()) this.#send(batch);
  }

  get #hasRoom(): boolean {
    return this.#sent.events < LIMITS.poolWindowEvents && this.#sent.bytes < LIMITS.poolWindowBytes;
  }

  #launch(held: Held, batches: Map<string, Batch>): void {
    const { frame, router, node, view, isRepeat } = held;
    this.#set(held, "sent");
    if (!held.wasSent) this.#options.ledger.sent(frame.count);
    held.wasSent = true;
    const key = `${router} ${isRepeat} ${view!.life} ${view!.number} ${view!.pools}`;
    let batch = batches.get(key);
    if (batch !== undefined && batch.bytes >= LIMITS.publishFrameBytes) {
      this.#send(batch);
      batch = undefined;
    }
    if (batch === undefined) {
      batch = { router, repeat: isRepeat, view: view!, events: [], bytes: 0 };
      batches.set(key, batch);
    }
    const { id, count, payload } = frame;
    batch.events.push({ id, topic: node!.topic, count, payload });
    batch.bytes += payload.length;
  }

  #send({ router, repeat, view, events }: Batch): void {
    this.#port.send(router, { type: "poolEvents", repeat, view, events });
  }

  /** Chooses a node for it, or refuses it. */
  #try(held: Held, nowMs: number, check: () => void = () => {}): void {
    const { chooser, grant, owner } = this.#options;
    const { view } = chooser;
    try {
      check();
      if (view === undefined) return this.#wait(nowMs);
      const node = chooser.choose(held.frame.pool, held.frame);
      if (node === undefined) {
        if (held.node === undefined) {
          throw new FabricError("no_receiver", `no node of pool ${held.frame.pool} is alive`);
        }
        this.#set(held, "waiting");
        return this.#wait(nowMs);
      }
      if (!mayPublish(grant, node.topic)) {
        throw new FabricError("forbidden", `no permission to publish to '${textOf(node.topic)}'`);
      }
      if (!isSame(held.view, view)) held.misses = 0;
      if (held.wasSent) {
        held.isRepeat = held.isElsewhere = false;
        held.isMoved = true;
      }
      held.node = node;
      held.view = view;
      held.router = owner(node.topic);
      this.#set(held, "chosen");
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#refuse(held, error, nowMs);
    }
  }

  /** The node that an earlier session chose may be gone without the router knowing: then another takes the event over. */
  #awaitElsewhere(held: Held, nowMs = held.sinceMs): void {
    const dueMs = held.sinceMs + LIMITS.poolWaitMs;
    if (nowMs >= dueMs) this.#try(held, nowMs);
    else this.#retryAtMs = Math.min(this.#retryAtMs, dueMs);
  }

  #wait(nowMs: number): void {
    this.#retryAtMs = Math.min(this.#retryAtMs, nowMs + LIMITS.poolRetryMs);
  }

  #refuse(held: Held, error: FabricError, nowMs: number): void {
    const { ledger } = this.#options;
    const { id, count } = held.frame;
    if (held.wasSent) ledger.declined(count);
    else ledger.refused(count, "refused");
    this.#remove(id);
    this.#port.refused(id, error, nowMs);
  }

  #remove(id: number): Held | undefined {
    const held = this.#held.get(id);
    if (held === undefined) return undefined;
    this.#set(held, "waiting");
    this.#held.delete(id);
    this.#bytes -= sizeOf(held.frame);
    return held;
  }

  #set(held: Held, state: State): void {
    const change = Number(state === "sent") - Number(held.state === "sent");
    this.#sent.events += change;
    this.#sent.bytes += change * sizeOf(held.frame);
    if (state === "chosen" && held.state !== "chosen") this.#queue.push(held);
    held.state = state;
  }
}

function waitedInVain({ frame: { pool }, node }: Held): FabricError {
  return node === undefined
    ? new FabricError("unavailable", `pool ${pool}: no view of the nodes came in time`)
    : new FabricError("no_receiver", `pool ${pool}: nobody is at ${node.name}`);
}

/** In memory, bytes: what a map entry and its object take, too. */
function sizeOf({ payload, key }: PublishPoolFrame): number {
  return payload.length + key.length + HELD_BYTES;
}

const HELD_BYTES = 256;

function isSame(a: PoolViewRef | undefined, b: PoolViewRef): boolean {
  return a?.number === b.number && a.life === b.life && a.pools === b.pools;
}
