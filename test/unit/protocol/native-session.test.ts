/** The session of a native peer. Publishing is in native-publish.test.ts. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { count } from "../../../src/data/value.ts";
import { encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { ENCODING, type Frame, type FrameOf, type Segment } from "../../../src/protocol/frame.ts";
import { parsePrefix, toBytes } from "../../../src/protocol/topic.ts";
import { decodeSegment } from "../../../src/protocol/transcode.ts";
import { cbor, greet, json, open, publish, say } from "../../support/native-rig.ts";
import { hello, instance, subscribe, unsubscribe } from "../../support/router-rig.ts";
import { deliver, nativeRig, position, published } from "../../support/session-rig.ts";

describe("greeting", () => {
  test("R1 hello is answered with welcome, which tells the client what others see of it", () => {
    const [welcome] = say(nativeRig(), greet()).takeFrames();
    if (welcome?.type !== "welcome") throw new Error("no welcome");
    const { publisher, table, ...options } = welcome.options;
    expect({ ...welcome, options }).toEqual({
      type: "welcome",
      version: 1,
      endpoint: "here",
      options: { server: "1.0" },
    });
    expect(table).toEqual(expect.any(String));
    expect([...(publisher as Uint8Array)]).toEqual([...toBytes(instance(7))]);
  });

  test("N-6 a publish with number 0 is refused", () => {
    const rig = say(open(), publish(0, [json("a", 1)]));
    expect(rig.takeFrames()).toMatchObject([{ type: "error", code: "invalid_message" }]);
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
  rig.session.answered(ack);
  expect(rig.perform().takeFrames()).toMatchObject([{ type: "logAck" }]);
});
