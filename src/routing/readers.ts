/**
 * The readers of a router that are not up to date: bytes that wait, output that is not acknowledged, publishers that are
 * held back, and who is to go (rules 12 and 13). A reader that keeps up costs an entry while its output is under way.
 */
import { addCounts } from "../base/counts.ts";
import { LIMITS } from "../base/limits.ts";
import type { Position, Segment } from "../protocol/frame.ts";
import type { OutboxDelivery, OutboxItem } from "./outbox.ts";
import { SharedBytes } from "./shared-bytes.ts";
import type { Trunk } from "./trunk.ts";

export class Readers {
  /** Trunks with output that is not acknowledged: while there are any, the router stays awake. */
  readonly #unacked = new Set<Trunk>();
  /** Trunks past their bound whose policy is not to drop. */
  readonly #over = new Set<Trunk>();
  #judgedMs = 0;

  /** What waits for all readers. */
  readonly waiting = new SharedBytes();

  /** Events under way and waiting, counted anew. */
  count(): { readonly inFlight: number; readonly queued: number } {
    const sum = { inFlight: 0, queued: 0 };
    for (const { outbox } of this.#unacked) addCounts(sum, outbox.count());
    return sum;
  }

  /** When `judge` is due, ms; Infinity when nothing is under way. */
  get deadlineMs(): number {
    let due = this.#unacked.size > 0 ? this.#judgedMs + LIMITS.keepAwakeMs : Infinity;
    for (const { blockedSinceMs } of this.#over) {
      if (blockedSinceMs !== undefined) due = Math.min(due, blockedSinceMs + LIMITS.blockMs);
    }
    return due;
  }

  /** The way of a reader that keeps up: true when the delivery is to be sent as it is. */
  pushDirect(trunk: Trunk, delivery: OutboxDelivery): boolean {
    if (!trunk.outbox.pushDirect(delivery)) return false;
    this.#unacked.add(trunk);
    return true;
  }

  /** Takes a delivery for a reader that is behind; answers with what is to be sent now. */
  push(trunk: Trunk, delivery: OutboxDelivery): readonly OutboxItem[] {
    return this.#book(trunk, () => trunk.outbox.push(delivery));
  }

  /** A reader has consumed everything up to a place; answers with what is to be sent now. */
  credit(trunk: Trunk, position: Position, windowBytes: number): readonly OutboxItem[] {
    return this.#book(trunk, () => trunk.outbox.credit(position.router, position, windowBytes));
  }

  /** Takes back what waits of a stream: it is kept, and will be read again. */
  withdraw(trunk: Trunk, stream: string): void {
    this.#book(trunk, () => {
      trunk.outbox.withdraw(stream);
      return [];
    });
  }

  /** A reader wants a stream no more. */
  giveUp(trunk: Trunk, stream: string): void {
    this.#book(trunk, () => {
      trunk.outbox.giveUp(stream);
      return [];
    });
  }

  /** Whether a publish has to wait for a reader whose policy is `block`. */
  holdsBack(segments: readonly Segment[]): boolean {
    for (const trunk of this.#over) {
      if (trunk.terms.overflow === "block" && segments.some(({ topic }) => trunk.takes(topic))) return true;
    }
    return false;
  }

  /** The readers that are to go now: past their bound for too long, or all that wait while the router holds too much. */
  judge(nowMs: number): readonly Trunk[] {
    this.#judgedMs = nowMs;
    const gone: Trunk[] = [];
    for (const trunk of this.#over) {
      trunk.blockedSinceMs ??= nowMs;
      const isPatient = trunk.terms.overflow === "block" && nowMs < trunk.blockedSinceMs + LIMITS.blockMs;
      if (!isPatient) gone.push(trunk);
    }
    if (this.waiting.sum > LIMITS.routerQueueBytesMax) {
      const waiting = [...this.#unacked].filter(
        (trunk) => trunk.outbox.queuedBytes > 0 && !gone.includes(trunk),
      );
      const worst = waiting.toSorted((a, b) => b.outbox.queuedBytes - a.outbox.queuedBytes)[0];
      if (worst !== undefined) gone.push(worst);
    }
    return gone;
  }

  /** A trunk is gone. What waited for it goes with its outbox. */
  forget(trunk: Trunk): void {
    this.#unacked.delete(trunk);
    this.#over.delete(trunk);
  }

  #book(trunk: Trunk, act: () => readonly OutboxItem[]): readonly OutboxItem[] {
    const { outbox } = trunk;
    const items = act();
    if (outbox.inFlightBytes > 0 || outbox.queuedBytes > 0) this.#unacked.add(trunk);
    else this.#unacked.delete(trunk);
    const isOver = outbox.isOver && (outbox.overflow === "block" || outbox.overflow === "disconnect");
    if (isOver) this.#over.add(trunk);
    else if (this.#over.delete(trunk)) trunk.blockedSinceMs = undefined;
    return items;
  }
}
