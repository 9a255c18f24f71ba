/** Publishes of one trunk that its other end has not acknowledged: kept to be sent again, and bounded by a window. */
import { LIMITS } from "../base/limits.ts";
import { segmentsBytes, segmentsEvents, type FrameOf } from "./frame.ts";
import type { SessionLedger } from "./session-ledger.ts";

interface Unacked {
  readonly frame: FrameOf<"publish">;
  readonly size: number;
  readonly events: number;
  sent: boolean;
}

export class UnackedPublishes {
  readonly #ledger: SessionLedger;
  #unacked: Unacked[] = [];
  #bytes = 0;

  constructor(ledger: SessionLedger) {
    this.#ledger = ledger;
  }

  get isEmpty(): boolean {
    return this.#unacked.length === 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether another one fits into the window. */
  get hasWindow(): boolean {
    return this.#unacked.length < LIMITS.publishWindowFrames && this.#bytes < LIMITS.publishWindowBytes;
  }

  /** Numbers must rise. */
  add(frame: FrameOf<"publish">, isSent: boolean): void {
    const size = segmentsBytes(frame.segments);
    const events = segmentsEvents(frame.segments);
    this.#ledger.sent(events);
    this.#unacked.push({ frame, size, events, sent: isSent });
    this.#bytes += size;
  }

  /** What a new connection sends: what went before is flagged as a repeat. */
  *resent(): Generator<FrameOf<"publish">> {
    for (const unacked of this.#unacked) {
      yield unacked.sent ? { ...unacked.frame, repeat: true } : unacked.frame;
      unacked.sent = true;
    }
  }

  /** Everything up to the number is taken. */
  acknowledged(seq: number): void {
    let count = 0;
    for (const { frame, size, events } of this.#unacked) {
      if (frame.seq > seq) break;
      this.#bytes -= size;
      this.#ledger.acknowledged(events);
      count++;
    }
    if (count > 0) this.#unacked.splice(0, count);
  }

  /** One is refused; false when it is none of these. */
  refused(seq: number): boolean {
    const at = this.#unacked.findIndex(({ frame }) => frame.seq === seq);
    const [refused] = at < 0 ? [] : this.#unacked.splice(at, 1);
    if (refused === undefined) return false;
    this.#bytes -= refused.size;
    this.#ledger.declined(refused.events);
    return true;
  }
}
