import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { ENCODING, segmentsBytes, type FrameOf, type Segment } from "../../../src/protocol/frame.ts";
import { count, string, vector, type Value } from "../../../src/data/value.ts";
import { decodeFrame } from "../../../src/protocol/frame-codec.ts";
import { decodeSegment, encodeEvents } from "../../../src/protocol/transcode.ts";
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
const taken = (publisher: Publisher) =>
  publisher.take().map((message) => decodeFrame(message) as FrameOf<"publish">);
const textIn = (value: Value | undefined) =>
  value?.type === "string" && typeof value.value === "string" ? value.value : undefined;
const payloads = (segments: readonly Segment[]) => segments.map((s) => decoder.decode(s.payload));

test("what waits goes into one frame, runs of a topic into one segment", () => {
  const publisher = new Publisher();
  publisher.pushText(topic, "a");
  publisher.pushText(topic, "b");
  publisher.pushText(parseTopic("other"), "c");
  const [frame, ...more] = taken(publisher);
  expect(more).toEqual([]);
  expect(frame).toMatchObject({ type: "publish", seq: 1, repeat: false });
  expect(payloads(frame!.segments)).toEqual(["a\nb", "c"]);
  expect(publisher.take()).toEqual([]);
});

test("texts and segments keep their order", () => {
  const publisher = new Publisher();
  publisher.pushText(topic, "1");
  publisher.pushSegments([raw(1, "2"), raw(1, "3")]);
  publisher.pushText(topic, "4");
  expect(taken(publisher).flatMap((frame) => payloads(frame.segments))).toEqual(["1", "2", "3", "4"]);
});

test("publishWindowFrames frames go out, one more waits for an acknowledgement", () => {
  const publisher = new Publisher();
  const seqs: number[] = [];
  for (let i = 0; i <= LIMITS.publishWindowFrames; i++) {
    publisher.pushText(topic, "e");
    seqs.push(...taken(publisher).map((frame) => frame.seq));
  }
  expect(seqs).toHaveLength(LIMITS.publishWindowFrames);
  publisher.acknowledged(1);
  expect(taken(publisher).map((frame) => frame.seq)).toEqual([LIMITS.publishWindowFrames + 1]);
});

test("no frame goes out once publishWindowBytes are unacknowledged", () => {
  const publisher = new Publisher();
  const header = segmentsBytes([raw(0)]);
  publisher.pushSegments([raw(LIMITS.publishWindowBytes - header - 1)]);
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
    publisher.pushText(topic, text);
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
  const tooFast = expect.objectContaining({ code: "publisher_too_fast" });
  const segment = raw(LIMITS.eventBytesMax);
  for (let i = 0; i < LIMITS.clientBufferBytesMax / LIMITS.eventBytesMax - 1; i++) {
    publisher.pushSegments([segment]);
  }
  const room = LIMITS.clientBufferBytesMax - publisher.bufferedBytes;
  publisher.pushText(topic, "x".repeat(room - 2));
  expect(publisher.bufferedBytes).toBe(LIMITS.clientBufferBytesMax - 1);
  publisher.pushText(topic, "");
  expect(() => publisher.pushText(topic, "x")).toThrow(tooFast);
  expect(() => publisher.pushSegments([raw(0)])).toThrow(tooFast);
  publisher.take();
  publisher.acknowledged(1);
  publisher.pushText(topic, "x");
});

