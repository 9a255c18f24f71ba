/** A client's publishes: gathered into frames, kept until acknowledged, sent again after a lost connection (rule 5). */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { FrameOf, Segment } from "../protocol/frame.ts";
import { PublishQueue } from "../protocol/publish-queue.ts";
import type { Topic } from "../protocol/topic.ts";

interface Unacked {
  readonly frame: FrameOf<"publish">;
  readonly size: number;
}

export class Publisher {
  #queue = new PublishQueue();
  /** Segments as given, in turn with the queue's. */
  #ready: Segment[] = [];
  #readyBytes = 0;
  #unacked: Unacked[] = [];
  #unackedBytes = 0;
  #seq = 0;

  /** Whether everything is acknowledged. */
  get isIdle(): boolean {
    return !this.#isWaiting && this.#unacked.length === 0;
  }

  /** What waits and what is under way, bytes (of ASCII text). */
  get bufferedBytes(): number {
    return this.#queue.chars + this.#readyBytes + this.#unackedBytes;
  }

  get #isWaiting(): boolean {
    return this.#queue.chars > 0 || this.#ready.length > 0;
  }

  /** Adds one canonical JSON v1 message. Throws `publisher_too_fast` when too much waits. */
  push(topic: Topic, text: string): void {
    this.#assertRoom(text.length);
    this.#queue.push(topic, text);
  }

  /** Adds segments; they may go with others in one frame, but stay in order. Throws like `push`. */
  pushSegments(segments: readonly Segment[]): void {
    const size = sizeOf(segments);
    this.#assertRoom(size);
    this.#settleQueue();
    this.#ready.push(...segments);
    this.#readyBytes += size;
  }

  /** The frames that may be sent now: as many as the window has room for. */
  take(): FrameOf<"publish">[] {
    const frames: FrameOf<"publish">[] = [];
    while (this.#isWaiting && this.#hasWindow) {
      const segments = this.#ready.length > 0 ? this.#takeReady() : this.#queue.take();
      const frame = { type: "publish", seq: ++this.#seq, repeat: false, segments } as const;
      const size = sizeOf(segments);
      this.#unacked.push({ frame, size });
      this.#unackedBytes += size;
      frames.push(frame);
    }
    return frames;
  }

  /** What a new connection must carry again, flagged as repeats. */
  unacknowledged(): FrameOf<"publish">[] {
    return this.#unacked.map(({ frame }) => ({ ...frame, repeat: true }));
  }

  /** Everything up to the number is sequenced. */
  acknowledged(seq: number): void {
    let count = 0;
    for (const unacked of this.#unacked) {
      if (unacked.frame.seq > seq) break;
      this.#unackedBytes -= unacked.size;
      count++;
    }
    this.#unacked.splice(0, count);
  }

  get #hasWindow(): boolean {
    return (
      this.#unacked.length < LIMITS.publishWindowFrames && this.#unackedBytes < LIMITS.publishWindowBytes
    );
  }

  #assertRoom(bytes: number): void {
    if (this.bufferedBytes + bytes > LIMITS.clientBufferBytesMax) {
      throw new FabricError(
        "publisher_too_fast",
        `${this.bufferedBytes} bytes wait to be published, at most ${LIMITS.clientBufferBytesMax} may: await flush()`,
      );
    }
  }

  #settleQueue(): void {
    while (this.#queue.chars > 0) {
      const segments = this.#queue.take();
      this.#ready.push(...segments);
      this.#readyBytes += sizeOf(segments);
    }
  }

  /** At least one segment, then up to the target size of a frame. */
  #takeReady(): Segment[] {
    let room: number = LIMITS.publishFrameBytes;
    let count = 0;
    while (count < this.#ready.length && count < LIMITS.segmentsMax && room > 0) {
      room -= this.#ready[count++]!.payload.length;
    }
    const segments = this.#ready.splice(0, count);
    this.#readyBytes -= sizeOf(segments);
    return segments;
  }
}

function sizeOf(segments: readonly Segment[]): number {
  let size = 0;
  for (const segment of segments) size += segment.payload.length;
  return size;
}
