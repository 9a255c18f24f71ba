/** Subscriptions that begin with what is kept of the past: rule 11. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Frame, FrameOf, Options, Position } from "../../../src/protocol/frame.ts";
import { parsePrefix } from "../../../src/protocol/topic.ts";
import { encodeEvents } from "../../../src/protocol/transcode.ts";
import { hello, publish, RouterRig, segment, subscribe, textsOf } from "../../support/router-rig.ts";

const policy = (prefix: string, events = 1e6) => ({
  prefix: parsePrefix(prefix),
  seconds: 1e6,
  bytes: 1e9,
  events,
});
const at = (seq: number, incarnation = 1): Position => ({ router: "main+k/", incarnation, seq });
/** A position as frames carry it. */
const wire = (seq: number) => ["main+k/", 1, seq];
const RESUME = { resume: true };

/** A router that has kept these topics, one event each, numbered from 1. */
function having(topics: readonly string[], events?: number): RouterRig {
  const rig = new RouterRig([policy("k/", events)]).join("p", 2, []);
  for (const [i, topic] of topics.entries()) say(rig, i + 1, topic);
  return rig;
}
const say = (rig: RouterRig, seq: number, topic: string) =>
  rig
    .receive("p", publish(seq, segment(topic, `${seq}`)))
    .turn()
    .pass(LIMITS.keepIntervalMs);

/** A new reader that asks for history; everything that it is sent. */
function ask(rig: RouterRig, history: unknown, prefixes = ["k/"], options: Options = {}): Frame[] {
  rig
    .receive("s", hello(1, 1, "t", { ...RESUME, ...options }), subscribe(prefixes, 1, [], { history }))
    .turn();
  return rig.take("s").slice(2);
}
const seqs = (frames: readonly Frame[]) =>
  frames.flatMap((f) => (f.type === "deliver" ? f.frames.map((one) => one.seq) : []));
const kinds = (frames: readonly Frame[]) => frames.map((f) => (f.type === "deliver" ? f.replay : f.type));
const end = (frames: readonly Frame[]) =>
  frames.find((f): f is FrameOf<"recovered"> => f.type === "recovered");

const TOPICS = ["k/a", "k/b", "k/a", "k/c", "k/b", "k/a"];

