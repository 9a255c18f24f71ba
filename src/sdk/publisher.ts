/** A client's publishes: gathered into frames, kept until acknowledged, sent again after a lost connection (rule 5). */
import { assert } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { FabricEvent } from "../protocol/event.ts";
import { decodeFrame, encodeFrame } from "../protocol/frame-codec.ts";
import { segmentsBytes, type Frame, type FrameOf, type Segment } from "../protocol/frame.ts";
import type { Topic } from "../protocol/topic.ts";
import { PublishRuns } from "./publish-runs.ts";

/** Events by their number in the order of publishing, from 1: those above `after`, up to and including `last`. */
export interface EventRange {
  readonly after: number;
  readonly last: number;
}

interface Unacked extends EventRange {
  readonly seq: number;
  /** The publish frame as it went out: what it was made of is not kept beside it. */
  readonly message: Uint8Array;
  readonly size: number;
}

export class Publisher {
  readonly #runs = new PublishRuns();
  #unacked: Unacked[] = [];
  #unackedBytes = 0;
  #seq = 0;
  #pushed = 0;
  #taken = 0;

  /** Whether nothing waits and nothing is under way. */
  get isIdle(): boolean {
    return this.#runs.isEmpty && this.#unacked.length === 0;
  }

  /** Number of the event published last. */
  get pushed(): number {
    return this.#pushed;
  }

  /** Number of the last event before the first one that waits for an answer. */
  get settled(): number {
    return this.#unacked[0]?.after ?? this.#taken;
  }

  /** What waits and what is under way, bytes. */
  get bufferedBytes(): number {
    return this.#runs.bytes + this.#unackedBytes;
  }

  /**
   * Adds an event; `wantsReceipt` when its readers are to be counted. Throws `publisher_too_fast` when too much waits,
   * `invalid_data` for what cannot be encoded.
   */
  pushEvent(topic: Topic, event: FabricEvent, wantsReceipt = false): void {
    this.#assertRoom(0);
    this.#runs.pushEvent(topic, event, wantsReceipt);
    this.#pushed++;
  }

  /** Adds one canonical JSON v1 message. Throws like `pushEvent`. */
  pushText(topic: Topic, text: string): void {
    this.#assertRoom(text.length);
    this.#runs.pushText(topic, text);
    this.#pushed++;
  }

  /** Adds segments; they may go with others in one frame, but stay in order. Throws like `pushEvent`. */
  pushSegments(segments: readonly Segment[]): void {
    this.#assertRoom(segmentsBytes(segments));
    for (const segment of segments) {
      this.#runs.pushSegment(segment);
      this.#pushed += segment.count;
    }
  }

  /** The frames that may be sent now, encoded: as many as the window has room for. */
  take(): Uint8Array[] {
    const messages: Uint8Array[] = [];
    while (!this.#runs.isEmpty && this.#hasWindow) {
      const { segments, count, wantsReceipt } = this.#runs.take();
      const seq = ++this.#seq;
      const message = encodeFrame({ type: "publish", seq, repeat: false, receipt: wantsReceipt, segments });
      const size = segmentsBytes(segments);
      const after = this.#taken;
      this.#taken += count;
      this.#unacked.push({ seq, message, size, after, last: this.#taken });
      this.#unackedBytes += size;
      messages.push(message);
    }
    return messages;
  }

  /** What a new connection must carry again, flagged as repeats. */
  unacknowledged(): FrameOf<"publish">[] {
    return this.#unacked.map(({ message }) => ({ ...publishOf(decodeFrame(message)), repeat: true }));
  }

  /** Everything up to the number is sequenced. Returns the events of each frame, with the frame's own number. */
  acknowledged(seq: number): readonly (EventRange & { readonly seq: number })[] {
    const done: (EventRange & { seq: number })[] = [];
    for (const { seq: own, size, after, last } of this.#unacked) {
      if (own > seq) break;
      this.#unackedBytes -= size;
      done.push({ after, last, seq: own });
    }
    this.#unacked.splice(0, done.length);
    return done;
  }

  /** The publish went nowhere, for good. Returns its events and their topics; undefined when it is not known. */
  refused(seq: number): (EventRange & { readonly topics: readonly Topic[] }) | undefined {
    const at = this.#unacked.findIndex((unacked) => unacked.seq === seq);
    const [refused] = at < 0 ? [] : this.#unacked.splice(at, 1);
    if (refused === undefined) return undefined;
    this.#unackedBytes -= refused.size;
    const { segments } = publishOf(decodeFrame(refused.message));
    const topics = [...new Set(segments.map(({ topic }) => topic))];
    return { after: refused.after, last: refused.last, topics };
  }

  get #hasWindow(): boolean {
    return (
      this.#unacked.length < LIMITS.publishWindowFrames && this.#unackedBytes < LIMITS.publishWindowBytes
    );
  }

  #assertRoom(bytes: number): void {
    if (this.bufferedBytes + bytes <= LIMITS.clientBufferBytesMax) return;
    throw new FabricError(
      "publisher_too_fast",
      `${this.bufferedBytes} bytes wait to be published, at most ${LIMITS.clientBufferBytesMax} may: await flush()`,
    );
  }
}

function publishOf(frame: Frame): FrameOf<"publish"> {
  assert(frame.type === "publish", "what a publisher keeps is publish frames");
  return frame;
}
