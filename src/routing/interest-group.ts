/**
 * Fan-out: the trunks with the same filter form an interest group, and what a turn has for the group is encoded once
 * for all of them. A member that stands at another sequence number than the rest (it joined in between) costs one
 * more encoding of the header, no more.
 */
import { LIMITS } from "../base/limits.ts";
import { encodeFrame } from "../protocol/frame-codec.ts";
import { segmentsBytes, type Segment, type SequencedFrame } from "../protocol/frame.ts";
import type { Filter } from "./filter.ts";
import type { OutboxDelivery } from "./outbox.ts";

/** A reader as the fan-out sees it. */
export interface Member {
  /** The last sequence number sent to it: `prev` of the next delivery (rule 3). */
  lastSeq: number;
}

/** One deliver frame for the members that stand at the same place. */
export interface Delivery<M extends Member> extends OutboxDelivery {
  readonly members: readonly M[];
}

export class InterestGroup<M extends Member> {
  readonly key: string;
  readonly filter: Filter;
  readonly members = new Set<M>();
  #frames: SequencedFrame[] = [];
  #bytes = 0;
  #events = 0;
  // The frame that is being matched: segments are gathered one by one.
  #segments: Segment[] = [];

  constructor(key: string, filter: Filter) {
    this.key = key;
    this.filter = filter;
  }

  /** Whether what waits fills a deliver frame. */
  get isFull(): boolean {
    return this.#bytes >= LIMITS.deliverFrameBytes;
  }

  /** Adds a matching segment of the frame that is being sequenced. */
  add(segment: Segment): void {
    this.#segments.push(segment);
    this.#events += segment.count;
  }

  /** Ends the frame: its matching segments stand in order; a whole frame is kept as it is. */
  endFrame(frame: SequencedFrame): void {
    this.#bytes += segmentsBytes(this.#segments);
    const whole = this.#segments.length === frame.segments.length;
    this.#frames.push(whole ? frame : { ...frame, segments: this.#segments });
    this.#segments = [];
  }

  /** Takes what waits, encoded once for each distinct `prev` of the members. */
  take(stream: string, incarnation: number): Delivery<M>[] {
    const frames = this.#frames;
    const last = frames.at(-1);
    this.#frames = [];
    this.#bytes = 0;
    if (last === undefined) return [];
    const byPrev = new Map<number, M[]>();
    for (const member of this.members) {
      const members = byPrev.get(member.lastSeq);
      if (members === undefined) byPrev.set(member.lastSeq, [member]);
      else members.push(member);
      member.lastSeq = last.seq;
    }
    const events = this.#events;
    this.#events = 0;
    const out: Delivery<M>[] = [];
    for (const [prev, members] of byPrev) {
      const bytes = encodeFrame({ type: "deliver", router: stream, incarnation, prev, frames });
      out.push({ members, stream, bytes, incarnation, prev, last: last.seq, events });
    }
    return out;
  }
}
