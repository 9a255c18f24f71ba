/**
 * Events of a JSON v1 peer on their way to one router, until a frame takes them: runs of texts with one topic. Frames
 * grow with load, because whatever waits goes into the next one (design.md, decision 3).
 */
import { LIMITS } from "../base/limits.ts";
import { ENCODING, type Segment } from "./frame.ts";
import type { Topic } from "./topic.ts";

const encoder = new TextEncoder();

interface Run {
  readonly topic: Topic;
  readonly texts: string[];
}

export class PublishQueue {
  #runs: Run[] = [];
  #last: Run | undefined;
  #chars = 0;

  /** UTF-16 units that wait: bytes, for ASCII. */
  get chars(): number {
    return this.#chars;
  }

  /** Adds one canonical message. */
  push(topic: Topic, text: string): void {
    this.#chars += text.length;
    if (this.#last !== undefined && this.#last.topic === topic) {
      this.#last.texts.push(text);
      return;
    }
    this.#last = { topic, texts: [text] };
    this.#runs.push(this.#last);
  }

  /** Takes the segments of one frame from the front: at least one event, then up to the target size of a frame. */
  take(): Segment[] {
    const segments: Segment[] = [];
    let room: number = LIMITS.publishFrameBytes;
    let runs = 0;
    for (const run of this.#runs) {
      if (room <= 0 || segments.length >= LIMITS.segmentsMax) break;
      let count = 0;
      while (count < run.texts.length && room > 0) room -= run.texts[count++]!.length;
      const isWhole = count === run.texts.length;
      const texts = isWhole ? run.texts : run.texts.splice(0, count);
      segments.push({
        topic: run.topic,
        encoding: ENCODING.json,
        count,
        payload: encoder.encode(texts.join("\n")),
      });
      if (!isWhole) break;
      runs++;
    }
    this.#chars -= LIMITS.publishFrameBytes - room;
    this.#runs.splice(0, runs);
    if (this.#runs.length === 0) this.#last = undefined;
    return segments;
  }
}
