/** What bounds a session whose peer behaves badly, or has been there for long. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import { numbered } from "../../support/json-v1-event.ts";
import { json, open, opened, publish, say } from "../../support/native-rig.ts";
import { hello, instance, subscribe } from "../../support/router-rig.ts";
import { deliver, jsonRig, nativeRig, published } from "../../support/session-rig.ts";

const frames = (count: number, frame: Frame) => Array<Frame>(count).fill(frame);
const delivery = (prev: number, bytes: number) =>
  deliver("main", prev, {
    seq: prev + 1,
    publisher: instance(9),
    publisherSeq: prev + 1,
    segments: [{ ...json("a", 1), payload: new Uint8Array(bytes) }],
  });

describe("N-21 answers that a peer can ask for at will", () => {
  test.each<[string, Frame]>([
    ["pings", { type: "ping", id: 1 }],
    ["subscriptions that are refused", subscribe(["b"], 1)],
  ])("%s: a burst is answered, one more ends the connection", (_, frame) => {
    const rig = say(open({ subscribe: [] }), ...frames(LIMITS.answersBurst, frame));
    expect([rig.takeFrames().length, rig.closed]).toEqual([LIMITS.answersBurst, undefined]);
    expect(say(rig, frame).closed).toEqual({ code: 1008, reason: "too_many" });
  });

  test("publishes that are refused: a burst is answered, one more ends the connection", () => {
    const rig = open({ publish: [] });
    for (let seq = 1; seq <= LIMITS.answersBurst; seq++) say(rig, publish(seq, [json("a", 1)]));
    expect(rig.closed).toBeUndefined();
    say(rig, publish(LIMITS.answersBurst + 1, [json("a", 1)]));
    expect(rig.closed).toEqual({ code: 1008, reason: "too_many" });
  });

  test.each<[string, (seq: number) => Frame]>([
    ["publishes of nothing", (seq) => publish(seq, [])],
    ["publishes that are acknowledged already", (seq) => publish(1, [], seq > 1)],
  ])("%s: a burst is answered, one more ends the connection", (_, frame) => {
    const rig = open();
    for (let seq = 1; seq <= LIMITS.answersBurst; seq++) say(rig, frame(seq));
    expect([rig.takeFrames().length, rig.closed]).toEqual([LIMITS.answersBurst, undefined]);
    expect(say(rig, frame(LIMITS.answersBurst + 1)).closed).toEqual({ code: 1008, reason: "too_many" });
  });

  test("a session that is closed for refused publishes ends at once when nothing is under way", () => {
    const rig = open({ publish: [] });
    for (let seq = 1; seq <= LIMITS.answersBurst + 1; seq++) say(rig, publish(seq, [json("a", 1)]));
    expect([rig.closed?.reason, rig.isDone]).toEqual(["too_many", true]);
  });

  test("time gives them back", () => {
    const rig = say(open(), ...frames(LIMITS.answersBurst, { type: "ping", id: 1 })).pass(1_000);
    say(rig, ...frames(LIMITS.answersPerSecond, { type: "ping", id: 1 }));
    expect(rig.closed).toBeUndefined();
    expect(say(rig, { type: "ping", id: 1 }).closed?.reason).toBe("too_many");
  });
});

test("R14 publishes that no router acknowledges are bounded in number, too", () => {
  const rig = open();
  const all = Array.from({ length: LIMITS.unacknowledgedPublishesMax }, (_, i) =>
    publish(i + 1, [json("a", i)]),
  );
  expect(say(rig, ...all).closed).toBeUndefined();
  say(rig, publish(all.length + 1, [json("a", 1)]));
  expect(rig.closed).toEqual({ code: 1013, reason: "publisher_too_fast" });
});

describe("R14 a native reader that grants no credit", () => {
  const reader = { bytesPerSecond: 1_000, burstBytes: 10_000 };

  test("is closed when it is over its allowance", () => {
    const rig = say(opened({ reader }), subscribe(["a"], 1))
      .connect()
      .confirm("main");
    rig.from("main", delivery(0, 5_000));
    expect(rig.closed).toBeUndefined();
    rig.from("main", delivery(1, 5_000));
    expect(rig.closed).toEqual({ code: 1013, reason: "slow_reader" });
  });

  test("one that grants credit has none", () => {
    const greeting = { ...hello(7), options: { window: 1_000_000, encodings: ["json"] } } as Frame;
    const rig = say(nativeRig({ reader }), greeting, subscribe(["a"], 1))
      .connect()
      .confirm("main");
    for (let prev = 0; prev < 10; prev++) rig.from("main", delivery(prev, 5_000));
    expect(rig.closed).toBeUndefined();
  });
});

describe("R15 a session that has passed many events", () => {
  test("asks a native peer to connect again, once, and goes on", () => {
    const rig = say(opened({ eventsMax: 3 }), publish(1, [json("a", 1, 2)])).connect();
    expect(rig.takeFrames()).toEqual([]);
    say(rig, publish(2, [json("a", 3)]), publish(3, [json("a", 4)]));
    expect(rig.takeFrames()).toMatchObject([{ type: "goaway" }]);
    rig.from("main", published("main", 3));
    expect(rig.takeFrames()).toEqual([published("", 3)]);
  });

  test("counts what it delivers too", () => {
    const rig = say(opened({ eventsMax: 2 }), subscribe(["a"], 1))
      .connect()
      .confirm("main");
    rig.takeFrames();
    rig.from("main", delivery(0, 10)).from("main", delivery(1, 10));
    expect(rig.takeFrames().map(({ type }) => type)).toEqual(["deliver", "goaway", "deliver"]);
  });

  test("closes a native peer that stays", () => {
    const rig = opened({ eventsMax: 1 });
    rig.do((session, nowMs) => session.goAway("deploy", nowMs)).pass(LIMITS.goawayMs - 1);
    expect([rig.takeFrames(), rig.closed]).toEqual([[{ type: "goaway", reason: "deploy" }], undefined]);
    expect(rig.pass(1).closed).toEqual({ code: 1001, reason: "shutting_down" });
  });

  test("closes a JSON v1 peer 1001 when what it sent is on its way, and still publishes that", () => {
    const rig = jsonRig({ eventsMax: 2 });
    rig.do((session, nowMs) => session.text('["a"]', nowMs)).connect();
    rig.confirm("main");
    rig.do((session, nowMs) => {
      session.text(numbered("a", 1), nowMs);
      session.text(numbered("a", 2), nowMs);
    });
    expect(rig.closed).toEqual({ code: 1001, reason: "shutting_down" });
    expect(rig.isDone).toBe(false);
    expect(rig.atRouterOf("main", "publish")[0]?.segments).toMatchObject([{ count: 2 }]);
    expect(rig.from("main", published("main", 1)).isDone).toBe(true);
  });
});

test("§3 a client that is closed for what it sent before the ack: what it sent behind that is still published", () => {
  const rig = jsonRig({ reader: { bytesPerSecond: 1, burstBytes: 400 } });
  rig.do((session, now) => {
    for (const text of ['["a"]', ...Array<string>(10).fill("nonsense"), numbered("a", 1)])
      session.text(text, now);
  });
  rig.connect().confirm("main");
  expect([rig.closed, rig.isDone]).toEqual([{ code: 1013, reason: "slow_reader" }, false]);
  const [frame] = rig.atRouterOf("main", "publish");
  rig.from("main", published("main", frame!.seq));
  expect(rig.isDone).toBe(true);
  expect(rig.session.ledger.publishers).toMatchObject({ acknowledged: 1, refused: 10, queued: 0 });
});
