/** Publishing through the session of a native peer. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { string } from "../../../src/data/value.ts";
import { encodeFrame } from "../../../src/protocol/frame-codec.ts";
import type { FrameOf, Segment } from "../../../src/protocol/frame.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { encodeEvents } from "../../../src/protocol/transcode.ts";
import { numbered } from "../../support/json-v1-event.ts";
import { cbor, json, open, opened, publish, say } from "../../support/native-rig.ts";
import { published } from "../../support/session-rig.ts";

const joined = (first: number, last: number, segments: readonly Segment[]) => ({
  ...publish(last, segments),
  first,
});

describe("publishing", () => {
  test("R10 is acknowledged when every router of it has it", () => {
    const rig = say(
      open(),
      publish(1, [json("a", 1), json("two/a", 2)]),
      publish(2, [json("a", 3)]),
    ).connect();
    rig.from("main", published("main", 2));
    expect(rig.takeFrames()).toEqual([]);
    rig.from("two", published("two", 1));
    expect(rig.takeFrames()).toEqual([published("", 2)]);
  });

  test("R10 one of nothing is acknowledged in its turn", () => {
    const rig = say(open(), publish(1, []));
    expect(rig.takeFrames()).toEqual([published("", 1)]);
    say(rig, publish(2, [json("a", 1)]), publish(3, [])).connect();
    expect(rig.takeFrames()).toEqual([]);
    rig.from("main", published("main", 2));
    expect(rig.takeFrames()).toEqual([published("", 3)]);
  });

  test("keeps the order of segments for each router", () => {
    const rig = say(open(), publish(1, [json("a", 1), json("two/a", 2), json("b", 3)])).connect();
    const topics = (router: string) =>
      rig.atRouterOf(router, "publish").flatMap((f) => f.segments.map((s) => s.topic));
    expect([topics("main"), topics("two")]).toEqual([["a", "b"], ["two/a"]]);
  });

  test("R5 a repeat goes on flagged; one that is acknowledged already is answered at once", () => {
    const rig = say(open(), publish(4, [json("a", 1)], true)).connect();
    expect(rig.atRouterOf("main", "publish")).toMatchObject([{ seq: 4, repeat: true }]);
    rig.from("main", published("main", 4));
    rig.takeFrames();
    expect(say(rig, publish(4, [json("a", 1)], true)).takeFrames()).toEqual([published("", 4)]);
    expect(rig.atRouterOf("main", "publish")).toEqual([]);
  });

  test("N-20 one that is refused goes nowhere, and what comes after it is not concerned", () => {
    const rig = open({ publish: [parsePrefix("a/")] });
    say(rig, publish(1, [json("a/x", 1), json("b", 2)]), publish(2, [json("a/x", 3)])).connect();
    expect(rig.takeFrames()).toEqual([
      { type: "publishRefused", seq: 1, code: "forbidden", message: "no permission to publish to 'b'" },
      published("", 1),
    ]);
    expect(rig.atRouterOf("main", "publish")).toMatchObject([
      { seq: 2, segments: [{ topic: "a/x", count: 1 }] },
    ]);
    rig.from("main", published("main", 2));
    expect([rig.takeFrames(), rig.closed]).toEqual([[published("", 2)], undefined]);
  });

  test.each<[string, Segment]>([
    ["JSON that is not canonical", { ...json("a", 1), payload: Buffer.from(` ${numbered("a", 1)}`) }],
    ["JSON of another topic", { ...json("a", 1), topic: parseTopic("b") }],
    ["JSON of another count", { ...json("a", 1), count: 2 }],
    ["CBOR that is no event", { ...cbor("a", 1), payload: new Uint8Array([0x01]) }],
    ["CBOR of another count", { ...cbor("a", 1), count: 2 }],
  ])("N-7 %s is refused before anybody sees it", (_, segment) => {
    const rig = say(open(), publish(1, [segment]));
    const code: unknown = expect.stringMatching(/^(invalid_message|deserialization_failed)$/);
    expect(rig.takeFrames()[0]).toEqual({
      type: "publishRefused",
      seq: 1,
      code,
      message: expect.any(String) as unknown,
    });
    expect([rig.closed, rig.opening]).toEqual([undefined, []]);
  });

  test("N-6 numbers must rise, and begin with 1", () => {
    expect(say(open(), publish(0, [])).closed?.reason).toBe("invalid_message");
    expect(say(open(), publish(2, []), publish(2, [])).closed?.reason).toBe("invalid_message");
    expect(say(open(), publish(2, []), publish(3, [])).closed).toBeUndefined();
  });

  test("T-4 what waits goes into one frame, with the number of the last", () => {
    const rig = say(
      open(),
      publish(1, [json("a", 1)]),
      publish(2, [json("a", 2), cbor("a", 3)]),
      publish(3, [cbor("a", 4)]),
      publish(4, [json("b", 5)]),
    ).connect();
    expect(rig.atRouterOf("main", "publish")).toEqual(
      [
        joined(1, 4, [
          json("a", 1, 2),
          { ...cbor("a", 3), count: 2, payload: Buffer.concat([cbor("a", 3).payload, cbor("a", 4).payload]) },
          json("b", 5),
        ]),
      ].map((frame) => ({
        ...frame,
        segments: frame.segments.map((s) => ({ ...s, payload: new Uint8Array(s.payload) })),
      })),
    );
  });

  test("what was joined is a session's to say: a peer that does is not believed", () => {
    const rig = say(open(), joined(1, 4, [json("a", 1)])).connect();
    expect(rig.atRouterOf("main", "publish")[0]?.first).toBeUndefined();
  });

  test("R5 a repeat is joined with nothing: the router may have taken it, and not what is new", () => {
    const rig = say(
      open(),
      publish(1, [json("a", 1)], true),
      publish(2, [json("a", 2)], true),
      publish(3, [json("a", 3)]),
      publish(4, [json("a", 4)]),
    ).connect();
    const sent = rig.atRouterOf("main", "publish").map(({ seq, repeat }) => ({ seq, repeat }));
    expect(sent).toEqual([
      { seq: 1, repeat: true },
      { seq: 2, repeat: true },
      { seq: 4, repeat: false },
    ]);
  });

  test("T-4 a frame closes before it outgrows its target", () => {
    const half = {
      ...cbor("a", 1),
      payload: encodeEvents([
        { name: "e", args: [string("x".repeat(LIMITS.publishFrameBytes / 2))], metadata: [] },
      ]),
    };
    const rig = say(open(), publish(1, [half]), publish(2, [half]), publish(3, [cbor("a", 1)])).connect();
    expect(rig.atRouterOf("main", "publish").map(({ seq }) => seq)).toEqual([1, 3]);
  });

  test("R10 one that asks for a receipt goes by itself, and is told its receivers", () => {
    const receipt = { ...publish(2, [json("a", 2), json("two/a", 2)]), receipt: true };
    const rig = say(open(), publish(1, [json("a", 1)]), receipt, publish(3, [json("a", 3)])).connect();
    expect(rig.atRouterOf("main", "publish").map(({ seq, receipt }) => [seq, receipt])).toEqual([
      [1, undefined],
      [2, true],
      [3, undefined],
    ]);
    rig.from("main", { type: "published", router: "main", seq: 2, receivers: 3 });
    rig.from("main", published("main", 3));
    rig.from("two", { type: "published", router: "two", seq: 2, receivers: 1 });
    expect(rig.takeFrames()).toEqual([
      published("", 1),
      { type: "published", router: "", seq: 2, receivers: 4 },
      published("", 3),
    ]);
  });

  test("N-20 a publish frame over its bound is refused; at the bound the router's header still fits around it", () => {
    const overhead =
      encodeFrame(publish(1, [{ ...cbor("a", 1), payload: new Uint8Array(70_000) }])).length - 70_000;
    const refusal = (bytes: number) => {
      const payload = new Uint8Array(bytes - overhead);
      const frame = publish(1, [{ ...cbor("a", 1), payload }]);
      expect(encodeFrame(frame).length).toBe(bytes);
      return say(open(), frame).takeFrames()[0];
    };
    expect(refusal(LIMITS.publishFrameBytesMax)).not.toMatchObject({ code: "too_large" });
    expect(refusal(LIMITS.publishFrameBytesMax + 1)).toMatchObject({
      type: "publishRefused",
      code: "too_large",
    });
  });

  test("R14 what waits is bounded, topics included", () => {
    const rig = open();
    const args = [string("x".repeat(LIMITS.inboundQueueBytesMax / 8))];
    const event = { ...cbor("a", 1), payload: encodeEvents([{ name: "e", args, metadata: [] }]) };
    for (let seq = 1; seq <= 8; seq++) say(rig, publish(seq, [event]));
    expect(rig.closed).toBeUndefined();
    const topic = parseTopic("x".repeat(LIMITS.topicBytesMax));
    const nothing = { ...event, topic, count: 0, payload: new Uint8Array() };
    say(
      rig,
      publish(9, Array<Segment>(LIMITS.inboundQueueBytesMax / 8 / LIMITS.topicBytesMax).fill(nothing)),
    );
    expect(rig.closed).toEqual({ code: 1013, reason: "publisher_too_fast" });
  });
});

/** A publisher elsewhere: its id has the first bit set. */
const FAR = `\x80${"p".repeat(15)}`;

