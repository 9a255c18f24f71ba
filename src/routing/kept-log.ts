/**
 * What a router keeps under one prefix: appends a row a turn, never one an event; drops rows from the front when they
 * expire; finds rows by position and time. Ids have no holes and all else rises with them, so look-ups need no index:
 * an index would double the rows written.
 */
import { LIMITS } from "../base/limits.ts";
import { decodeSequenced, encodeSequenced } from "../protocol/frame-codec.ts";
import { framesEvents, segmentsBytes, type SequencedFrame } from "../protocol/frame.ts";
import {
  isBefore,
  type KeptChange,
  type KeptHead,
  type KeptStore,
  type Place,
  type RetentionPolicy,
  type StoredLog,
} from "./kept.ts";

/** What a frame takes beside its segments at most, bytes. */
const FRAME_HEADER_BYTES = 48;

/** A row that was read. */
export interface OpenRow {
  /** Its last frame. */
  readonly end: Place;
  readonly frames: readonly SequencedFrame[];
  readonly bytes: number;
}

export class KeptLog {
  readonly policy: RetentionPolicy;
  readonly number: number;
  readonly #store: KeptStore;
  #first: number;
  #next: number;
  #front: KeptHead | undefined;
  #back: KeptHead | undefined;
  #expired: Place | undefined;
  #frames: SequencedFrame[] = [];
  #bytes = 0;

  /** @param stored Its rows were written by earlier lives. */
  constructor(policy: RetentionPolicy, stored: StoredLog, store: KeptStore) {
    this.policy = policy;
    this.number = stored.number;
    this.#store = store;
    this.#first = stored.first;
    this.#next = stored.next;
    this.#expired = stored.expired;
    if (this.#first < this.#next) {
      this.#front = store.head(this.#first);
      this.#back = store.head(this.#next - 1);
    }
  }

  /** Ids of the first row and of the one that will follow the last. */
  get first(): number {
    return this.#first;
  }

  get next(): number {
    return this.#next;
  }

  /** The last frame that has expired. */
  get expired(): Place | undefined {
    return this.#expired;
  }

  /** When the front expires by time, ms; Infinity when nothing is kept. */
  get expiryMs(): number {
    return this.#front === undefined ? Infinity : this.#front.timeMs + this.policy.seconds * 1_000;
  }

  /** Takes a frame of this turn. Answers whether a row is full. */
  add(frame: SequencedFrame): boolean {
    this.#frames.push(frame);
    this.#bytes += FRAME_HEADER_BYTES + segmentsBytes(frame.segments);
    return this.#bytes >= LIMITS.keptRowBytes;
  }

  /** The row of the frames taken since the last one. */
  take(incarnation: number, nowMs: number): Extract<KeptChange, { type: "keep" }> | undefined {
    const last = this.#frames.at(-1);
    if (last === undefined) return undefined;
    const frames = encodeSequenced(this.#frames);
    const back = this.#back;
    const head: KeptHead = {
      id: this.#next++,
      incarnation,
      last: last.seq,
      timeMs: Math.max(back?.timeMs ?? 0, nowMs),
      eventsEnd: (back?.eventsEnd ?? 0) + framesEvents(this.#frames),
      bytesEnd: (back?.bytesEnd ?? 0) + frames.length,
    };
    this.#back = head;
    this.#front ??= head;
    this.#frames = [];
    this.#bytes = 0;
    return { type: "keep", row: { ...head, frames } };
  }

  /**
   * Drops what has expired: rows older than the policy's time, and rows behind which the policy's bytes or events are
   * full. So at most one row more than the policy is kept, and nothing goes early. Not between `add` and the next turn.
   */
  expire(nowMs: number): KeptChange | undefined {
    if (this.#front === undefined || !this.#isExpired(this.#front, nowMs)) return undefined;
    const end = this.#search((head) => !this.#isExpired(head, nowMs));
    const next = Math.min(end, this.#first + LIMITS.expireRowsMax);
    const { incarnation, last: seq } = this.#store.head(next - 1);
    this.#expired = { incarnation, seq };
    this.#first = next;
    this.#front = next < this.#next ? this.#store.head(next) : undefined;
    return { type: "expire", number: this.number, through: next - 1, expired: this.#expired };
  }

  #isExpired(head: KeptHead, nowMs: number): boolean {
    const back = this.#back!;
    return (
      head.timeMs + this.policy.seconds * 1_000 <= nowMs ||
      back.bytesEnd - head.bytesEnd >= this.policy.bytes ||
      back.eventsEnd - head.eventsEnd >= this.policy.events
    );
  }

  /** The id of the first row that holds something behind a place. */
  after(place: Place): number {
    return this.#search(({ incarnation, last }) => isBefore(place, { incarnation, seq: last }));
  }

  /** The id of the first row that is not older. */
  since(timeMs: number): number {
    return this.#search((head) => head.timeMs >= timeMs);
  }

  /** The row under an id and those behind it, until they make up `bytesMax`; at least one. */
  rows(id: number, bytesMax: number): readonly OpenRow[] {
    return this.#store.rows(id, this.#next, bytesMax).map(({ incarnation, last, frames }) => ({
      end: { incarnation, seq: last },
      bytes: frames.length,
      frames: decodeSequenced(frames),
    }));
  }

  /** The first id for which a test holds that holds for all ids behind it, too. Cost: the logarithm of the rows. */
  #search(holds: (head: KeptHead) => boolean): number {
    let low = this.#first;
    let high = this.#next;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (holds(this.#store.head(middle))) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
