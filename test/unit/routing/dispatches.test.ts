/** Events for one node of a pool at a router: every schedule of reader, sender and router. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import { parseTopic } from "../../../src/protocol/topic.ts";
import { policy } from "../../support/kept-rig.ts";
import { hello, publish, RouterRig, segment, subscribe, unsubscribe } from "../../support/router-rig.ts";

const NODE = "node/a/";
const VIEW = { life: "m", number: 1, pools: 7 };

function event(id: number, topic = NODE, text = `e${id}`) {
  return { id, topic: parseTopic(topic), count: 1, payload: segment(topic, text).payload };
}

function events(ids: readonly number[], { topic = NODE, repeat = false } = {}): Frame {
  return { type: "poolEvents", repeat, view: VIEW, events: ids.map((id) => event(id, topic)) };
}

function credit(seq: number, router = "main"): Frame {
  return { type: "credit", position: { router, incarnation: 1, seq }, window: 1_000 };
}

/** Answers to a sender: handled ids, and refused ones with their codes. */
function answers(rig: RouterRig, trunk = "sender"): unknown[] {
  return rig.take(trunk).flatMap((frame) => {
    if (frame.type === "handled") return frame.done.map(({ id, by }) => `${id} by ${by}`);
    return frame.type === "unhandled" ? [`${id(frame)} ${frame.code}`] : [];
  });
}

const id = (frame: { readonly id: number }): number => frame.id;

function rigWith(): RouterRig {
  return new RouterRig().join("a", 1, [NODE]).join("b", 2, ["node/b/"]).join("sender", 9, []);
}

describe("R33 M-11 an event for one node", () => {
  test("goes to whoever subscribes to its very topic, and its sender hears when that one has consumed it", () => {
    const rig = rigWith().join("all", 3, [""]).join("longer", 4, ["node/a/b"]);
    rig.receive("sender", events([1, 2])).turn();
    expect(rig.takeTexts("a")).toEqual(["e1", "e2"]);
    expect(rig.takeTexts("all")).toEqual(["e1", "e2"]);
    expect(rig.takeTexts("longer")).toEqual([]);
    expect(answers(rig)).toEqual([]);
    rig.receive("all", credit(2)).turn();
    expect(answers(rig)).toEqual([]);
    rig.receive("a", credit(1)).turn();
    expect(answers(rig)).toEqual([]);
    rig.receive("a", credit(2)).turn();
    expect(answers(rig)).toEqual([`1 by ${NODE}`, `2 by ${NODE}`]);
  });

  test("goes nowhere when nobody is at its topic, whoever takes what is under it", () => {
    const rig = rigWith().join("all", 3, [""]);
    rig.receive("sender", events([1], { topic: "node/c/" }), publish(1, segment("t"))).turn();
    expect(answers(rig)).toEqual(["1 no_receiver"]);
    expect(rig.takeTexts("all")).toEqual(["t"]);
    expect(rig.router.ledger.publishers).toMatchObject({ received: 2, published: 1, refused: 1 });
  });

  test("goes to its sender, too, when that is the node", () => {
    const rig = rigWith();
    rig.receive("a", events([1])).turn();
    expect(rig.takeTexts("a")).toEqual(["e1"]);
    rig.receive("a", credit(1)).turn();
    expect(answers(rig, "a")).toEqual([`1 by ${NODE}`]);
  });

  test("is unhandled when its node goes before it says so, and handled when it went after", () => {
    const rig = rigWith();
    rig.receive("sender", events([1])).turn();
    rig
      .receive("a", credit(1))
      .receive("sender", events([2]))
      .turn();
    rig.closed("a").turn();
    expect(answers(rig)).toEqual([`1 by ${NODE}`, "2 unhandled"]);
  });

  test("is unhandled when its node is superseded, or unsubscribes", () => {
    const rig = rigWith();
    rig.receive("sender", events([1], { topic: "node/b/" })).turn();
    rig.receive("b2", hello(2, 2), subscribe(["node/b/"])).turn();
    expect(answers(rig)).toEqual(["1 unhandled"]);
    rig.receive("sender", events([2])).turn();
    rig.receive("a", unsubscribe([NODE], 2)).turn();
    expect(answers(rig)).toEqual(["2 unhandled"]);
  });

  test("is unhandled when its node is too slow and drops it", () => {
    for (const [overflow, dropped] of [
      ["drop_oldest", 2],
      ["drop_newest", 3],
    ] as const) {
      const rig = new RouterRig().join("a", 1, [NODE], 1, { window: 1, queue: 60, overflow });
      rig.join("sender", 9, []);
      for (const n of [1, 2, 3]) rig.receive("sender", events([n])).turn();
      expect(answers(rig)).toEqual([`${dropped} unhandled`]);
      rig.receive("a", credit(1)).turn();
      rig.receive("a", credit(5 - dropped)).turn();
      expect(answers(rig)).toEqual([`1 by ${NODE}`, `${5 - dropped} by ${NODE}`]);
    }
  });

  test("with two lives of its node ends with the first that has consumed it, or the last that goes", () => {
    const rig = rigWith().join("other", 5, [NODE]);
    rig.receive("sender", events([1])).turn();
    rig.receive("sender", events([2])).turn();
    rig.receive("other", credit(1)).turn();
    rig.closed("a").turn();
    rig.closed("other").turn();
    expect(answers(rig)).toEqual([`1 by ${NODE}`, "2 unhandled"]);
  });

  test("is told once when several turns and credits concern it", () => {
    const rig = rigWith();
    rig.receive("sender", events([1])).turn();
    rig.receive("a", credit(1)).turn();
    rig.receive("a", credit(1)).turn().closed("a").turn();
    expect(answers(rig)).toEqual([`1 by ${NODE}`]);
  });
});

