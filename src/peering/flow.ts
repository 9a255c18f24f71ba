/**
 * One direction of a peering: carries what one end receives to the other, each publish under the name of its first
 * publisher, and grants credit for it when the other end has acknowledged it. So back-pressure reaches through, and
 * what is saved as taken is taken (PROTOCOL.md, N-22). Sans-I/O.
 */
import { LIMITS } from "../base/limits.ts";
import {
  segmentsEvents,
  type FrameOf,
  type InstanceId,
  type Origin,
  type Position,
  type Segment,
  type SequencedFrame,
} from "../protocol/frame.ts";
import { ReaderCredit } from "../protocol/reader-credit.ts";
import type { Topic } from "../protocol/topic.ts";
import type { TrunkEnd } from "../protocol/trunk-end.ts";

/** The publisher id of another fabric's publisher (N-22). */
export type OriginIdOf = (fabric: string, stream: string, topic: Topic, publisher: InstanceId) => InstanceId;

/** What became of the events of one direction. */
export interface FlowCounts {
  /** Acknowledged by the other end. */
  carried: number;
  /** Not sent on, because the other end stands in their path: they have been there. */
  beenThere: number;
  /** Not sent on, because they have come too far. */
  tooFar: number;
  /** Refused by the other end. */
  refused: number;
}

/** A publish that the other end has not acknowledged, or the end of a delivery (events 0). */
interface Pending {
  readonly seq: number;
  readonly events: number;
  /** The delivery that ends here, and its size. */
  readonly ends?: { readonly position: Position; readonly bytes: number };
}

export class Flow {
  readonly counts: FlowCounts = { carried: 0, beenThere: 0, tooFar: 0, refused: 0 };
  readonly #originIdOf: OriginIdOf;
  readonly #credit: ReaderCredit;
  #queue: FrameOf<"publish">[] = [];
  #pending: Pending[] = [];
  #seq = 0;
  readonly #taken = new Map<string, Position>();

  /** @param positions Where an earlier life of this direction stood. */
  constructor(windowBytes: number, originIdOf: OriginIdOf, positions: readonly Position[]) {
    this.#originIdOf = originIdOf;
    this.#credit = new ReaderCredit(windowBytes);
    for (const position of positions) this.#taken.set(position.router, position);
  }

  /** Up to where everything is at the other end, by stream. */
  get positions(): readonly Position[] {
    return [...this.#taken.values()];
  }

  /** Whether nothing is under way. */
  get isEmpty(): boolean {
    return this.#pending.length === 0;
  }

  /** Whether the source is to be told what was taken. */
  get isCreditUntold(): boolean {
    return this.#credit.isUntold;
  }

  /** Takes a delivery of the source. Answers with credit to send there now. */
  deliver(frame: FrameOf<"deliver">, bytes: number, from: string, to: string): readonly Uint8Array[] {
    for (const sequenced of frame.frames) this.#carry(sequenced, frame.router, from, to);
    const last = frame.frames.at(-1);
    const { router, incarnation, prev } = frame;
    const position = { router, incarnation, seq: last?.seq ?? prev };
    this.#pending.push({ seq: this.#seq, events: 0, ends: { position, bytes } });
    return this.#settle(0);
  }

  /** A stream begins here, unless it is known already. */
  beginsAt(position: Position): void {
    if (!this.#taken.has(position.router)) this.#taken.set(position.router, position);
  }

  /** A stream stands here now, without a delivery: a gap, or its start. */
  standsAt(position: Position): void {
    if (this.#pending.length === 0) this.#taken.set(position.router, position);
    else this.#pending.push({ seq: this.#seq, events: 0, ends: { position, bytes: 0 } });
  }

  /** The other end has everything up to the number. Answers with credit to send to the source now. */
  published(seq: number): readonly Uint8Array[] {
    return this.#settle(seq);
  }

  /** The other end takes this one never. Answers as `published` does. */
  refused(seq: number): readonly Uint8Array[] {
    const at = this.#pending.findIndex((pending) => pending.seq === seq && pending.events > 0);
    const [refused] = at < 0 ? [] : this.#pending.splice(at, 1);
    this.counts.refused += refused?.events ?? 0;
    return this.#settle(0);
  }

  /** What goes to the other end now. */
  flush(target: TrunkEnd): readonly Uint8Array[] {
    const out: Uint8Array[] = [];
    let count = 0;
    for (; count < this.#queue.length && target.hasWindow; count++)
      out.push(...target.publish(this.#queue[count]!));
    if (count > 0) this.#queue.splice(0, count);
    return out;
  }

  /** The credit that was not told yet. */
  takeCredit(): readonly Uint8Array[] {
    const bytes = this.#credit.take();
    return bytes === undefined ? [] : [bytes];
  }

  #carry(sequenced: SequencedFrame, stream: string, from: string, to: string): void {
    const { publisher, publisherSeq, segments, path = [] } = sequenced;
    const events = segmentsEvents(segments);
    if (path.includes(to)) {
      this.counts.beenThere += events;
    } else if (path.length >= LIMITS.hopsMax) {
      this.counts.tooFar += events;
    } else if (path.length > 0) {
      this.#push(segments, { publisher, seq: publisherSeq, path: [...path, from] });
    } else {
      // Ways that carry different topics meet again further on: so each topic is a publisher of its own there.
      for (const [topic, own] of Map.groupBy(segments, (segment) => segment.topic)) {
        const id = this.#originIdOf(from, stream, topic, publisher);
        this.#push(own, { publisher: id, seq: publisherSeq, path: [from] });
      }
    }
  }

  #push(segments: readonly Segment[], origin: Origin): void {
    this.#queue.push({ type: "publish", seq: ++this.#seq, repeat: false, segments, origin });
    this.#pending.push({ seq: this.#seq, events: segmentsEvents(segments) });
  }

  /** @param seq Up to where publishes are acknowledged; with 0, deliveries end that wait for none. */
  #settle(seq: number): readonly Uint8Array[] {
    let count = 0;
    let isDue = false;
    for (const pending of this.#pending) {
      // A delivery whose publishes are all acknowledged ends by itself, also where none of them was sent on.
      const isDone = pending.events > 0 ? pending.seq <= seq : true;
      if (!isDone) break;
      count++;
      this.counts.carried += pending.events;
      if (pending.ends === undefined) continue;
      const { position, bytes } = pending.ends;
      this.#taken.set(position.router, position);
      isDue = this.#credit.consume(position, bytes) || isDue;
    }
    if (count > 0) this.#pending.splice(0, count);
    return isDue ? this.takeCredit() : [];
  }
}
