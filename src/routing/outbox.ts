/**
 * What one reader is sent, within the credit that it grants (rules 12 and 13). Deliveries that the credit does not cover
 * wait in a bounded queue; past the bound the reader's policy decides. Bytes are shared with all readers of the
 * interest group, so waiting costs a reference. A dropped delivery needs no new encoding: `prev` of the next one in its
 * stream shows the hole, and a notice in front of it says how many events fell into it. What is kept is never dropped
 * here: it is withdrawn, and read again from where it is kept (router.ts).
 */
import { Awaited } from "./awaited.ts";
import type { Overflow } from "../protocol/overflow.ts";
import { isKept } from "../protocol/stream.ts";
import { Flight, type InFlight } from "./flight.ts";
import type { Place } from "./kept.ts";
import type { DropReason, RouterLedger } from "./ledger.ts";
import type { ReaderTerms } from "./reader-terms.ts";
import type { SharedBytes } from "./shared-bytes.ts";

/** One deliver frame. */
export interface OutboxDelivery {
  readonly stream: string;
  readonly bytes: Uint8Array;
  readonly incarnation: number;
  /** The sequence number in front of its first frame, and of its last. */
  readonly prev: number;
  readonly last: number;
  /** Events in it. */
  readonly events: number;
  /** Whether it is older than where its reader stands. */
  readonly isHistory?: boolean;
}

/** A run of deliveries that the reader will never get. */
export interface Dropped {
  readonly stream: string;
  readonly incarnation: number;
  /** The reader stood at `from`; the last that is missing is `to`. */
  readonly from: number;
  readonly to: number;
  readonly events: number;
}

export type OutboxItem =
  | { readonly type: "deliver"; readonly bytes: Uint8Array }
  | { readonly type: "dropped"; readonly dropped: Dropped };

interface Waiting {
  readonly delivery: OutboxDelivery;
  /** What was dropped right in front of it, one run a stream. */
  holes: Holes;
}

type Holes = ReadonlyMap<string, Dropped>;
const NO_HOLES: Holes = new Map();

export class Outbox {
  readonly #terms: ReaderTerms;
  readonly #ledger: RouterLedger;
  readonly #waiting: SharedBytes;
  readonly #awaited: Awaited;
  #windowBytes: number;
  readonly #flight = new Flight();
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  /** What was dropped behind the last of the queue. */
  #tailHoles: Holes = NO_HOLES;

  /**
   * @param waiting What waits at the router, of which this reader's queue is a part.
   * @param awaited Is told what the reader consumes, and what is dropped.
   */
  constructor(terms: ReaderTerms, ledger: RouterLedger, waiting: SharedBytes, awaited = new Awaited()) {
    this.#terms = terms;
    this.#ledger = ledger;
    this.#waiting = waiting;
    this.#awaited = awaited;
    this.#windowBytes = terms.windowBytes;
  }

  /** Bytes sent and not acknowledged. */
  get inFlightBytes(): number {
    return this.#flight.bytes;
  }

  /** Bytes that wait. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether the reader is behind its bound: `block` then holds its publishers, `disconnect` ends it. */
  get isOver(): boolean {
    return this.#queuedBytes > this.#terms.queueBytes;
  }

  /** Whether a delivery would be sent at once. */
  get isReady(): boolean {
    return this.#queue.length === 0 && this.#tailHoles.size === 0 && this.#hasCredit();
  }

  /** Whether a delivery of this size finds room, at once or in the queue. */
  hasRoom(bytes: number): boolean {
    return this.isReady || this.#queuedBytes + bytes <= this.#terms.queueBytes;
  }

  /** Where the reader stands in a stream when that is in front of what waits; undefined when nothing of it waits. */
  standing(stream: string): number | undefined {
    for (const { delivery, holes } of this.#queue) {
      const hole = holes.get(stream);
      if (hole !== undefined) return hole.from;
      if (delivery.stream === stream) return delivery.prev;
    }
    return this.#tailHoles.get(stream)?.from;
  }

  /** Takes back what waits of a stream that drops nothing. */
  withdraw(stream: string): void {
    this.#takeOut(stream, "withdrawn");
  }

  /** The reader wants a stream no more: nothing that waits of it is sent or told. */
  giveUp(stream: string): void {
    this.#takeOut(stream, isKept(stream) ? "withdrawn" : "unsubscribed");
    for (const waiting of this.#queue) waiting.holes = without(waiting.holes, stream);
    this.#tailHoles = without(this.#tailHoles, stream);
  }

  #takeOut(stream: string, to: DropReason | "withdrawn"): void {
    const left: Waiting[] = [];
    let holes = NO_HOLES;
    for (const waiting of this.#queue) {
      holes = join(holes, waiting.holes);
      if (waiting.delivery.stream === stream) {
        this.#unqueue(to, waiting.delivery);
        continue;
      }
      left.push({ delivery: waiting.delivery, holes });
      holes = NO_HOLES;
    }
    this.#queue = left;
    this.#tailHoles = join(holes, this.#tailHoles);
  }

  get overflow(): Overflow {
    return this.#terms.overflow;
  }

  /** Sends a delivery at once when nothing waits and the credit covers it; false when it must be pushed. */
  pushDirect(delivery: OutboxDelivery): boolean {
    if (!this.isReady) return false;
    this.#launch(delivery);
    return true;
  }

  /** Takes a delivery; answers with what is to be sent now, in order. */
  push(delivery: OutboxDelivery): readonly OutboxItem[] {
    if (this.pushDirect(delivery)) return [{ type: "deliver", bytes: delivery.bytes }];
    this.#enqueue(delivery);
    return this.#release();
  }

