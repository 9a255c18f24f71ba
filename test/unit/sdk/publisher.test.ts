import { expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { ENCODING, type Segment } from "../../../src/protocol/frame.ts";
import { parseTopic } from "../../../src/protocol/topic.ts";
import { Publisher } from "../../../src/sdk/publisher.ts";

const topic = parseTopic("zeek/x");
const decoder = new TextDecoder();
const raw = (size: number, name = "r"): Segment => ({
  topic,
  encoding: ENCODING.cbor,
  count: 1,
  payload: new TextEncoder().encode(name.repeat(size)),
});
const payloads = (segments: readonly Segment[]) => segments.map((s) => decoder.decode(s.payload));

test("what waits goes into one frame, runs of a topic into one segment", () => {
  const publisher = new Publisher();
  publisher.push(topic, "a");
  publisher.push(topic, "b");
  publisher.push(parseTopic("other"), "c");
  const [frame, ...more] = publisher.take();
  expect(more).toEqual([]);
  expect(frame).toMatchObject({ type: "publish", seq: 1, repeat: false });
  expect(payloads(frame!.segments)).toEqual(["a\nb", "c"]);
  expect(publisher.take()).toEqual([]);
});

test("texts and segments keep their order", () => {
  const publisher = new Publisher();
  publisher.push(topic, "1");
  publisher.pushSegments([raw(1, "2"), raw(1, "3")]);
  publisher.push(topic, "4");
  expect(publisher.take().flatMap((frame) => payloads(frame.segments))).toEqual(["1", "2", "3", "4"]);
});

test("publishWindowFrames frames go out, one more waits for an acknowledgement", () => {
  const publisher = new Publisher();
  const seqs: number[] = [];
  for (let i = 0; i <= LIMITS.publishWindowFrames; i++) {
    publisher.push(topic, "e");
    seqs.push(...publisher.take().map((frame) => frame.seq));
  }
  expect(seqs).toHaveLength(LIMITS.publishWindowFrames);
  publisher.acknowledged(1);
  expect(publisher.take().map((frame) => frame.seq)).toEqual([LIMITS.publishWindowFrames + 1]);
});

test("no frame goes out once publishWindowBytes are unacknowledged", () => {
  const publisher = new Publisher();
  publisher.pushSegments([raw(LIMITS.publishWindowBytes - 1)]);
  expect(publisher.take()).toHaveLength(1);
  publisher.pushSegments([raw(1)]);
  expect(publisher.take()).toHaveLength(1);
  publisher.pushSegments([raw(1)]);
  expect(publisher.take()).toHaveLength(0);
  publisher.acknowledged(2);
  expect(publisher.take()).toHaveLength(1);
});

test("what is not acknowledged is repeated under its numbers, flagged", () => {
  const publisher = new Publisher();
  for (const text of ["a", "b", "c"]) {
    publisher.push(topic, text);
    publisher.take();
  }
  publisher.acknowledged(1);
  const again = publisher.unacknowledged();
  expect(again.map(({ seq, repeat }) => [seq, repeat])).toEqual([
    [2, true],
    [3, true],
  ]);
  expect(again.flatMap((frame) => payloads(frame.segments))).toEqual(["b", "c"]);
  expect(publisher.isIdle).toBe(false);
  publisher.acknowledged(3);
  expect(publisher.isIdle).toBe(true);
  expect(publisher.bufferedBytes).toBe(0);
});

test("clientBufferBytesMax bytes may wait, one more is publisher_too_fast", () => {
  const publisher = new Publisher();
  publisher.pushSegments([raw(LIMITS.clientBufferBytesMax - 1)]);
  publisher.push(topic, "x");
  expect(() => publisher.push(topic, "x")).toThrow(expect.objectContaining({ code: "publisher_too_fast" }));
  expect(() => publisher.pushSegments([raw(1)])).toThrow(
    expect.objectContaining({ code: "publisher_too_fast" }),
  );
  publisher.take();
  publisher.acknowledged(1);
  publisher.push(topic, "x");
});