describe("R33 M-13 a sender that comes back", () => {
  test("is told what was handled meanwhile, and waits for what is under way: nothing is sent again", () => {
    const rig = rigWith();
    rig.receive("sender", events([1])).turn();
    rig.receive("sender", events([2])).turn();
    expect(rig.takeTexts("a")).toHaveLength(2);
    rig.closed("sender").turn();
    rig.receive("a", credit(1)).turn();
    rig.receive("again", hello(9, 2), events([1, 2], { repeat: true })).turn();
    expect(answers(rig, "again")).toEqual([`1 by ${NODE}`]);
    rig.receive("a", credit(2)).turn();
    expect(answers(rig, "again")).toEqual([`2 by ${NODE}`]);
    expect(rig.takeTexts("a")).toEqual([]);
    expect(rig.router.ledger.publishers).toMatchObject({ received: 4, published: 2, repeats: 2 });
  });

  test("sends again what the router lost with its memory, and what its node left behind meanwhile", () => {
    const rig = rigWith();
    rig.receive("sender", events([1])).turn();
    rig.closed("sender").closed("a").turn();
    rig.join("a", 1, [NODE], 2);
    rig.receive("again", hello(9, 2), events([1], { repeat: true })).turn();
    expect(rig.takeTexts("a")).toEqual(["e1"]);
    rig.restart("closed");
    rig.join("a", 1, [NODE], 3);
    rig.receive("third", hello(9, 3), events([1], { repeat: true })).pass(LIMITS.coldGraceMs);
    expect(rig.takeTexts("a")).toEqual(["e1"]);
  });

  test("moves an event with a new choice; a repeat of an old one holds on to it", () => {
    const rig = rigWith();
    rig.receive("sender", events([1])).turn();
    rig.receive("sender", events([1], { topic: "node/b/", repeat: true })).turn();
    expect(rig.takeTexts("b")).toEqual([]);
    rig.receive("sender", events([1], { topic: "node/b/" })).turn();
    expect(rig.takeTexts("b")).toEqual(["e1"]);
    // The node that it was taken from says that it has it all the same: that is nobody's business any more.
    rig.receive("a", credit(2)).turn();
    expect(answers(rig)).toEqual([]);
    rig.receive("b", credit(2)).turn();
    expect(answers(rig)).toEqual(["1 by node/b/"]);
    rig.receive("sender", events([1])).turn();
    expect(answers(rig)).toEqual(["1 by node/b/"]);
  });

  test("goes to the next life of a node while the one before it has its connection", () => {
    const rig = rigWith();
    rig.receive("sender", events([1])).turn();
    rig.receive("next", hello(7), subscribe([NODE])).turn();
    rig.receive("sender", events([1])).turn();
    expect(rig.takeTexts("next")).toEqual(["e1"]);
  });

  test("is forgotten past the bound of what was handled", () => {
    const rig = rigWith();
    const ids = Array.from({ length: LIMITS.handledMax + 1 }, (_, i) => i + 1);
    rig.receive("sender", events(ids)).turn();
    for (let left = ids.length; left > 0; left -= answers(rig).length) {
      rig.receive("a", credit(ids.length)).turn();
    }
    rig.take("a");
    rig.receive("sender", events([1], { repeat: true }), events([2], { repeat: true })).turn();
    expect(rig.takeTexts("a")).toEqual(["e1"]);
  });
});

describe("R33 and what else routers do", () => {
  test("R6 a cold router answers nothing before its readers had time to come back", () => {
    const rig = rigWith();
    rig.restart("closed");
    rig.receive("sender", hello(9, 2), events([1])).turn();
    expect(answers(rig)).toEqual([]);
    rig.join("a", 1, [NODE], 2).join("b", 2, ["node/b/"], 2);
    rig.turn();
    rig.pass(LIMITS.coldGraceMs);
    expect(rig.takeTexts("a")).toEqual(["e1"]);
  });

  test("R5 receivers see numbers of one publisher that rise, whoever sends, another one after a crash", () => {
    const rig = rigWith().join("second", 8, []);
    rig
      .receive("sender", events([7]))
      .receive("second", events([3]))
      .turn();
    rig.receive("sender", events([5])).turn();
    const seen = () =>
      rig.takeOf("a", "deliver").flatMap(({ frames }) => frames.map((f) => [f.publisher, f.publisherSeq]));
    const [[publisher]] = seen() as [[string]];
    rig.restart("closed");
    rig
      .join("a", 1, [NODE], 2)
      .receive("third", hello(9, 2), events([1]))
      .pass(LIMITS.coldGraceMs);
    expect(seen().map(([other]) => other === publisher)).toEqual([false]);
  });

  test("R10 on topics that are kept it is stored, replayed, and handled when its replay is consumed", () => {
    const rig = new RouterRig([policy("node/")]);
    rig.join("a", 1, [NODE], 1, { resume: true, window: 1, queue: 1 }).join("sender", 9, []);
    for (const n of [1, 2, 3])
      rig
        .receive("sender", events([n]))
        .turn()
        .pass(LIMITS.keepIntervalMs);
    expect(rig.takeTexts("a")).toEqual(["e1"]);
    // While it is sent what waits for it, it takes nothing new.
    expect(answers(rig)).toEqual(["3 no_receiver"]);
    for (const seq of [1, 2]) rig.receive("a", credit(seq, "main+node/")).turn().turn();
    expect(rig.takeTexts("a")).toEqual(["e2"]);
    expect(answers(rig)).toEqual([1, 2].map((n) => `${n} by ${NODE}`));
  });
});
