/** Events on their way out, gathered into runs of one topic and encoding: the segments of the next frames. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { CborWriter } from "../data/cbor-writer.ts";
import type { FabricEvent } from "../protocol/event.ts";
import { ENCODING, type Segment } from "../protocol/frame.ts";
import type { Topic } from "../protocol/topic.ts";
import { writeEvent } from "../protocol/transcode.ts";

const encoder = new TextEncoder();
const CHUNK_KEPT_BYTES = 2 * LIMITS.publishFrameBytes;

/** A buffer that runs of CBOR stand in, one behind the other: many topics cost no more than one. */
interface Chunk {
  writer: CborWriter;
  /** Runs in it that wait. */
  waiting: number;
}

type Body =
  | { readonly type: "cbor"; readonly chunk: Chunk; readonly start: number }
  | { readonly type: "text"; readonly texts: string[] }
  | { readonly type: "segment"; readonly segment: Segment };

interface Run {
  readonly topic: Topic;
  readonly body: Body;
  count: number;
  bytes: number;
  /** Whether somebody waits to know how many readers its topic has. */
  wantsReceipt: boolean;
}

export interface Taken {
  /** Payloads may be views: they hold until more is added. */
  readonly segments: readonly Segment[];
  readonly count: number;
  readonly wantsReceipt: boolean;
}

export class PublishRuns {
  #runs: Run[] = [];
  #bytes = 0;
  /** Where events are written now, and one that is empty again. */
  #chunk: Chunk = emptyChunk();
  #spare: Chunk | undefined;

  /** What waits, bytes (of ASCII text). */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  /** Adds an event; it is encoded now. With `wantsReceipt` its frame holds its topic only. Throws `invalid_data` for what has no encoding, `too_large`. */
  pushEvent(topic: Topic, event: FabricEvent, wantsReceipt = false): void {
    const run = this.#openRun(topic, "cbor") ?? newRun(topic, this.#cborBody());
    const { writer } = this.#chunk;
    const before = writer.length;
    try {
      writeEvent(writer, event);
      assertSize(writer.length - before);
    } catch (error) {
      writer.rewind(before);
      throw error;
    }
    run.wantsReceipt ||= wantsReceipt;
    this.#grow(run, 1, writer.length - before);
  }

  /** Adds one canonical JSON v1 message. */
  pushText(topic: Topic, text: string): void {
    assertSize(text.length);
    const run = this.#openRun(topic, "text") ?? newRun(topic, { type: "text", texts: [] });
    (run.body as Extract<Body, { type: "text" }>).texts.push(text);
    this.#grow(run, 1, text.length + 1);
  }

  /** Adds a segment as it is. */
  pushSegment(segment: Segment): void {
    assertSize(segment.payload.length);
    this.#grow(newRun(segment.topic, { type: "segment", segment }), segment.count, segment.payload.length);
  }

  /** The segments of one frame from the front: at least one, then up to the target size of a frame. */
  take(): Taken {
    let room: number = LIMITS.publishFrameBytes;
    let count = 0;
    const taken: Run[] = [];
    for (const run of this.#runs) {
      if (room <= 0 || taken.length >= LIMITS.segmentsMax) break;
      if (taken.length > 0 && (run.wantsReceipt || taken[0]!.wantsReceipt)) break;
      room -= run.bytes;
      count += run.count;
      taken.push(run);
    }
    this.#runs.splice(0, taken.length);
    this.#bytes -= LIMITS.publishFrameBytes - room;
    const segments = taken.map((run) => this.#segmentOf(run));
    return { segments, count, wantsReceipt: taken[0]?.wantsReceipt === true };
  }

  /** The run that more may be added to: the last one, while it is of the same kind and not full. */
  #openRun(topic: Topic, type: Body["type"]): Run | undefined {
    const last = this.#runs.at(-1);
    if (last === undefined || last.topic !== topic || last.body.type !== type) return undefined;
    return last.bytes < LIMITS.publishFrameBytes ? last : undefined;
  }

  #grow(run: Run, count: number, bytes: number): void {
    if (this.#runs.at(-1) !== run) {
      this.#runs.push(run);
      if (run.body.type === "cbor") run.body.chunk.waiting++;
    }
    run.count += count;
    run.bytes += bytes;
    this.#bytes += bytes;
  }

  #cborBody(): Body {
    if (this.#chunk.writer.length >= LIMITS.publishFrameBytes) {
      this.#chunk = this.#spare ?? emptyChunk();
      this.#spare = undefined;
    }
    return { type: "cbor", chunk: this.#chunk, start: this.#chunk.writer.length };
  }

  #segmentOf({ topic, body, count, bytes }: Run): Segment {
    switch (body.type) {
      case "segment":
        return body.segment;
      case "text":
        return { topic, encoding: ENCODING.json, count, payload: encoder.encode(body.texts.join("\n")) };
      case "cbor": {
        const payload = body.chunk.writer.view(body.start, body.start + bytes);
        this.#leave(body.chunk);
        return { topic, encoding: ENCODING.cbor, count, payload };
      }
    }
  }

  /** A run of the chunk is gone. One that is empty is used again, unless large events have made it larger than most. */
  #leave(chunk: Chunk): void {
    if (--chunk.waiting > 0) return;
    if (chunk.writer.length > CHUNK_KEPT_BYTES) chunk.writer = new CborWriter();
    else chunk.writer.rewind(0);
    if (chunk !== this.#chunk) this.#spare = chunk;
  }
}

function assertSize(bytes: number): void {
  if (bytes <= LIMITS.eventBytesMax) return;
  throw new FabricError("too_large", `event has ${bytes} bytes, at most ${LIMITS.eventBytesMax} are allowed`);
}

function newRun(topic: Topic, body: Body): Run {
  return { topic, body, count: 0, bytes: 0, wantsReceipt: false };
}

function emptyChunk(): Chunk {
  return { writer: new CborWriter(), waiting: 0 };
}
