import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import {
  segmentsBytes,
  type Frame,
  type FrameOf,
  type Position,
  type SequencedFrame,
} from "../../../src/protocol/frame.ts";
import { parsePrefix } from "../../../src/protocol/topic.ts";
import { TrunkEnd, type TrunkEvent } from "../../../src/protocol/trunk-end.ts";
import { instance, segment } from "../../support/router-rig.ts";
import { publish } from "../../support/native-rig.ts";

const at = (incarnation: number, seq: number): Position => ({ router: "main", incarnation, seq });
const p = (...all: string[]) => all.map(parsePrefix);
const frames = (all: readonly Uint8Array[]): Frame[] => all.map(decodeFrame);
const give = (trunk: TrunkEnd, frame: Frame): TrunkEvent[] => trunk.receive(encodeFrame(frame));

function make(): TrunkEnd {
  return new TrunkEnd("main", { instance: instance(7), connection: 3, table: "t" });
}

/** Open, subscribed to "a" from (1, 10) on. */
function subscribed(): TrunkEnd {
  const trunk = make();
  trunk.open();
  trunk.opened();
  trunk.subscribe(1, p("a"));
  confirm(trunk, 1, at(1, 10));
  return trunk;
}

function confirm(trunk: TrunkEnd, id: number, position: Position, gaps: FrameOf<"subscribed">["gaps"] = []) {
  return give(trunk, { type: "subscribed", id, positions: [position], gaps });
}

const sequenced = (seq: number, publisherSeq = seq, publisher = instance(1)): SequencedFrame => ({
  seq,
  publisher,
  publisherSeq,
  segments: [segment("a")],
});

function deliver(incarnation: number, prev: number, ...all: SequencedFrame[]): Frame {
  return { type: "deliver", router: "main", incarnation, prev, frames: all };
}

function reopen(trunk: TrunkEnd): Frame[] {
  trunk.lost();
  trunk.open();
  return frames(trunk.opened());
}

describe("connection", () => {
  test("is opened once at a time", () => {
    const trunk = make();
    expect([trunk.open(), trunk.open()]).toEqual([true, false]);
    trunk.opened();
    expect([trunk.isOpen, trunk.open()]).toEqual([true, false]);
    trunk.lost();
    expect([trunk.isOpen, trunk.open()]).toEqual([false, true]);
  });

  test("R1 each connection has a higher number, those of a later client connection higher ones still", () => {
    const trunk = make();
    const numbers = [1, 2].map(() => (reopen(trunk)[0] as FrameOf<"hello">).connection);
    const next = new TrunkEnd("main", { instance: instance(7), connection: 4, table: "t" });
    numbers.push((reopen(next)[0] as FrameOf<"hello">).connection);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(new Set(numbers).size).toBe(3);
  });

  test("R8 hello carries the version of the router table", () => {
    expect(reopen(make())).toMatchObject([{ type: "hello", options: { table: "t" }, versions: [1, 1] }]);
  });

  test("waits longer after each failure, up to the bound, and anew after a welcome", () => {
    const trunk = make();
    const waits = Array.from({ length: 10 }, () => trunk.lost());
    expect(waits.slice(0, 3)).toEqual([
      LIMITS.trunkRetryMs,
      2 * LIMITS.trunkRetryMs,
      4 * LIMITS.trunkRetryMs,
    ]);
    expect(waits.at(-1)).toBe(LIMITS.trunkRetryMaxMs);
    give(trunk, { type: "welcome", version: 1, endpoint: "main", options: {} });
    expect(trunk.lost()).toBe(LIMITS.trunkRetryMs);
  });
});

