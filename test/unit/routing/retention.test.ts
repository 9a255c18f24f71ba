/** What a router keeps, and how readers get it back: rules 4, 5, 10 and 11 on kept prefixes. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Frame, FrameOf, Position } from "../../../src/protocol/frame.ts";
import { back, kept, policy, RESUME, rigOf, rows, say, settle } from "../../support/kept-rig.ts";
import { hello, publish, segment, subscribe, textsOf } from "../../support/router-rig.ts";

const delivered = (frames: readonly Frame[]) =>
  frames.filter((f): f is FrameOf<"deliver"> => f.type === "deliver");

describe("keeping", () => {
  test("R10 a kept event is stored in the turn that forwards and acknowledges it, before both", () => {
    const rig = rigOf().join("s", 1, ["k/"], 1, RESUME).join("p", 2, []);
    const effects = rig.receive("p", publish(1, segment("k/a", "one"))).router.turn(rig.nowMs);
    const order = effects.map((e) => (e.type === "persist" ? e.change.type : e.type));
    expect(order.filter((type) => type === "keep")).toHaveLength(1);
    expect(order.filter((type) => type === "send")).toHaveLength(2);
  });

  test("R10 publishes that come soon after are committed together, those of plain topics are not held", () => {
    const rig = rigOf().join("s", 1, [""], 1, RESUME).join("p", 2, []).join("q", 3, []);
    rig.receive("p", publish(1, segment("k/a", "one"))).turn();
    expect(rig.takeTexts("s")).toEqual(["one"]);
    for (let seq = 2; seq <= 5; seq++) rig.receive("p", publish(seq, segment("k/a", `${seq}`))).turn();
    rig.receive("q", publish(1, segment("plain", "at once"))).turn();
    expect(rig.takeTexts("s")).toEqual(["at once"]);
    expect(rig.takeOf("p", "published").at(-1)).toMatchObject({ seq: 1 });
    expect(rig.router.deadlineMs).toBe(rig.nowMs + LIMITS.keepIntervalMs);
    rig.pass(LIMITS.keepIntervalMs);
    expect(rig.takeTexts("s")).toEqual(["2", "3", "4", "5"]);
    expect(rig.takeOf("p", "published").at(-1)).toMatchObject({ seq: 5 });
    expect(rows(rig)).toHaveLength(2);
  });

  test("R9 behind a kept publish that waits, all of its publisher wait", () => {
    const rig = rigOf().join("all", 1, [""]).join("p", 2, []);
    rig.receive("p", publish(1, segment("k/a", "1"))).turn();
    rig.receive("p", publish(2, segment("k/a", "2")), publish(3, segment("plain", "3"))).turn();
    expect(rig.takeTexts("all")).toEqual(["1"]);
    rig.pass(LIMITS.keepIntervalMs);
    expect(rig.takeTexts("all")).toEqual(["2", "3"]);
  });

  test("so much that waits is committed at once", () => {
    const rig = rigOf().join("p", 2, []);
    rig.receive("p", publish(1, segment("k/a", "1"))).turn();
    const payload = new Uint8Array(LIMITS.keepHeldBytes - 200);
    rig.receive("p", publish(2, { ...segment("k/a"), payload })).turn();
    expect(rows(rig)).toHaveLength(1);
    rig.receive("p", publish(3, { ...segment("k/a"), payload: new Uint8Array(200) })).turn();
    expect(rows(rig).map((row) => row.last)).toEqual([1, 2, 3]);
  });

  test("a row is closed at its size; the longest prefix decides; plain topics make none", () => {
    const rig = rigOf(policy("k/"), policy("k/x/")).join("p", 2, []);
    const payload = new Uint8Array(LIMITS.keptRowBytes / 2);
    const big = { ...segment("k/a"), payload };
    rig.receive("p", publish(1, big), publish(2, big), publish(3, big, segment("k/x/a"), segment("plain")));
    rig.turn();
    expect(rows(rig).map(({ last, eventsEnd }) => [last, eventsEnd])).toEqual([
      [2, 2],
      [3, 3],
      [3, 1],
    ]);
  });

  test("R11 the time of a row is never less than that of the one before", () => {
    const rig = rigOf().join("p", 2, []);
    rig.nowMs = 50_000;
    say(rig, 1, "k/a", "1");
    rig.nowMs = 20_000;
    rig.restart("closed").join("p", 2, [], 2);
    say(rig, 2, "k/a", "2");
    expect(rows(rig).map((row) => row.timeMs)).toEqual([50_000, 50_000]);
  });

  test("R5 after a crash the rows since the checkpoint tell what was taken", () => {
    const rig = rigOf().join("p", 2, []).join("q", 3, []);
    say(rig, 1, "k/a", "one");
    rig.pass(LIMITS.checkpointMs);
    say(rig, 1, "k/a", "two", "q");
    rig.restart("closed").join("p", 2, [], 2).join("q", 3, [], 2).pass(LIMITS.coldGraceMs);
    say(rig, 1, "k/a", "one");
    say(rig, 1, "k/a", "two", "q");
    expect(rig.takeOf("p", "published").at(-1)).toMatchObject({ seq: 1 });
    expect(rows(rig)).toHaveLength(2);
  });

  test("R5 marks are written while a router never rests, and read with what came after them", () => {
    const rig = rigOf().join("p", 2, []).join("q", 3, []);
    const payload = new Uint8Array(LIMITS.keptMarksBytes / 8);
    for (let seq = 1; seq <= 9; seq++) settle(rig.receive("p", publish(seq, { ...segment("k/a"), payload })));
    expect(rig.changes.filter((c) => c.type === "marks")).toHaveLength(1);
    say(rig, 1, "k/a", "behind", "q");
    const count = rows(rig).length;
    rig.restart("closed").join("p", 2, [], 2).join("q", 3, [], 2).pass(LIMITS.coldGraceMs);
    say(rig, 9, "k/a", "again");
    say(rig, 1, "k/a", "again", "q");
    expect(rows(rig)).toHaveLength(count);
  });

  test("a layout without the prefix drops what was kept, one with it again begins anew", () => {
    const rig = rigOf().join("p", 2, []);
    say(rig, 1, "k/a", "1");
    rig.policies = [policy("other")];
    rig.restart("closed").turn();
    expect(rows(rig)).toEqual([]);
    rig.policies = [policy("k/")];
    rig.restart("closed").join("p", 2, [], 2);
    back(rig, "s", [kept(1, 0)]);
    expect(rig.takeOf("s", "recovered")).toHaveLength(1);
  });
});

describe("streams", () => {
  test("R3 a reader that resumes has a stream for what is kept and one for the rest, each with its own prev", () => {
    const rig = rigOf().join("s", 1, [""], 1, RESUME).join("all", 3, [""]).join("p", 2, []);
    say(rig, 1, "plain", "1");
    say(rig, 2, "k/a", "2");
    say(rig, 3, "plain", "3");
    settle(rig.receive("p", publish(4, segment("k/a", "4k"), segment("plain", "4p"))));
    const of = (trunk: string) =>
      rig.takeOf(trunk, "deliver").map((f) => [f.router, f.prev, f.frames.map((one) => one.seq)]);
    expect(of("s")).toEqual([
      ["main", 0, [1]],
      ["main+k/", 0, [2]],
      ["main", 1, [3]],
      ["main", 3, [4]],
      ["main+k/", 2, [4]],
    ]);
    expect(of("all").map(([stream]) => stream)).toEqual(["main", "main", "main", "main"]);
  });

  test("R3 a clean sleep keeps the place in each stream", () => {
    const rig = rigOf().join("s", 1, [""], 1, RESUME).join("p", 2, []);
    say(rig, 1, "plain", "1");
    say(rig, 2, "k/a", "2");
    rig.receive("s", { type: "credit", position: kept(1, 2), window: 1e6 });
    rig.pass(2 * LIMITS.checkpointMs);
    expect(rig.store.checkpoint).toBeDefined();
    rig.take("s");
    rig.restart("kept");
    say(rig, 3, "plain", "3");
    say(rig, 4, "k/a", "4");
    expect(rig.takeOf("s", "deliver").map((f) => [f.router, f.prev])).toEqual([
      ["main", 1],
      ["main+k/", 2],
    ]);
    expect(rig.closes).toEqual([]);
  });

  test("the answer to a subscription names each stream that it concerns", () => {
    const rig = rigOf(policy("k/"), policy("k/x/"));
    const positionsOf = (prefixes: string[]) => {
      back(rig, prefixes.join(), [], prefixes);
      return rig.takeOf(prefixes.join(), "subscribed")[0]!.positions.map((p) => p.router);
    };
    expect(positionsOf([""])).toEqual(["main", "main+k/", "main+k/x/"]);
    expect(positionsOf(["k/"])).toEqual(["main+k/", "main+k/x/"]);
    expect(positionsOf(["k/x/y"])).toEqual(["main+k/x/"]);
    expect(positionsOf(["q"])).toEqual(["main"]);
  });
});

describe("coming back", () => {
  test("R11 what was missed is sent, then the reader is told and live, in the same turn", () => {
    const rig = rigOf().join("s", 1, ["k/"], 1, RESUME).join("p", 2, []);
    say(rig, 1, "k/a", "1");
    rig.closed("s").turn().take("s");
    say(rig, 2, "k/a", "2");
    say(rig, 3, "other", "x");
    say(rig, 4, "k/b", "4");
    back(rig, "s2", [kept(1, 1)]);
    const frames = rig.take("s2");
    expect(frames.map((f) => f.type)).toEqual(["welcome", "subscribed", "deliver", "recovered"]);
    expect(frames[1]).toMatchObject({ positions: [kept(1, 1)], gaps: [] });
    expect(frames[2]).toMatchObject({ prev: 1, replay: "resumed" });
    expect(delivered(frames).flatMap(textsOf)).toEqual(["2", "4"]);
    expect(frames[3]).toMatchObject({ position: kept(1, 4), complete: true });
    say(rig, 5, "k/a", "5");
    expect(rig.takeOf("s2", "deliver")).toMatchObject([{ prev: 4, frames: [{ seq: 5 }] }]);
  });

  test("R11 over a crash, and over two, the incarnations follow each other without a gap", () => {
    const rig = rigOf().join("p", 2, []);
    say(rig, 1, "k/a", "1");
    for (let n = 2; n <= 3; n++) {
      rig.restart("closed").join("p", 2, [], n).pass(LIMITS.coldGraceMs);
      say(rig, n, "k/a", `${n}`);
    }
    back(rig, "s", [kept(1, 0)]);
    const frames = rig.take("s");
    expect(delivered(frames).map((f) => [f.incarnation, f.prev, ...textsOf(f)])).toEqual([
      [1, 0, "1"],
      [2, 0, "2"],
      [3, 0, "3"],
    ]);
    expect(frames.at(-1)).toMatchObject({ type: "recovered", position: kept(3, 1), complete: true });
  });

  test("R4 what has expired is a gap in front of what is left, and the end says so", () => {
    const rig = rigOf(policy("k/", { events: 2 })).join("p", 2, []);
    for (let seq = 1; seq <= 5; seq++) say(rig, seq, "k/a", `${seq}`);
    rig.pass(LIMITS.expireMs);
    back(rig, "s", [kept(1, 1)]);
    const frames = rig.take("s");
    expect(frames[2]).toEqual({
      type: "gap",
      gap: { extent: "exact", from: kept(1, 1), to: kept(1, 3), reason: "expired" },
    });
    expect(delivered(frames).flatMap(textsOf)).toEqual(["4", "5"]);
    expect(frames.at(-1)).toMatchObject({ type: "recovered", complete: false });
    back(rig, "s2", [kept(1, 3)]);
    expect(rig.takeOf("s2", "recovered")).toMatchObject([{ complete: true }]);
  });

  test("R4 a place that this router has never reached is unknown to it", () => {
    const rig = rigOf().join("p", 2, []);
    say(rig, 1, "k/a", "1");
    back(rig, "s", [kept(7, 7)]);
    const gap = { extent: "unknown", from: kept(7, 7), to: kept(1, 1), reason: "restarted" };
    expect(rig.takeOf("s", "subscribed")).toMatchObject([{ gaps: [gap], positions: [kept(1, 1)] }]);
  });

  test("R4 a stream that the layout does not have any more is a gap; one without part in the prefixes is not", () => {
    const rig = rigOf(policy("k/"), policy("l/")).join("p", 2, []);
    say(rig, 1, "k/a", "1");
    back(rig, "s", [kept(1, 0, "main+gone"), kept(1, 0, "main+l/")]);
    const { gaps } = rig.takeOf("s", "subscribed")[0]!;
    expect(gaps).toEqual([
      { extent: "exact", from: kept(1, 0, "main+gone"), to: kept(1, 1, "main+gone"), reason: "expired" },
    ]);
  });

  test("R13 a replay keeps within the credit, a piece a turn, and the router stays awake for it", () => {
    const rig = rigOf().join("p", 2, []);
    const payload = new Uint8Array(LIMITS.deliverFrameBytes);
    for (let seq = 1; seq <= 4; seq++) settle(rig.receive("p", publish(seq, { ...segment("k/a"), payload })));
    back(rig, "s", [kept(1, 0)]);
    const seqs = () => rig.takeOf("s", "deliver").flatMap((f) => f.frames.map((one) => one.seq));
    expect(seqs()).toEqual([1]);
    rig.pass(LIMITS.checkpointMs);
    expect(rig.store.checkpoint).toBeUndefined();
    settle(rig.receive("p", publish(5, segment("k/a", "live"))));
    expect(seqs()).toEqual([]);
    const credit = (seq: number) =>
      rig.receive("s", { type: "credit", position: kept(1, seq), window: 1 << 20 }).turn();
    for (let seq = 1; seq <= 3; seq++) {
      credit(seq);
      expect(seqs()).toEqual([seq + 1]);
    }
    credit(4);
    const frames = rig.take("s");
    expect(delivered(frames).flatMap(textsOf)).toEqual(["live"]);
    expect(frames.at(-1)).toMatchObject({ type: "recovered", complete: true });
  });

  test("R11 so much is read in one turn for all readers, and the next one comes at once", () => {
    const rig = rigOf().join("p", 2, []);
    const payload = new Uint8Array(LIMITS.deliverFrameBytes);
    const count = (2 * LIMITS.replayTurnBytes) / LIMITS.deliverFrameBytes;
    for (let seq = 1; seq <= count; seq++) {
      settle(rig.receive("p", publish(seq, { ...segment("k/a"), payload })));
    }
    const wide = { ...RESUME, window: LIMITS.readerWindowBytesMax };
    for (const n of [1, 3]) rig.receive(`s${n}`, hello(n, 1, "t", wide), subscribe(["k/"], 1, [kept(1, 0)]));
    rig.turn();
    const sent = () => ["s1", "s3"].map((trunk) => delivered(rig.take(trunk)).length);
    const perTurn = count / 4;
    expect(sent()).toEqual([perTurn, perTurn]);
    expect(rig.router.deadlineMs).toBe(rig.nowMs);
    for (let turn = 1; turn < 4; turn++) {
      rig.turn();
      expect(sent()).toEqual([perTurn, perTurn]);
    }
  });

  test("R4 rows that expire while they are replayed are a gap", () => {
    const rig = rigOf(policy("k/", { seconds: 10 })).join("p", 2, []);
    const payload = new Uint8Array(LIMITS.deliverFrameBytes - 100);
    for (let seq = 1; seq <= 4; seq++) settle(rig.receive("p", publish(seq, { ...segment("k/a"), payload })));
    back(rig, "s", [kept(1, 0)]);
    rig.take("s");
    rig.pass(9_000);
    settle(rig.receive("p", publish(5, segment("k/a", "young"))));
    rig.pass(1_000);
    rig.receive("s", { type: "credit", position: kept(1, 2), window: 1 << 20 }).turn();
    const frames = rig.take("s");
    expect(frames).toMatchObject([
      { type: "gap", gap: { from: kept(1, 2), to: kept(1, 4), reason: "expired" } },
      { type: "deliver" },
      { type: "recovered", complete: false },
    ]);
  });

  test("R2 a router that lost its memory while it replayed does not take the reader for live", () => {
    const rig = rigOf().join("p", 2, []);
    const payload = new Uint8Array(LIMITS.deliverFrameBytes - 100);
    for (let seq = 1; seq <= 4; seq++) settle(rig.receive("p", publish(seq, { ...segment("k/a"), payload })));
    rig.pass(LIMITS.checkpointMs);
    expect(rig.store.checkpoint).toBeDefined();
    back(rig, "s", [kept(1, 0)]);
    expect(rig.store.checkpoint).toBeUndefined();
    rig.restart("kept").turn();
    expect(rig.closes.map((c) => [c.trunk, c.reason])).toContainEqual(["s", "restarted"]);
  });

  test("R12 a reader of kept events that falls behind is sent them from where they are kept, none is dropped", () => {
    const terms = { ...RESUME, window: 1000, queue: 5000 };
    const rig = rigOf().join("s", 1, [""], 1, terms).join("p", 2, []);
    const text = "x".repeat(900);
    for (let seq = 1; seq <= 20; seq++) say(rig, seq, "k/a", `${seq}`.padEnd(900, "x"));
    for (let seq = 21; seq <= 40; seq++) say(rig, seq, "plain", text);
    const seqs: number[] = [];
    const gaps: string[] = [];
    for (let turn = 0; turn < 60; turn++) {
      let last: Position | undefined;
      for (const frame of rig.take("s")) {
        if (frame.type === "gap") gaps.push(frame.gap.from.router);
        if (frame.type !== "deliver") continue;
        last = { router: frame.router, incarnation: frame.incarnation, seq: frame.frames.at(-1)!.seq };
        if (frame.router === "main+k/") seqs.push(...frame.frames.map((one) => one.seq));
      }
      if (last !== undefined) rig.receive("s", { type: "credit", position: last, window: 1000 }).turn();
      rig.pass(1);
    }
    expect(seqs).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(new Set(gaps)).toEqual(new Set(["main"]));
    say(rig, 41, "k/a", "live");
    expect(rig.takeOf("s", "deliver")).toMatchObject([{ router: "main+k/", prev: 20 }]);
  });

  test("a trunk that does not say resume gets one stream, gaps and no replay", () => {
    const rig = rigOf().join("p", 2, []);
    say(rig, 1, "k/a", "1");
    rig.receive("s", hello(1), subscribe(["k/"], 1, [{ router: "main", incarnation: 1, seq: 0 }])).turn();
    const frames = rig.take("s");
    expect(frames.map((f) => f.type)).toEqual(["welcome", "subscribed"]);
    expect(frames[1]).toMatchObject({ gaps: [{ extent: "exact", reason: "away" }] });
  });
});
