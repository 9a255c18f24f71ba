/** Credit on the engine: what is told, when, and what a reader that stopped can cost. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { encodeFrame } from "../../../src/protocol/frame-codec.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import { parsePrefix } from "../../../src/protocol/topic.ts";
import type { Delivery } from "../../../src/sdk/credit-ledger.ts";
import { at, deliver, deliveries, OTHER, rig, sequenced, subscribed, WINDOW } from "./engine-rig.ts";

const prefix = parsePrefix("zeek/");
const QUARTER = WINDOW / 4;

/** A subscribed client, and deliveries of about the size asked for to it. */
function reader(windowBytes = WINDOW) {
  const it = rig({ windowBytes });
  it.open();
  it.say(subscribed(it.engine.subscribe([prefix]), 0));
  it.effects();
  let seq = 0;
  const arrive = (bytes: number, nowMs = 0): Delivery => {
    seq++;
    it.say(deliver([sequenced(seq, OTHER, seq, bytes)]), nowMs);
    return deliveries(it.effects())[0]!;
  };
  const take = (delivery: Delivery, nowMs = 0) => {
    if (delivery.release()) it.engine.taken(nowMs);
  };
  const credits = () => it.sent().filter((frame) => frame.type === "credit");
  return { ...it, arrive, take, credits };
}

const credit = (seq: number, window = WINDOW): Frame => ({ type: "credit", position: at(seq), window });

describe("N-19 credit is told", () => {
  test("creditMs after something was taken, once for all", () => {
    const { engine, arrive, take, credits } = reader();
    take(arrive(100), 10);
    take(arrive(100), 20);
    expect(credits()).toEqual([]);
    expect(engine.deadlineMs).toBe(10 + LIMITS.creditMs);
    engine.tick(10 + LIMITS.creditMs - 1);
    expect(credits()).toEqual([]);
    engine.tick(10 + LIMITS.creditMs);
    expect(credits()).toEqual([credit(2)]);
    engine.tick(10 + 2 * LIMITS.creditMs);
    expect(credits()).toEqual([]);
  });

  test("at once when a quarter of the window is taken, and not one byte before", () => {
    const { arrive, take, credits } = reader();
    const first = arrive(100);
    const second = arrive(QUARTER - 2 * first.bytes);
    take(first);
    expect(second.bytes).toBeLessThan(QUARTER);
    take(second);
    expect(credits()).toEqual([]);
    const { bytes } = second;
    take(arrive(QUARTER - first.bytes - bytes));
    expect(credits()).toEqual([credit(3)]);
  });

  test("only up to what every holder has taken, in order", () => {
    const { engine, arrive, take, credits } = reader();
    const first = arrive(QUARTER);
    first.hold();
    take(first);
    take(arrive(QUARTER));
    expect(credits()).toEqual([]);
    expect(engine.heldBytes).toBeGreaterThan(2 * QUARTER);
    take(first);
    expect(credits()).toEqual([credit(2)]);
    expect(engine.heldBytes).toBe(0);
  });

  test("for all streams at once, in the order in which they were consumed", () => {
    const { engine, say, take, effects, arrive, credits } = reader();
    const first = arrive(100);
    say(deliver([sequenced(5, OTHER, 5, QUARTER)], "main+kept/"));
    const [second] = deliveries(effects());
    take(second!);
    expect(credits()).toEqual([]);
    take(first);
    expect(credits()).toEqual([
      credit(1),
      { type: "credit", position: { ...at(5), router: "main+kept/" }, window: WINDOW },
    ]);
    expect(engine.heldBytes).toBe(0);
  });

  test("for what nobody wants, too: repeats and events of no subscriber", () => {
    const { engine, say, take, effects, credits } = reader();
    say(deliver([sequenced(5, OTHER, 5)]));
    say(deliver([sequenced(6, OTHER, 5)]));
    for (const delivery of deliveries(effects())) take(delivery);
    engine.tick(LIMITS.creditMs);
    expect(credits()).toEqual([credit(6)]);
  });
});

describe("a reader that stopped", () => {
  test("is told nothing less than its window after a reconnect minus what it holds", () => {
    const { arrive, open, lose, effects } = reader();
    const held = arrive(QUARTER).bytes;
    effects();
    lose();
    expect(open(1_000)).toMatchObject([{ options: { window: WINDOW - held } }]);
  });

  test("asks for nothing more while it holds a whole window, and comes back when it holds less", () => {
    const { engine, arrive, open, lose, sent, take } = reader();
    const first = arrive(100);
    const second = arrive(WINDOW);
    const pending = engine.subscribe([parsePrefix("more/")]);
    sent();
    lose();
    expect(open(1_000)).toMatchObject([{ options: { window: 1 } }]);
    expect(sent()).toEqual([]);
    engine.subscribe([parsePrefix("and/more/")]);
    take(first);
    expect(sent()).toEqual([]);
    take(second);
    expect(sent().filter((frame) => frame.type === "subscribe")).toMatchObject([
      { prefixes: ["zeek/"], positions: [at(2)] },
      { id: pending, prefixes: ["more/"] },
      { prefixes: ["and/more/"] },
    ]);
  });

  test("gets its window back step by step as it takes what is left of earlier connections", () => {
    const { engine, arrive, open, lose, say, take, sent, credits } = reader();
    const first = arrive(100);
    const second = arrive(QUARTER);
    lose();
    open(1_000);
    const [resume] = sent();
    say(subscribed((resume as { id: number }).id, 2), 1_000);
    engine.tick(1_000);
    expect(credits()).toEqual([credit(2, WINDOW - first.bytes - second.bytes)]);
    take(first, 1_000);
    engine.tick(1_000 + LIMITS.creditMs);
    expect(credits()).toEqual([credit(1, WINDOW - second.bytes)]);
    take(second, 2_000);
    expect(credits()).toEqual([credit(2)]);
  });

  test("holds at most its window and one delivery, however often it is disconnected", () => {
    const { engine, open, lose, sent, say, effects } = reader();
    let seq = 0;
    let mostBytes = 0;
    const frameBytes = encodeFrame(deliver([sequenced(1_000_000, OTHER, 1_000_000, 5_000)])).length;
    // A fabric that sends as much as it may: at least one delivery, then while less than the window is under way.
    const serve = (windowBytes: number) => {
      for (let underWay = 0; underWay === 0 || underWay < windowBytes; underWay += frameBytes) {
        seq++;
        say(deliver([sequenced(seq, OTHER, seq, 5_000)]));
      }
      effects();
      mostBytes = Math.max(mostBytes, engine.heldBytes);
    };
    serve(WINDOW);
    for (let round = 0; round < 20; round++) {
      lose(round);
      const [hello] = open(1_000 * round);
      const window = (hello as unknown as { options: { window: number } }).options.window;
      if (sent().some((frame) => frame.type === "subscribe")) serve(window);
    }
    expect(mostBytes).toBeGreaterThan(WINDOW / 2);
    expect(mostBytes).toBeLessThan(WINDOW + frameBytes);
  });
});