describe("publishing", () => {
  test("R5 what is not acknowledged is sent again after a loss, in order and flagged", () => {
    const trunk = subscribed();
    trunk.publish(publish(1, [segment("x", "one")]));
    trunk.publish(publish(2, [segment("x", "two")]));
    give(trunk, { type: "published", router: "main", seq: 1 });
    expect(reopen(trunk).filter((f) => f.type === "publish")).toMatchObject([{ seq: 2, repeat: true }]);
    give(trunk, { type: "published", router: "main", seq: 2 });
    expect(reopen(trunk).filter((f) => f.type === "publish")).toEqual([]);
  });

  test("R5 what was never sent is not flagged as a repeat", () => {
    const trunk = make();
    expect(trunk.publish(publish(1, [segment("x")]))).toEqual([]);
    expect(reopen(trunk).at(-1)).toMatchObject({ type: "publish", seq: 1, repeat: false });
    expect(reopen(trunk).at(-1)).toMatchObject({ type: "publish", seq: 1, repeat: true });
  });

  test("has a window of frames", () => {
    const trunk = subscribed();
    for (let seq = 1; seq < LIMITS.publishWindowFrames; seq++) trunk.publish(publish(seq, [segment("x")]));
    expect(trunk.hasWindow).toBe(true);
    trunk.publish(publish(LIMITS.publishWindowFrames, [segment("x")]));
    expect(trunk.hasWindow).toBe(false);
    give(trunk, { type: "published", router: "main", seq: 1 });
    expect(trunk.hasWindow).toBe(true);
  });

  test("has a window of bytes, and frees it exactly", () => {
    const trunk = subscribed();
    const sized = (bytes: number) => ({ ...segment("x"), payload: new Uint8Array(bytes) });
    const overhead = segmentsBytes([sized(0)]);
    trunk.publish(publish(1, [sized(LIMITS.publishWindowBytes - overhead - 1)]));
    expect([trunk.hasWindow, trunk.unackedBytes]).toEqual([true, LIMITS.publishWindowBytes - 1]);
    trunk.publish(publish(2, [sized(0)]));
    expect(trunk.hasWindow).toBe(false);
    give(trunk, { type: "published", router: "main", seq: 2 });
    expect([trunk.hasWindow, trunk.unackedBytes]).toEqual([true, 0]);
  });

  test("a trunk with unacknowledged publishes is needed", () => {
    const trunk = make();
    expect(trunk.isNeeded).toBe(false);
    trunk.publish(publish(1, [segment("x")]));
    expect(trunk.isNeeded).toBe(true);
    give(trunk, { type: "published", router: "main", seq: 1 });
    expect(trunk.isNeeded).toBe(false);
  });
});

describe("subscriptions", () => {
  test("R6 come back with the position after a loss; what was not in force begins when it is", () => {
    const trunk = subscribed();
    give(trunk, deliver(1, 10, sequenced(12)));
    trunk.subscribe(2, p("b"));
    expect(reopen(trunk).slice(1)).toEqual([
      { type: "subscribe", id: 1, prefixes: ["a"], positions: [at(1, 12)], options: { back: true } },
      { type: "subscribe", id: 2, prefixes: ["b"], positions: [], options: {} },
    ]);
  });

  test("R4 one more on a live trunk asks for no gap: nothing was missed", () => {
    const trunk = subscribed();
    const [bytes] = trunk.subscribe(2, p("b"));
    expect(decodeFrame(bytes!)).toMatchObject({ prefixes: ["b"], positions: [] });
  });

  test("R4 a reader that comes back says where it stands, once", () => {
    const trunk = make();
    trunk.open();
    trunk.opened();
    trunk.resumeFrom([at(1, 5)]);
    expect(frames(trunk.subscribe(1, p("a")))).toMatchObject([{ positions: [at(1, 5)] }]);
    trunk.resumeFrom([at(1, 5)]);
    expect(frames(trunk.subscribe(2, p("b")))).toMatchObject([{ positions: [] }]);
    expect(reopen(trunk)[1]).toMatchObject({ positions: [at(1, 5)] });
  });

  test("R4 an older position of the reader does not undo what the trunk knows", () => {
    const trunk = subscribed();
    trunk.resumeFrom([at(1, 2)]);
    expect(reopen(trunk)[1]).toMatchObject({ positions: [at(1, 10)] });
  });

  test("R4 what passes while nothing is subscribed is no gap", () => {
    const trunk = subscribed();
    trunk.unsubscribe(2, p("a"));
    confirm(trunk, 2, at(1, 11));
    expect(frames(trunk.subscribe(3, p("b")))).toMatchObject([{ positions: [] }]);
    confirm(trunk, 3, at(1, 90));
    trunk.unsubscribe(4, p("b"));
    confirm(trunk, 4, at(1, 91));
    expect(reopen(trunk).map((f) => f.type)).toEqual(["hello"]);
    expect(frames(trunk.subscribe(5, p("a")))).toMatchObject([{ positions: [] }]);
  });

  test("a change that ends the last subscription is confirmed although its trunk was lost", () => {
    const trunk = subscribed();
    trunk.unsubscribe(2, p("a"));
    expect(trunk.isNeeded).toBe(true);
    expect(reopen(trunk)[1]).toMatchObject({ type: "unsubscribe", id: 2, prefixes: [] });
    confirm(trunk, 2, at(1, 11));
    expect(trunk.isNeeded).toBe(false);
    expect(reopen(trunk).map((f) => f.type)).toEqual(["hello"]);
  });

  test("a change made before the trunk is open is sent when it is", () => {
    const trunk = make();
    trunk.open();
    expect(trunk.unsubscribe(1, p("never"))).toEqual([]);
    expect(frames(trunk.opened())[1]).toMatchObject({ type: "unsubscribe", id: 1 });
  });

  test("are reported with their position and gaps", () => {
    const trunk = subscribed();
    const gap = { extent: "exact", from: at(1, 10), to: at(1, 20) } as const;
    expect(confirm(trunk, 2, at(1, 20), [gap])).toEqual([{ type: "subscribed", id: 2, gaps: [gap] }]);
    expect(trunk.positions).toEqual([at(1, 20)]);
  });
});

