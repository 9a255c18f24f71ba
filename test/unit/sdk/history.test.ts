/** History on the engine: what of the past a subscription begins with. */
import { describe, expect, test } from "vitest";
import { parsePrefix } from "../../../src/protocol/topic.ts";
import { at, deliver, INSTANCE, OTHER, rig, sequenced, subscribed } from "./engine-rig.ts";

const prefix = parsePrefix("zeek/");

describe("history", () => {
  const history = {
    ...deliver([sequenced(2, OTHER, 2), sequenced(3, INSTANCE, 1)]),
    replay: "history",
  } as const;

  test("N-18 is asked for with the subscription, also when that had no answer before a new connection", () => {
    const { engine, sent, say, open, lose } = rig();
    open();
    sent();
    const first = engine.subscribe([prefix], { last: 5 });
    expect(sent()).toMatchObject([{ type: "subscribe", options: { history: { last: 5 } } }]);
    lose();
    open(1_000);
    expect(sent()).toMatchObject([{ type: "subscribe", id: first, options: { history: { last: 5 } } }]);
    say(subscribed(first, 9));
    lose(2_000);
    open(3_000);
    expect(sent()).toMatchObject([{ type: "subscribe", positions: [at(9)], options: {} }]);
  });

  test("names positions as the protocol does", () => {
    const { engine, sent, open } = rig();
    open();
    sent();
    engine.subscribe([prefix], { positions: [at(4)] });
    expect(sent()).toMatchObject([{ options: { history: { positions: [["main", 1, 4]] } } }]);
  });

  test("N-9 N-18 is marked, does not move the position, and is no repeat", () => {
    const { engine, sent, told, say, open, lose } = rig();
    open();
    say(subscribed(engine.subscribe([prefix], { last: 5 }), 9));
    told();
    say(deliver([sequenced(10, OTHER, 5)]));
    say(history);
    const all = told().flatMap((e) => (e.type === "delivery" ? e.runs : []));
    expect(all.map(({ isHistory, isOwn }) => [isHistory, isOwn])).toEqual([
      [false, false],
      [true, false],
      [true, true],
    ]);
    lose();
    open(1_000);
    expect(sent()).toMatchObject([{ positions: [at(10)] }]);
  });
});