describe("R11 history", () => {
  test("behind a position, of the new prefixes only, and then live", () => {
    const rig = having(TOPICS);
    const frames = ask(rig, { positions: [wire(2)] }, ["k/a"]);
    expect(seqs(frames)).toEqual([3, 6]);
    expect(new Set(kinds(frames))).toEqual(new Set(["history", "recovered"]));
    expect(end(frames)).toMatchObject({ position: at(6), complete: true });
    say(rig, 7, "k/a");
    expect(rig.takeOf("s", "deliver")).toMatchObject([{ prev: 6 }]);
  });

  test("since a time", () => {
    const rig = having(TOPICS);
    const { timeMs } = [...rig.store.kept.values()][3]!;
    expect(seqs(ask(rig, { sinceMs: timeMs }))).toEqual([4, 5, 6]);
  });

  test.each([
    [1, ["k/"], [6]],
    [4, ["k/"], [3, 4, 5, 6]],
    [99, ["k/"], [1, 2, 3, 4, 5, 6]],
    [2, ["k/b"], [2, 5]],
    [2, ["k/none"], []],
  ])("the last %i events under %j are %j", (last, prefixes, wanted) => {
    const frames = ask(having(TOPICS), { last }, prefixes);
    expect(seqs(frames)).toEqual(wanted);
    expect(end(frames)).toMatchObject({ complete: true });
  });

  test("the last event of each topic, in order", () => {
    expect(seqs(ask(having(TOPICS), { lastPerTopic: true }))).toEqual([4, 5, 6]);
  });

  test("the last events of a segment are cut out of it", () => {
    const rig = having([]);
    const event = (name: string) => ({ name, args: [], metadata: [] });
    const payload = encodeEvents([event("xx"), event("yy"), event("zz")]);
    rig.receive("p", publish(1, { ...segment("k/a"), count: 3, payload })).turn();
    const [frame] = ask(rig, { last: 2 });
    expect(frame).toMatchObject({ frames: [{ segments: [{ count: 2 }] }] });
    const text = textsOf(frame as FrameOf<"deliver">).join();
    expect(text).not.toContain("xx");
    expect(text).toContain("zz");
  });

  test("of a position that has expired: what is left, and the end says that it is not whole", () => {
    const frames = ask(having(TOPICS, 2), { positions: [wire(1)] });
    const left = seqs(frames);
    expect(left).toEqual([1, 2, 3, 4, 5, 6].slice(-left.length));
    expect(kinds(frames)).not.toContain("gap");
    const rig = having(TOPICS, 2).pass(LIMITS.expireMs).turn();
    const later = ask(rig, { positions: [wire(1)] });
    expect(seqs(later)).toEqual([5, 6]);
    expect(end(later)).toMatchObject({ complete: false });
  });

  test("of a prefix more on a live trunk: the stream stays where it is, and nothing is sent twice", () => {
    const rig = having(TOPICS);
    rig.receive("s", hello(1, 1, "t", RESUME), subscribe(["k/a"], 1)).turn();
    say(rig, 7, "k/a");
    rig.take("s");
    rig.receive("s", subscribe(["k/b"], 2, [], { history: { last: 9 } })).turn();
    const frames = rig.take("s");
    expect(frames[0]).toMatchObject({ type: "subscribed", positions: [at(7)] });
    expect(seqs(frames)).toEqual([2, 5]);
    say(rig, 8, "k/b");
    say(rig, 9, "k/a");
    expect(rig.takeOf("s", "deliver").map((f) => [f.prev, f.replay, ...seqs([f])])).toEqual([
      [7, undefined, 8],
      [8, undefined, 9],
    ]);
  });

  test("while it is sent, what is published comes behind it, once", () => {
    const rig = having(TOPICS);
    const window = { window: 1 };
    const got = [...seqs(ask(rig, { positions: [wire(0)] }, ["k/"], window))];
    say(rig, 7, "k/a");
    const kindsSeen = new Set<string | undefined>();
    for (let i = 0; i < 20; i++) {
      const frames = rig.take("s");
      for (const kind of kinds(frames)) kindsSeen.add(kind);
      got.push(...seqs(frames));
      rig.receive("s", { type: "credit", position: at(got.at(-1)!), window: 1 }).turn();
    }
    expect(got).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(kindsSeen).toEqual(new Set(["history", "resumed", "recovered"]));
  });

  test("and a resume in one: first the history, then what was missed", () => {
    const rig = having(TOPICS);
    const options = { history: { positions: [wire(0)] } };
    rig.receive("s", hello(1, 1, "t", RESUME), subscribe(["k/"], 1, [at(4)], options)).turn();
    const frames = rig.take("s").slice(2);
    expect(frames.map((f) => [f.type === "deliver" ? f.replay : f.type, ...seqs([f])])).toEqual([
      ["history", 1],
      ["history", 2],
      ["history", 3],
      ["history", 4],
      ["resumed", 5, 6],
      ["recovered"],
    ]);
  });

  test("so many at a time; one more is left out, and the end says so", () => {
    for (const [count, complete] of [
      [LIMITS.historiesMax, true],
      [LIMITS.historiesMax + 1, false],
    ] as const) {
      const rig = having(TOPICS);
      rig.receive("s", hello(1, 1, "t", RESUME));
      for (let id = 1; id <= count; id++)
        rig.receive("s", subscribe(["k/"], id, [], { history: { last: 1 } }));
      const frames = rig.turn().take("s");
      expect(seqs(frames)).toHaveLength(LIMITS.historiesMax);
      expect(end(frames)).toMatchObject({ complete });
    }
  });

  test("reads back so far and holds so much, and the end says what is missing", () => {
    const rig = new RouterRig([policy("k/")]).join("p", 2, []);
    const payload = new Uint8Array(LIMITS.keptRowBytes);
    const count = LIMITS.historyHeldBytes / LIMITS.keptRowBytes + 1;
    for (let seq = 1; seq <= count; seq++)
      rig
        .receive("p", publish(seq, { ...segment("k/a"), payload }))
        .turn()
        .pass(LIMITS.keepIntervalMs);
    const wide = { window: LIMITS.readerWindowBytesMax };
    const whole = ask(rig, { last: count - 1 }, ["k/"], wide);
    expect([seqs(whole).length, end(whole)?.complete]).toEqual([count - 1, true]);
    rig.closed("s").turn();
    const most = ask(rig, { last: count }, ["k/"], wide);
    expect([seqs(most).length, end(most)?.complete]).toEqual([count - 1, false]);
    rig.closed("s").turn();
    const none = ask(rig, { last: 1 }, ["k/other"], wide);
    expect(end(none)?.complete).toBe(count * LIMITS.keptRowBytes < LIMITS.historyScanBytes);
  });

  test("has the last of so many topics", () => {
    const rig = new RouterRig([policy("k/")]).join("p", 2, []);
    const all = Array.from({ length: LIMITS.historyTopicsMax + 1 }, (_, i) => segment(`k/${i}`));
    rig.receive("p", publish(1, ...all.slice(1))).turn();
    const bytesOf = (frames: readonly Frame[]) =>
      frames.flatMap((f) => (f.type === "deliver" ? f.frames.flatMap((one) => one.segments) : [])).length;
    expect(bytesOf(ask(rig, { lastPerTopic: true }))).toBe(LIMITS.historyTopicsMax);
    rig.closed("s").turn().pass(LIMITS.keepIntervalMs);
    rig.receive("p", publish(2, all[0]!)).turn();
    const frames = ask(rig, { lastPerTopic: true });
    expect(bytesOf(frames)).toBe(LIMITS.historyTopicsMax);
    expect(end(frames)).toMatchObject({ complete: false });
  });
});