describe("delivery", () => {
  test("R3 frames that were filtered out are no gap", () => {
    const trunk = subscribed();
    expect(give(trunk, deliver(1, 10, sequenced(14))).map((e) => e.type)).toEqual(["deliver"]);
    expect(give(trunk, deliver(1, 14, sequenced(20))).map((e) => e.type)).toEqual(["deliver"]);
  });

  test("R3 a prev that is not the last received is an exact gap", () => {
    const trunk = subscribed();
    expect(give(trunk, deliver(1, 12, sequenced(13)))[0]).toEqual({
      type: "gap",
      gap: { extent: "exact", from: at(1, 10), to: at(1, 12) },
    });
  });

  test("R4 a gap into another incarnation has no extent", () => {
    const trunk = subscribed();
    const events = give(trunk, deliver(2, 0, sequenced(1)));
    expect(events.map((e) => e.type)).toEqual(["gap", "deliver"]);
    expect(events[0]).toMatchObject({ gap: { extent: "unknown", from: at(1, 10), to: at(2, 0) } });
  });

  test("R2 frames of an older incarnation are discarded", () => {
    const trunk = subscribed();
    give(trunk, deliver(2, 0, sequenced(1)));
    expect(give(trunk, deliver(1, 10, sequenced(11)))).toEqual([]);
    expect(give(trunk, deliver(2, 1, sequenced(2))).map((e) => e.type)).toEqual(["deliver"]);
  });

  test("R5 repeats are removed, also of another incarnation; the bytes stay whole", () => {
    const trunk = subscribed();
    give(trunk, deliver(1, 10, sequenced(11, 5)));
    const frame = deliver(2, 0, sequenced(1, 5), sequenced(2, 6));
    const event = give(trunk, frame).at(-1);
    expect(event).toMatchObject({ type: "deliver", frame: { prev: 0, frames: [{ publisherSeq: 6 }] } });
    const { bytes } = event as Extract<TrunkEvent, { type: "deliver" }>;
    expect(Buffer.from(bytes).equals(encodeFrame(frame))).toBe(true);
  });

  test("R4 a gap that the router tells starts where this reader stood", () => {
    const trunk = subscribed();
    const told = { extent: "unknown", from: at(1, 0), to: at(2, 3) } as const;
    expect(give(trunk, { type: "gap", gap: told })).toEqual([
      { type: "gap", gap: { ...told, from: at(1, 10) } },
    ]);
    expect(give(trunk, deliver(2, 3, sequenced(4))).map((e) => e.type)).toEqual(["deliver"]);
  });
});

describe("what a router does not send", () => {
  test.each<Frame>([
    { type: "ping", id: 1 },
    { type: "unsubscribe", id: 1, prefixes: [] },
    { type: "hello", versions: [1, 1], instance: instance(1), connection: 1, options: {} },
  ])("$type is refused", (frame) => {
    expect(() => give(make(), frame)).toThrow(expect.objectContaining({ code: "invalid_message" }) as Error);
  });

  test("neither is a confirmation without a position", () => {
    expect(() => give(make(), { type: "subscribed", id: 1, positions: [], gaps: [] })).toThrow(/no position/);
  });

  test("bytes that are no frame are refused", () => {
    expect(() => make().receive(new Uint8Array([0x01]))).toThrow(/array/);
  });
});

test("an error of the router is told with its code; a code of a later release as unavailable", () => {
  const error = (code: string): Frame => ({ type: "error", id: undefined, code, message: "why" });
  const refused = (code: string) => give(make(), error(code))[0];
  expect(refused("superseded")).toMatchObject({
    type: "refused",
    error: { code: "superseded", message: "why" },
  });
  expect(refused("of_tomorrow")).toMatchObject({ type: "refused", error: { code: "unavailable" } });
});

test("a pong changes nothing, and goaway is told", () => {
  expect(give(make(), { type: "pong", id: 1 })).toEqual([]);
  expect(give(make(), { type: "goaway", reason: "deploy" })).toEqual([{ type: "goaway", reason: "deploy" }]);
});
