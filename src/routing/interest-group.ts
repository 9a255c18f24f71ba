/**
 * Fan-out: the trunks with the same filter form an interest group, and what a turn has for the group is encoded once
 * for all of them. A member that stands at another sequence number than the rest (it joined in between) costs one
 * more encoding of the header, no more.
 */
import { LIMITS } from "../base/limits.ts";
import { encodeFrame } from "../protocol/frame-codec.ts";
import { segmentsBytes, type Segment, type SequencedFrame } from "../protocol/frame.ts";
import type { Filter } from "./filter.ts";

/** A trunk as the fan-out sees it. */
export interface Member {
  readonly id: string;
  /** The last sequence number sent on this trunk: `prev` of the next delivery (rule 3). */
  lastSeq: number;
}

/** Bytes for some trunks. */
export interface Delivery {
  readonly trunks: readonly string[];
  readonly bytes: Uint8Array;
}

export class InterestGroup {
  readonly key: string;
  readonly filter: Filter;
  readonly members = new Set<Member>();
  #frames: SequencedFrame[] = [];
  #bytes = 0;
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
  }

  /** Ends the frame: its matching segments stand in order; a whole frame is kept as it is. */
  endFrame(frame: SequencedFrame): void {
    this.#bytes += segmentsBytes(this.#segments);
    const whole = this.#segments.length === frame.segments.length;
    this.#frames.push(whole ? frame : { ...frame, segments: this.#segments });
    this.#segments = [];
  }

  /** Takes what waits, encoded once for each distinct `prev` of the members. */
  take(router: string, incarnation: number): Delivery[] {
    const frames = this.#frames;
    const last = frames.at(-1);
    this.#frames = [];
    this.#bytes = 0;
    if (last === undefined) return [];
    const byPrev = new Map<number, string[]>();
    for (const member of this.members) {
      const ids = byPrev.get(member.lastSeq);
      if (ids === undefined) byPrev.set(member.lastSeq, [member.id]);
      else ids.push(member.id);
      member.lastSeq = last.seq;
    }
    const out: Delivery[] = [];
    for (const [prev, trunks] of byPrev) {
      out.push({ trunks, bytes: encodeFrame({ type: "deliver", router, incarnation, prev, frames }) });
    }
    return out;
  }
}