  /**
   * The reader has consumed the delivery that ends here, or is behind it, and all that was sent before that, of any
   * stream; it grants this window from now on.
   */
  credit(stream: string, place: Place, windowBytes: number): readonly OutboxItem[] {
    const { readers } = this.#ledger;
    const consumed = this.#flight.take(stream, place);
    for (const { stream: of, incarnation, last, events, isHistory } of consumed) {
      if (!isHistory) this.#awaited.consumed(of, { incarnation, seq: last });
      readers.inFlight -= events;
      readers.delivered += events;
    }
    this.#windowBytes = windowBytes;
    return this.#release();
  }

  /** The reader is gone, and what waited with it. Answers with what was under way; the outbox is not used any more. */
  end(reason: DropReason): readonly InFlight[] {
    for (const { delivery } of this.#queue) {
      this.#unqueue(isKept(delivery.stream) ? "withdrawn" : reason, delivery);
    }
    return [...this.#flight];
  }

  /** Events under way and waiting, counted anew: what the ledger must agree with. */
  count(): { readonly inFlight: number; readonly queued: number } {
    let inFlight = 0;
    let queued = 0;
    for (const { events } of this.#flight) inFlight += events;
    for (const { delivery } of this.#queue) queued += delivery.events;
    return { inFlight, queued };
  }

  /** At least one delivery may always be under way, however large. */
  #hasCredit(): boolean {
    return this.#flight.bytes === 0 || this.#flight.bytes < this.#windowBytes;
  }

  #launch({ stream, incarnation, last, bytes, events, isHistory = false }: OutboxDelivery): void {
    this.#flight.push({ stream, incarnation, last, size: bytes.length, events, isHistory });
    this.#ledger.readers.inFlight += events;
  }

  /** Books a delivery that waited and will not be sent. */
  #unqueue(to: DropReason | "withdrawn", delivery: OutboxDelivery): void {
    this.#left(delivery);
    const { readers, dropped } = this.#ledger;
    if (to === "withdrawn") readers.withdrawn += delivery.events;
    else {
      dropped[to] += delivery.events;
      this.#tellDropped(delivery);
    }
  }

  /** A delivery is in the queue. */
  #entered({ bytes, events }: OutboxDelivery): void {
    this.#queuedBytes += bytes.length;
    this.#waiting.add(bytes);
    this.#ledger.readers.queued += events;
  }

  /** A delivery is in the queue no more. */
  #left({ bytes, events }: OutboxDelivery): void {
    this.#queuedBytes -= bytes.length;
    this.#waiting.remove(bytes);
    this.#ledger.readers.queued -= events;
  }

  #enqueue(delivery: OutboxDelivery): void {
    const size = delivery.bytes.length;
    const room = this.#terms.queueBytes - this.#queuedBytes;
    if (this.#terms.overflow === "drop_newest" && size > room) return this.#dropNewest(delivery);
    this.#queue.push({ delivery, holes: this.#tailHoles });
    this.#tailHoles = NO_HOLES;
    this.#entered(delivery);
    if (this.#terms.overflow === "drop_oldest") this.#dropOldest();
  }

  #tellDropped({ stream, incarnation, prev, last }: OutboxDelivery): void {
    this.#awaited.dropped(stream, prev, { incarnation, seq: last });
  }

  #dropNewest(delivery: OutboxDelivery): void {
    this.#tellDropped(delivery);
    this.#tailHoles = join(this.#tailHoles, holeOf(delivery));
    this.#ledger.dropped.drop_newest += delivery.events;
  }

  #dropOldest(): void {
    let holes = NO_HOLES;
    let count = 0;
    // The newest stays, however large: a reader that comes back sees at least the present.
    while (this.#queuedBytes > this.#terms.queueBytes && count < this.#queue.length - 1) {
      const { delivery, holes: before } = this.#queue[count++]!;
      holes = join(join(holes, before), holeOf(delivery));
      this.#unqueue("drop_oldest", delivery);
    }
    if (count === 0) return;
    this.#queue.splice(0, count);
    const first = this.#queue[0]!;
    first.holes = join(holes, first.holes);
  }

  #release(): readonly OutboxItem[] {
    const out: OutboxItem[] = [];
    let count = 0;
    while (count < this.#queue.length && this.#hasCredit()) {
      const { delivery, holes } = this.#queue[count++]!;
      for (const dropped of holes.values()) out.push({ type: "dropped", dropped });
      out.push({ type: "deliver", bytes: delivery.bytes });
      this.#launch(delivery);
      this.#left(delivery);
    }
    if (count > 0) this.#queue.splice(0, count);
    if (this.#queue.length === 0 && this.#tailHoles.size > 0 && this.#hasCredit()) {
      for (const dropped of this.#tailHoles.values()) out.push({ type: "dropped", dropped });
      this.#tailHoles = NO_HOLES;
    }
    return out;
  }
}

function holeOf({ stream, incarnation, prev, last, events }: OutboxDelivery): Holes {
  return new Map([[stream, { stream, incarnation, from: prev, to: last, events }]]);
}

function without(holes: Holes, stream: string): Holes {
  return holes.has(stream) ? new Map([...holes].filter(([other]) => other !== stream)) : holes;
}

/** Runs, and those behind them, as one run a stream. */
function join(first: Holes, second: Holes): Holes {
  if (first.size === 0 || second.size === 0) return first.size === 0 ? second : first;
  const out = new Map(first);
  for (const [stream, hole] of second) {
    const before = out.get(stream);
    out.set(
      stream,
      before === undefined ? hole : { ...before, to: hole.to, events: before.events + hole.events },
    );
  }
  return out;
}
