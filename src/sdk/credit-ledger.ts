/**
 * What a client holds of deliveries, and the credit that it grants for what it has consumed (design.md, decision 4).
 * Credit is cumulative over all streams of a router, and a client does not know which streams share one: so deliveries
 * count as consumed in the order of their arrival. Routers are told where that has got to when a quarter of the window is
 * used up, or `LIMITS.creditMs` after. What is held from an earlier connection counts against the window of the next
 * one, so that a reader that stopped holds no more for being disconnected.
 */
import { LIMITS } from "../base/limits.ts";
import type { FrameOf, Position } from "../protocol/frame.ts";

/** The part of the window that is consumed before routers are told. */
const TOLD_AFTER = 4;

/** A delivery of one stream on its way through the client. */
export class Delivery {
  readonly position: Position;
  readonly bytes: number;
  readonly connection: number;
  #holders = 1;

  constructor(position: Position, bytes: number, connection: number) {
    this.position = position;
    this.bytes = bytes;
    this.connection = connection;
  }

  get isTaken(): boolean {
    return this.#holders === 0;
  }

  /** Somebody else has to take it as well. */
  hold(): void {
    this.#holders++;
  }

  /** A holder has taken all of it; true when that was the last one. */
  release(): boolean {
    return --this.#holders === 0;
  }
}

/** What is taken of one stream and not told yet. */
interface Untold {
  readonly position: Position;
  dueAtMs: number;
}

export class CreditLedger {
  readonly #windowBytes: number;
  /** In the order of their arrival, of all streams; those up to `#head` are gone. */
  #held: Delivery[] = [];
  #head = 0;
  #heldBytes = 0;
  /** Of these, what came on an earlier connection. */
  #olderBytes = 0;
  /** By stream, in the order in which they were last consumed. */
  readonly #untold = new Map<string, Untold>();
  #untoldBytes = 0;
  #connection = 0;
  #greetedBytes = 0;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  /** Bytes that nobody has taken yet. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether a whole window is held: nothing more may be asked for. */
  get isFull(): boolean {
    return this.#heldBytes >= this.#windowBytes;
  }

  /** The window for the hello of the next connection: what is left of it, at least one byte. */
  greet(): number {
    this.#greetedBytes = Math.max(1, this.#windowBytes - this.#heldBytes);
    return this.#greetedBytes;
  }

  /** When `due` has something to say, Infinity for never. */
  get deadlineMs(): number {
    let due = Infinity;
    for (const { dueAtMs } of this.#untold.values()) due = Math.min(due, dueAtMs);
    return due;
  }

  /** A new connection: the routers know of nothing that is under way. */
  reconnected(): void {
    this.#connection++;
    this.#olderBytes = this.#heldBytes;
    this.#untold.clear();
    this.#untoldBytes = 0;
  }

  /** A delivery has come. It is taken when its last holder has released it: then call `taken`. */
  arrived(position: Position, bytes: number): Delivery {
    const delivery = new Delivery(position, bytes, this.#connection);
    this.#held.push(delivery);
    this.#heldBytes += bytes;
    return delivery;
  }

  /** Some delivery has been taken by all its holders: moves over what is taken from the front. */
  taken(nowMs: number): void {
    for (let next = this.#held[this.#head]; next?.isTaken; next = this.#held[this.#head]) {
      this.#head++;
      this.#heldBytes -= next.bytes;
      if (next.connection < this.#connection) this.#olderBytes -= next.bytes;
      this.#untoldBytes += next.bytes;
      this.#note(next.position, nowMs + LIMITS.creditMs);
    }
    if (this.#head * 2 > this.#held.length) {
      this.#held.splice(0, this.#head);
      this.#head = 0;
    }
    if (this.#untoldBytes * TOLD_AFTER < this.#windowBytes) return;
    for (const untold of this.#untold.values()) untold.dueAtMs = nowMs;
  }

  /** The stream serves this connection from `position` on: it is told the window when the hello named less of it. */
  standsAt(position: Position, nowMs: number): void {
    if (this.#greetedBytes < this.#windowBytes) this.#note(position, nowMs);
  }

  /** The credit that is due. */
  due(nowMs: number): FrameOf<"credit">[] {
    if (this.deadlineMs > nowMs) return [];
    const window = Math.max(0, this.#windowBytes - this.#olderBytes);
    const frames = Array.from(
      this.#untold.values(),
      ({ position }) => ({ type: "credit", position, window }) as const,
    );
    this.#untold.clear();
    this.#untoldBytes = 0;
    return frames;
  }

  #note(position: Position, dueAtMs: number): void {
    const before = this.#untold.get(position.router);
    this.#untold.delete(position.router);
    this.#untold.set(position.router, { position, dueAtMs: Math.min(dueAtMs, before?.dueAtMs ?? Infinity) });
  }
}
