import { describe, expect, it } from "vitest";
import {
  EVENT_BYTES,
  batchCounter,
  batchFrame,
  batchPayload,
  batchPublisher,
  batchTopic,
} from "../../../bench/load/batch.ts";
import { FrameRing } from "../../../bench/load/frame-ring.ts";
import { decodeFrame } from "../../../src/protocol/frame-codec.ts";
import { decodeEvents } from "../../../src/protocol/transcode.ts";

/** The publish frames in the bytes of masked WebSocket frames. */
function publishesOf(bytes: Buffer) {
  const out = [];
  for (let at = 0; at < bytes.length;) {
    expect(bytes[at]).toBe(0x82);
    const size = bytes.readUInt16BE(at + 2);
    const message = bytes.subarray(at + 8, at + 8 + size).map((byte, i) => byte ^ bytes[at + 4 + (i & 3)]!);
    const frame = decodeFrame(message);
    if (frame.type !== "publish") throw new Error(frame.type);
    out.push(frame);
    at += 8 + size;
  }
  return out;
}

describe("the bench's batch", () => {
  it("holds events of exactly 200 bytes", () => {
    for (const [publisher, events] of [
      [0, 1],
      [63, 50],
    ] as const) {
      const payload = batchPayload(publisher, events);
      expect(payload.length).toBe(events * EVENT_BYTES);
      expect(decodeEvents(payload, events)).toHaveLength(events);
      expect(batchPublisher(payload)).toBe(publisher);
    }
  });

  it("stays a publish frame with the next number, counter and topic wherever it stands in the ring", () => {
    const ring = new FrameRing(batchFrame({ group: 3, publisher: 7, events: 50, topics: 10_000 }), 4);
    const publishes = [];
    while (publishes.length < 11) publishes.push(...publishesOf(ring.take(3, 12_345)));
    publishes.forEach((frame, i) => {
      const [segment] = frame.segments;
      expect(frame.seq).toBe(2 ** 31 + i);
      expect(segment!.topic).toBe(batchTopic(3, i));
      expect(segment!.count).toBe(50);
      expect(batchPublisher(segment!.payload)).toBe(7);
      expect(batchCounter(segment!.payload)).toBe(i);
      const [first] = decodeEvents(segment!.payload, 50);
      expect(first!.args[2]).toEqual({ type: "count", value: 2n ** 31n + 12_345n });
    });
  });

  it("finds the payload in the frame that a relay passes on", () => {
    const { message, payloadAt } = batchFrame({ group: 0, publisher: 2, events: 50, topics: 1 });
    expect(batchPublisher(message, payloadAt)).toBe(2);
  });
});
