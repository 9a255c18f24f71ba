/**
 * Publishes that have arrived and are not sequenced yet: all of them while the router is cold (rule 6), those of some
 * publishers while a reader with the policy `block` is behind (rule 13). A publisher's order is kept: behind one that
 * waits, all of the same publisher wait.
 */
import { ENCODING, segmentsBytes, segmentsEvents, type FrameOf, type InstanceId } from "../protocol/frame.ts";
import type { PoolEventsFrame } from "../protocol/pool-frame.ts";
import type { RouterLedger } from "./ledger.ts";

export interface HeldPublish {
  readonly trunk: string;
  readonly instance: InstanceId;
  readonly frame: FrameOf<"publish">;
  readonly events: number;
  /** Whether it is for one node of a pool; its number is then that of the event. */
  readonly isPool?: boolean;
  /** Bytes of the frame. */
  readonly size: number;
}

export class HeldPublishes {
  readonly #ledger: RouterLedger;
  #held: HeldPublish[] = [];
  #bytes = 0;

  constructor(ledger: RouterLedger) {
    this.#ledger = ledger;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Events in them, counted anew. */
  get events(): number {
    return this.#held.reduce((sum, { events }) => sum + events, 0);
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Takes the events of a frame for nodes of pools. */
  addPool(trunk: string, instance: InstanceId, { events, repeat }: PoolEventsFrame): void {
    for (const { id, topic, count, payload } of events) {
      const segments = [{ topic, encoding: ENCODING.cbor, count, payload }];
      const frame = { type: "publish", seq: id, repeat, segments } as const;
      this.add({ trunk, instance, frame, isPool: true, size: segmentsBytes(segments) });
    }
  }

  add(publish: Omit<HeldPublish, "events">): void {
    const events = segmentsEvents(publish.frame.segments);
    this.#ledger.received(events);
    this.#held.push({ ...publish, events });
    this.#bytes += publish.size;
  }

  /** Takes, in order, the publishes that need not wait; asks about each one only when none before it waits. */
  *take(mustWait: (publish: HeldPublish) => boolean): Generator<HeldPublish> {
    const all = this.#held;
    this.#held = [];
    const waiting = new Set<InstanceId>();
    for (const publish of all) {
      if (waiting.has(publish.instance) || mustWait(publish)) {
        waiting.add(publish.instance);
        this.#held.push(publish);
      } else {
        this.#bytes -= publish.size;
        yield publish;
      }
    }
  }
}
