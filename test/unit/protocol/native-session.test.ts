/** The session of a native peer. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { ENCODING, type Frame, type FrameOf, type Segment } from "../../../src/protocol/frame.ts";
import type { NativeSession } from "../../../src/protocol/native-session.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { decodeSegment, encodeEvents } from "../../../src/protocol/transcode.ts";
import { count, string } from "../../../src/data/value.ts";
import { numbered } from "../../support/json-v1-event.ts";
import { hello, instance, subscribe, unsubscribe } from "../../support/router-rig.ts";
import { deliver, nativeRig, position, published, type SessionRig } from "../../support/session-rig.ts";

type Rig = SessionRig<NativeSession>;

const say = (rig: Rig, ...frames: Frame[]) =>
  rig.do((s, now) => {
    for (const frame of frames) s.receive(encodeFrame(frame), now);
  });
const greet = (encodings: readonly string[] = ["json", "cbor"]): Frame =>
  ({ ...hello(7), options: { encodings } }) as Frame;
const open = (grant: Parameters<typeof nativeRig>[0] = {}, encodings?: readonly string[]): Rig => {
  const rig = say(nativeRig(grant), greet(encodings));
  rig.takeFrames();
  return rig;
};
const json = (topic: string, ...numbers: number[]): Segment => ({
  topic: parseTopic(topic),
  encoding: ENCODING.json,
  count: numbers.length,
  payload: Buffer.from(numbers.map((n) => numbered(topic, n)).join("\n")),
});
const cbor = (topic: string, n: number): Segment => ({
  topic: parseTopic(topic),
  encoding: ENCODING.cbor,
  count: 1,
  payload: encodeEvents([{ name: "ev", args: [count(n)], metadata: [] }]),
});
const publish = (seq: number, segments: readonly Segment[], repeat = false): FrameOf<"publish"> => ({
  type: "publish",
  seq,
  repeat,
  segments,
});

describe("greeting", () => {
  test("hello is answered with welcome", () => {
    expect(say(nativeRig(), greet()).takeFrames()).toEqual([
      { type: "welcome", version: 1, endpoint: "here", options: { server: "1.0" } },
    ]);
  });

  test("R37 no common version: refused with both ranges", () => {
    const rig = say(nativeRig(), { ...hello(7), versions: [2, 3] } as Frame);
    expect(rig.takeFrames()).toMatchObject([
      {
        type: "error",
        id: undefined,
        code: "version_unsupported",
        message: expect.stringContaining("2 to 3"),
      },
    ]);
    expect(rig.closed?.code).toBe(1002);
  });

  test.each<[string, Frame[]]>([
    ["a frame before hello", [publish(1, [])]],
    ["a second hello", [greet(), greet()]],
    ["a frame that the fabric sends", [greet(), { type: "pong", id: 1 }]],
  ])("%s is refused", (_, frames) => {
    const rig = say(nativeRig(), ...frames);
    expect(rig.takeFrames().at(-1)).toMatchObject({ type: "error", code: "invalid_message" });
    expect(rig.closed).toEqual({ code: 1008, reason: "invalid_message" });
    expect(rig.isDone).toBe(true);
  });

  test("R1 a connection number past its bound is refused by name", () => {
    const most = LIMITS.connectionMax;
    expect(say(nativeRig(), hello(7, most)).closed).toBeUndefined();
    const rig = say(nativeRig(), hello(7, most + 1));
    expect(rig.takeFrames()).toMatchObject([
      { type: "error", message: expect.stringContaining("connection") },
    ]);
  });

  test("bytes that are no frame, and text, are refused", () => {
    const bytes = nativeRig().do((s, now) => s.receive(new Uint8Array([0xff]), now));
    expect(bytes.closed?.reason).toBe("deserialization_failed");
    const text = nativeRig().do((s, now) => s.receiveText(now));
    expect(text.closed?.reason).toBe("invalid_message");
  });

  test("a peer that says nothing is closed at its deadline", () => {
    const rig = nativeRig().pass(LIMITS.handshakeMs - 1);
    expect(rig.closed).toBeUndefined();
    expect(rig.pass(1).closed).toEqual({ code: 1008, reason: "handshake_timeout" });
  });

  test("ping is answered", () => {
    expect(say(open(), { type: "ping", id: 5 }).takeFrames()).toEqual([{ type: "pong", id: 5 }]);
  });
});

describe("subscriptions", () => {
  test("[A37] R7 one made at run time is in force when every router of it has it, under the peer's id", () => {
    const rig = say(open(), subscribe([""], 40)).connect();
    rig.confirm("main", 3);
    expect(rig.takeFrames()).toEqual([]);
    rig.confirm("two", 9);
    expect(rig.takeFrames()).toEqual([
      { type: "subscribed", id: 40, positions: [position("main", 3), position("two", 9)], gaps: [] },
    ]);
    rig.from("two", deliver("two", 9, sequenced(10, json("two/x", 1))));
    expect(rig.takeFrames()).toMatchObject([{ type: "deliver", router: "two" }]);
  });

  test("each goes to the routers that it spans and to no other", () => {
    const rig = say(open(), subscribe(["two/x"], 1), subscribe(["a"], 2));
    expect(rig.opening).toEqual(["two", "main"]);
    rig.connect();
    expect(rig.atRouterOf("two", "subscribe")).toMatchObject([{ prefixes: ["two/x"] }]);
    expect(rig.atRouterOf("main", "subscribe")).toMatchObject([{ prefixes: ["a"] }]);
  });

  test("[A37] may be ended at run time", () => {
    const rig = say(open(), subscribe(["a"], 1))
      .connect()
      .confirm("main");
    rig.takeFrames();
    say(rig, unsubscribe(["a"], 2)).confirm("main", 4);
    expect(rig.takeFrames()).toMatchObject([{ type: "subscribed", id: 2 }]);
  });

  test("ending one whose trunk is lost is confirmed when the trunk is back", () => {
    const rig = say(open(), subscribe(["a"], 1))
      .connect()
      .confirm("main")
      .lose("main");
    rig.takeFrames();
    say(rig, unsubscribe(["a"], 2))
      .pass(LIMITS.trunkRetryMs)
      .connect()
      .confirm("main");
    expect(rig.takeFrames()).toMatchObject([{ type: "subscribed", id: 2 }]);
    rig.pass(LIMITS.subscribeMs);
    expect(rig.closed).toBeUndefined();
  });

  test("ending one that never was is confirmed, too", () => {
    const rig = say(open(), unsubscribe(["a"], 2))
      .connect()
      .confirm("main");
    expect(rig.takeFrames()).toMatchObject([{ type: "subscribed", id: 2 }]);
  });

  test("one that is not granted is refused by name, the connection stays", () => {
    const rig = open({ subscribe: [parsePrefix("a/")] });
    say(rig, subscribe(["a/x", "b"], 6));
    expect(rig.takeFrames()).toEqual([
      { type: "error", id: 6, code: "forbidden", message: "no permission to subscribe to 'b'" },
    ]);
    expect([rig.closed, rig.opening]).toEqual([undefined, []]);
  });

  test("as many as the bound are taken, one more is refused, and repeats count once", () => {
    const many = Array.from({ length: LIMITS.subscriptionsMax }, (_, i) => `p${i}`);
    const rig = say(open(), subscribe(many, 1), subscribe(["p0"], 2), subscribe(["q"], 3));
    expect(rig.takeFrames()).toMatchObject([{ type: "error", id: 3, code: "too_many" }]);
    say(rig, unsubscribe(["p0"], 4), subscribe(["q"], 5));
    expect(rig.takeFrames()).toEqual([]);
  });

  test("as many bytes of them as the bound are taken, and no more", () => {
    const all = LIMITS.subscriptionBytesMax / LIMITS.topicBytesMax;
    const many = Array.from({ length: all }, (_, i) => `${i}`.padEnd(LIMITS.topicBytesMax, "x"));
    const rig = say(open(), subscribe(many, 1), subscribe(["q"], 2));
    expect(rig.takeFrames()).toMatchObject([{ type: "error", id: 2, code: "too_many" }]);
  });

  test("as many changes as the bound may wait for a router, and no more", () => {
    const rig = open();
    for (let id = 1; id <= LIMITS.changesMax; id++) say(rig, subscribe(["a"], id));
    expect(rig.takeFrames()).toEqual([]);
    say(rig, unsubscribe(["a"], 7_000), subscribe(["b"], 7_001));
    expect(rig.takeFrames()).toMatchObject([
      { id: 7_000, code: "too_many" },
      { id: 7_001, code: "too_many" },
    ]);
  });

  test("R7 one that no router confirms in time ends the connection with 1013", () => {
    const rig = say(open(), subscribe(["a"], 1));
    expect(rig.pass(LIMITS.subscribeMs - 1).closed).toBeUndefined();
    expect(rig.pass(1).closed).toEqual({ code: 1013, reason: "unavailable" });
  });

  test("R4 a gap that a returning trunk learns reaches the peer as a notice", () => {
    const rig = say(open(), subscribe(["a"], 1))
      .connect()
      .confirm("main");
    rig.takeFrames();
    rig.lose("main").pass(LIMITS.trunkRetryMs).connect();
    const gap = { extent: "unknown", from: position("main", 0), to: position("main", 3, 2) } as const;
    rig.from("main", { type: "subscribed", id: 1, positions: [gap.to], gaps: [gap] });
    expect(rig.takeFrames()).toEqual([{ type: "gap", gap }]);
  });

  test("R4 a gap is told before what follows it, even while other routers are waited for", () => {
    const from = position("main", 2);
    const rig = say(open(), subscribe([""], 1, [from])).connect();
    const gap = { extent: "exact", from, to: position("main", 8) } as const;
    rig.from("main", { type: "subscribed", id: 1, positions: [gap.to], gaps: [gap] });
    rig.from("main", deliver("main", 8, sequenced(9, json("a", 1))));
    expect(rig.takeFrames()).toMatchObject([{ type: "gap", gap }, { type: "deliver" }]);
    rig.confirm("two", 5);
    expect(rig.takeFrames()).toEqual([
      { type: "subscribed", id: 1, positions: [position("main", 9), position("two", 5)], gaps: [] },
    ]);
  });

  test("R4 the position of a peer that comes back goes to its router, and the gap to the peer", () => {
    const rig = open();
    const from = position("main", 2);
    say(rig, subscribe(["a"], 1, [from, position("two", 5)])).connect();
    expect(rig.atRouterOf("main", "subscribe")).toMatchObject([{ positions: [from] }]);
    const gap = { extent: "exact", from, to: position("main", 8) } as const;
    rig.from("main", { type: "subscribed", id: 1, positions: [gap.to], gaps: [gap] });
    expect(rig.takeFrames()).toEqual([{ type: "subscribed", id: 1, positions: [gap.to], gaps: [gap] }]);
  });
});

const sequenced = (seq: number, ...segments: Segment[]) => ({
  seq,
  publisher: instance(9),
  publisherSeq: seq,
  segments,
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

describe("delivery", () => {
  test("passes the router's own bytes on to a peer that takes both encodings", () => {
    const rig = say(open(), subscribe(["a"], 1))
      .connect()
      .confirm("main");
    rig.takeFrames();
    const frame = deliver("main", 0, sequenced(1, json("a", 1), cbor("a", 2)));
    rig.session.trunkReceived("main", encodeFrame(frame), rig.nowMs);
    const [effect] = rig.session.drain();
    expect(effect?.type === "sendBytes" && Buffer.from(effect.bytes).equals(encodeFrame(frame))).toBe(true);
  });

  test("makes CBOR for a peer that takes nothing else, and removes repeats", () => {
    const rig = say(open({}, ["cbor"]), subscribe(["a"], 1))
      .connect()
      .confirm("main");
    rig.takeFrames();
    rig.from("main", deliver("main", 0, sequenced(1, json("a", 1, 2), cbor("a", 3))));
    rig.from("main", deliver("main", 1, { ...sequenced(2, json("a", 9)), publisherSeq: 1 }));
    const [first, second] = rig.takeFrames() as FrameOf<"deliver">[];
    const segments = first!.frames[0]!.segments;
    expect(segments.map((s) => s.encoding)).toEqual([ENCODING.cbor, ENCODING.cbor]);
    expect(segments.flatMap(decodeSegment).map((e) => e.args)).toEqual([[count(1)], [count(2)], [count(3)]]);
    expect(second!.frames).toEqual([]);
  });
});

describe("the end of a peer", () => {
  test("what it sent before is published, then the session ends", () => {
    const rig = say(open(), publish(1, [json("a", 1)])).connect();
    rig.do((s, now) => s.closed(now));
    expect(rig.isDone).toBe(false);
    expect(rig.from("main", published("main", 1)).isDone).toBe(true);
    expect(rig.takeFrames()).toEqual([]);
  });

  test("a subscription under way does not cut that short", () => {
    const rig = say(open(), publish(1, [json("a", 1)]), subscribe(["two/"], 1)).connect("main");
    rig.do((s, now) => s.closed(now)).pass(LIMITS.subscribeMs);
    expect(rig.isDone).toBe(false);
    expect(rig.from("main", published("main", 1)).isDone).toBe(true);
  });

  test("what no router takes is given up at the deadline, and nothing is opened after it", () => {
    const big = { ...cbor("a", 1), payload: cbor("a", 1).payload };
    const rig = open();
    for (let seq = 1; seq <= LIMITS.publishWindowFrames + 5; seq++) say(rig, publish(seq, [big]));
    rig.do((s, now) => s.closed(now)).pass(LIMITS.drainMs);
    rig.do(() => {});
    expect([rig.isDone, rig.opening]).toEqual([true, []]);
  });

  test("R1 superseded by a newer connection at a router, it ends", () => {
    const rig = say(open(), subscribe(["a"], 1))
      .connect()
      .confirm("main");
    rig.takeFrames();
    rig.from("main", { type: "error", id: undefined, code: "superseded", message: "newer" });
    expect(rig.closed).toEqual({ code: 1008, reason: "superseded" });
    expect(rig.isDone).toBe(true);
  });
});

test("log frames go to the log path, and its answers to the peer", () => {
  const rig = open();
  const resume = { type: "logResume", logger: "l", writer: instance(1), birthMs: 1 } as const;
  expect(say(rig, resume).logs).toEqual([{ type: "log", frame: resume }]);
  const ack = {
    type: "logAck",
    logger: "l",
    writer: instance(1),
    last: { number: 0, hash: new Uint8Array(), range: undefined },
  } as const;
  rig.session.logAnswered(ack);
  expect(rig.perform().takeFrames()).toMatchObject([{ type: "logAck" }]);
});