describe("N-22 carrying on what others published", () => {
  const carried = (seq: number, hops: number): FrameOf<"publish"> => {
    const path = Array.from({ length: hops }, (_, i) => `f${i}`);
    return { ...publish(seq, [json("a", seq)]), origin: { publisher: FAR, seq: 7, path } };
  };

  test("goes by itself, as it is", () => {
    const rig = say(open(), carried(1, 2), carried(2, LIMITS.hopsMax), publish(3, [json("a", 3)])).connect();
    expect(rig.atRouterOf("main", "publish").map(({ seq, origin }) => [seq, origin?.path.length])).toEqual([
      [1, 2],
      [2, LIMITS.hopsMax],
      [3, undefined],
    ]);
  });

  test("needs a token that grants it", () => {
    const rig = say(opened({ grant: { peer: false } }), carried(1, 1));
    expect(rig.takeFrames()[0]).toMatchObject({ type: "publishRefused", seq: 1, code: "forbidden" });
  });

  test("is refused in the name of a publisher of this fabric", () => {
    const local = { ...carried(1, 1), origin: { publisher: "p".repeat(16), seq: 9, path: ["a"] } };
    expect(say(open(), local).takeFrames()[0]).toMatchObject({ type: "publishRefused", code: "forbidden" });
  });

  test("is refused past the bound of hops", () => {
    const rig = say(open(), carried(1, LIMITS.hopsMax + 1));
    expect(rig.closed).toEqual({ code: 1008, reason: "too_many" });
  });

  test("is refused past the bound of a name", () => {
    const named = (length: number) => ({
      ...carried(1, 1),
      origin: { publisher: FAR, seq: 1, path: ["x".repeat(length)] },
    });
    expect(say(open(), named(LIMITS.fabricNameMax)).closed).toBeUndefined();
    expect(say(open(), named(LIMITS.fabricNameMax + 1)).closed?.reason).toBe("invalid_message");
  });
});
