import { describe, expect, it } from "vitest";
import {
  MESSAGE_BYTES,
  counterOf,
  messageTemplate,
  messageText,
  publisherOf,
  topicOf,
} from "../../../bench/load/message.ts";
import { FrameRing } from "../../../bench/load/frame-ring.ts";

const FRAME_BYTES = MESSAGE_BYTES + 8;

/** The messages of a client's masked text frames. */
function unmasked(frames: Buffer): Buffer[] {
  return Array.from({ length: frames.length / FRAME_BYTES }, (_, i) => {
    const frame = frames.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES);
    expect(frame.readUInt16BE(0)).toBe(0x81fe);
    expect(frame.readUInt16BE(2)).toBe(MESSAGE_BYTES);
    return Buffer.from(frame.subarray(8).map((byte, k) => byte ^ frame[4 + (k & 3)]!));
  });
}

describe("the bench's message", () => {
  it("is an event of exactly 400 bytes, whoever sends it", () => {
    for (const [group, publisher] of [
      [0, 0],
      [9, 9],
    ] as const) {
      const text = messageText(group, publisher);
      expect(Buffer.byteLength(text)).toBe(MESSAGE_BYTES);
      expect(JSON.parse(text)).toMatchObject({ type: "data-message", topic: topicOf(group) });
      expect(publisherOf(Buffer.from(text))).toBe(publisher);
      expect(counterOf(Buffer.from(text))).toBe(0);
    }
  });
});

describe("FrameRing", () => {
  it("counts on over the ring's end, one frame after another", () => {
    const ring = new FrameRing(messageTemplate(3, 7), 4);
    const counters: number[] = [];
    while (ring.taken < 11) {
      for (const message of unmasked(ring.take(3, 0))) {
        expect(publisherOf(message)).toBe(7);
        expect(JSON.parse(message.toString())).toMatchObject({ topic: topicOf(3) });
        counters.push(counterOf(message));
      }
    }
    expect(counters).toEqual(Array.from({ length: counters.length }, (_, i) => i));
  });

  it("takes no more than asked for and no more than stands before the end", () => {
    const ring = new FrameRing(messageTemplate(0, 0), 4);
    expect(ring.take(3, 0).length).toBe(3 * FRAME_BYTES);
    expect(ring.take(3, 0).length).toBe(FRAME_BYTES);
    expect(ring.taken).toBe(4);
  });
});
