/** Publishing through the session of a native peer. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { string } from "../../../src/data/value.ts";
import { encodeFrame } from "../../../src/protocol/frame-codec.ts";
import type { Segment } from "../../../src/protocol/frame.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { encodeEvents } from "../../../src/protocol/transcode.ts";
import { numbered } from "../../support/json-v1-event.ts";
import { cbor, json, open, publish, say } from "../../support/native-rig.ts";
import { published } from "../../support/session-rig.ts";

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

  test("to a topic that is not granted ends the connection, and publishes nothing of the frame", () => {
    const rig = open({ publish: [parsePrefix("a/")] });
    say(rig, publish(1, [json("a/x", 1), json("b", 2)]));
    expect(rig.takeFrames()).toMatchObject([{ type: "error", code: "forbidden" }]);
    expect([rig.closed?.code, rig.opening]).toEqual([1008, []]);
  });

  test.each<[string, Segment]>([
    ["JSON that is not canonical", { ...json("a", 1), payload: Buffer.from(` ${numbered("a", 1)}`) }],
    ["JSON of another topic", { ...json("a", 1), topic: parseTopic("b") }],
    ["JSON of another count", { ...json("a", 1), count: 2 }],
    ["CBOR that is no event", { ...cbor("a", 1), payload: new Uint8Array([0x01]) }],
    ["CBOR of another count", { ...cbor("a", 1), count: 2 }],
  ])("%s is refused before anybody sees it", (_, segment) => {
    const rig = say(open(), publish(1, [segment]));
    expect(rig.takeFrames()).toMatchObject([{ type: "error", id: undefined }]);
    expect([rig.closed?.reason, rig.opening]).toEqual([expect.stringMatching(/invalid|deser/), []]);
  });

  test("a publish frame may be as large as its bound: the router's header still fits around it", () => {
    const overhead =
      encodeFrame(publish(1, [{ ...cbor("a", 1), payload: new Uint8Array(70_000) }])).length - 70_000;
    const frame = (bytes: number) => {
      const payload = new Uint8Array(bytes - overhead);
      return publish(1, [{ ...cbor("a", 1), payload }]);
    };
    expect(encodeFrame(frame(LIMITS.publishFrameBytesMax)).length).toBe(LIMITS.publishFrameBytesMax);
    expect(say(open(), frame(LIMITS.publishFrameBytesMax)).closed?.reason).not.toBe("too_large");
    expect(say(open(), frame(LIMITS.publishFrameBytesMax + 1)).closed).toEqual({
      code: 1009,
      reason: "too_large",
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
      publish(8, Array<Segment>(LIMITS.inboundQueueBytesMax / 8 / LIMITS.topicBytesMax).fill(nothing)),
    );
    expect(rig.closed).toEqual({ code: 1013, reason: "publisher_too_fast" });
  });
});