describe("an event", () => {
  const event = (args: readonly Value[] = []) => ({ name: "E::x", args, metadata: [] });

  test("travels as CBOR, in one segment with its like; another kind or topic begins a new one", () => {
    const publisher = new Publisher();
    publisher.pushEvent(topic, event([count(1)]));
    publisher.pushEvent(topic, event([count(2)]));
    publisher.pushText(topic, "text");
    publisher.pushEvent(topic, event([count(3)]));
    publisher.pushEvent(parseTopic("other"), event());
    const [frame] = taken(publisher);
    expect(frame!.segments.map(({ encoding, count: events }) => [encoding, events])).toEqual([
      [ENCODING.cbor, 2],
      [ENCODING.json, 1],
      [ENCODING.cbor, 1],
      [ENCODING.cbor, 1],
    ]);
    expect(decodeSegment(frame!.segments[0]!)).toEqual([event([count(1)]), event([count(2)])]);
  });

  test("N-20 with a receipt goes in a frame that holds its topic only", () => {
    const publisher = new Publisher();
    const other = parseTopic("other");
    publisher.pushEvent(topic, event());
    publisher.pushEvent(other, event(), true);
    publisher.pushEvent(other, event());
    publisher.pushEvent(topic, event());
    publisher.pushEvent(other, event(), true);
    const frames = taken(publisher).map(({ receipt = false, segments }) => ({
      receipt,
      topics: segments.map((s) => `${s.topic} ${s.count}`),
    }));
    expect(frames).toEqual([
      { receipt: false, topics: ["zeek/x 1"] },
      { receipt: true, topics: ["other 2"] },
      { receipt: false, topics: ["zeek/x 1"] },
      { receipt: true, topics: ["other 1"] },
    ]);
  });

  test("is what it was when its frame goes out, and when it goes out again, whatever is published in between", () => {
    const size = fc.oneof(
      fc.nat({ max: 40 }),
      fc.constantFrom(LIMITS.publishFrameBytes, 3 * LIMITS.publishFrameBytes),
    );
    const step = fc.oneof(
      fc.record({ topic: fc.constantFrom("a", "b"), size }),
      fc.constantFrom("take" as const, "refused" as const),
      fc.record({ acknowledge: fc.nat({ max: 3 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const publisher = new Publisher();
        let deep: Value = count(1);
        for (let i = 0; i <= LIMITS.valueNestingMax; i++) deep = vector([deep]);
        const pushed: string[] = [];
        const frames: FrameOf<"publish">[] = [];
        let acknowledged = 0;
        const textsOf = (all: readonly FrameOf<"publish">[]) =>
          all.flatMap(({ segments }) =>
            segments.flatMap((s) => decodeSegment(s).map(({ args }) => `${s.topic} ${textIn(args[0])}`)),
          );
        for (const next of [...steps, "take" as const]) {
          if (next === "take") frames.push(...taken(publisher));
          else if (next === "refused") {
            expect(() => publisher.pushEvent(topic, event([string("lost"), deep]))).toThrow(FabricError);
          } else if ("acknowledge" in next) {
            acknowledged = Math.min(frames.length, acknowledged + next.acknowledge);
            publisher.acknowledged(acknowledged);
          } else {
            const text = `${pushed.length}${"x".repeat(next.size)}`;
            publisher.pushEvent(parseTopic(next.topic), event([string(text)]));
            pushed.push(`${next.topic} ${text}`);
          }
        }
        const sent = textsOf(frames);
        expect(sent).toEqual(pushed.slice(0, sent.length));
        expect(textsOf(publisher.unacknowledged())).toEqual(textsOf(frames.slice(acknowledged)));
      }),
      { numRuns: 60 },
    );
  });

  test("that cannot be encoded leaves those before it whole", () => {
    const publisher = new Publisher();
    publisher.pushEvent(topic, event([count(1)]));
    let deep: Value = count(1);
    for (let i = 0; i <= LIMITS.valueNestingMax; i++) deep = vector([deep]);
    expect(() => publisher.pushEvent(topic, event([count(2), deep]))).toThrow(
      expect.objectContaining({ code: "invalid_data" }),
    );
    publisher.pushEvent(topic, event([count(3)]));
    expect(publisher.pushed).toBe(2);
    expect(decodeSegment(taken(publisher)[0]!.segments[0]!)).toEqual([event([count(1)]), event([count(3)])]);
  });

  test("has at most eventBytesMax bytes", () => {
    const publisher = new Publisher();
    const overhead = encodeEvents([event([string("x".repeat(100_000))])]).length - 100_000;
    publisher.pushEvent(topic, event([string("x".repeat(LIMITS.eventBytesMax - overhead))]));
    const tooLarge = expect.objectContaining({ code: "too_large" });
    expect(() =>
      publisher.pushEvent(topic, event([string("x".repeat(LIMITS.eventBytesMax - overhead + 1))])),
    ).toThrow(tooLarge);
    expect(() => publisher.pushText(topic, "x".repeat(LIMITS.eventBytesMax + 1))).toThrow(tooLarge);
    expect(() => publisher.pushSegments([raw(LIMITS.eventBytesMax + 1)])).toThrow(tooLarge);
    expect(publisher.pushed).toBe(1);
  });

  test("that fills a frame is not followed by more than fits publishFrameBytesMax", () => {
    const publisher = new Publisher();
    publisher.pushText(topic, "x".repeat(LIMITS.publishFrameBytes - 1));
    publisher.pushText(topic, "x".repeat(LIMITS.eventBytesMax));
    publisher.pushText(topic, "x".repeat(LIMITS.eventBytesMax));
    const [first] = publisher.take();
    expect(first!.length).toBeLessThan(LIMITS.publishFrameBytesMax);
  });
});

describe("numbers of events", () => {
  test("an acknowledgement ends those of its frames; what is settled lies before the first unanswered one", () => {
    const publisher = new Publisher();
    for (const texts of [["a", "b"], ["c"], ["d"]]) {
      for (const text of texts) publisher.pushText(topic, text);
      publisher.take();
    }
    expect(publisher.pushed).toBe(4);
    expect(publisher.settled).toBe(0);
    expect(publisher.acknowledged(2)).toEqual([
      { after: 0, last: 2, seq: 1 },
      { after: 2, last: 3, seq: 2 },
    ]);
    expect(publisher.settled).toBe(3);
    expect(publisher.refused(3)).toEqual({ after: 3, last: 4, topics: [topic] });
    expect(publisher.settled).toBe(4);
    expect(publisher.refused(3)).toBeUndefined();
    expect(publisher.isIdle).toBe(true);
  });
});
