import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Options, Position } from "../../../src/protocol/frame.ts";
import { Departed } from "../../../src/routing/departed.ts";
import { RouterLedger } from "../../../src/routing/ledger.ts";
import { kept, RESUME, rigOf, say } from "../../support/kept-rig.ts";
import {
  hello,
  instance,
  publish,
  RouterRig,
  segment,
  subscribe,
  unsubscribe,
} from "../../support/router-rig.ts";

const SIZE = 1_000;
/** Events of SIZE bytes each, one a segment. */
const events = (topic: string, count: number) =>
  Array.from({ length: count }, () => segment(topic, "x".repeat(SIZE)));
const position = (seq: number, incarnation = 1): Position => ({ router: "main", incarnation, seq });
const credit = (seq: number, window = 1) => ({ type: "credit", position: position(seq), window }) as const;
/** One reader of "t" on these terms, and a publisher. */
const rigWith = (terms: Options) => new RouterRig().join("s", 1, ["t"], 1, terms).join("p", 2, []);
const shout = (rig: RouterRig, from: number, to: number) => {
  for (let seq = from; seq <= to; seq++) rig.receive("p", publish(seq, ...events("t", 1))).turn();
  return rig;
};
const { ledger: none } = new RouterRig().router;

describe("publishers", () => {
  test("R38 events are received, held, published, or repeats", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).pass(LIMITS.checkpointMs).restart("closed");
    rig.receive("p", hello(2), publish(1, segment("t", "a", 3))).turn();
    expect(rig.router.ledger.publishers).toEqual({
      received: 3,
      published: 0,
      repeats: 0,
      refused: 0,
      held: 3,
    });
    rig.pass(LIMITS.coldGraceMs);
    rig.receive("p", publish(1, segment("t", "a", 3)), publish(2, segment("t"), segment("u"))).turn();
    expect(rig.router.ledger.publishers).toEqual({
      received: 8,
      published: 5,
      repeats: 3,
      refused: 0,
      held: 0,
    });
  });
});

describe("readers", () => {
  test("R38 events are offered to each reader that they match, are under way, and then delivered", () => {
    const rig = rigWith({}).join("s2", 3, ["t"]).join("s3", 4, ["other"]);
    rig.receive("p", publish(1, segment("t", "ab", 2))).turn();
    expect(rig.router.ledger.readers).toMatchObject({ offered: 4, delivered: 0, inFlight: 4 });
    rig.receive("s", credit(1)).turn();
    expect(rig.router.ledger.readers).toMatchObject({ offered: 4, delivered: 2, inFlight: 2 });
    rig.receive("s2", credit(1)).turn();
    expect(rig.router.ledger.readers).toMatchObject({ offered: 4, delivered: 4, inFlight: 0 });
  });

  test.each(["drop_oldest", "drop_newest"] as const)(
    "R38 R13 %s at the bound, and one past it",
    (overflow) => {
      const rig = shout(rigWith({ overflow, window: 1, queue: 2 * SIZE + 500 }), 1, 3);
      expect(rig.router.ledger).toMatchObject({ dropped: none.dropped, readers: { inFlight: 1, queued: 2 } });
      shout(rig, 4, 4);
      expect(rig.router.ledger).toMatchObject({
        dropped: { ...none.dropped, [overflow]: 1 },
        readers: { offered: 4, inFlight: 1, queued: 2 },
        gaps: { overflow: 0 },
      });
      for (let seq = 1; seq <= 4; seq++) rig.receive("s", credit(seq)).turn();
      expect(rig.router.ledger).toMatchObject({
        readers: { offered: 4, delivered: 3, inFlight: 0, queued: 0 },
        gaps: { overflow: 1 },
      });
    },
  );

  test("R38 R13 who disconnects past its bound leaves slow_reader, and what was under way unaccounted", () => {
    const rig = shout(rigWith({ overflow: "disconnect", window: 1, queue: SIZE + 500 }), 1, 2);
    expect(rig.router.ledger.readers).toMatchObject({ inFlight: 1, queued: 1 });
    shout(rig, 3, 3);
    expect(rig.router.ledger).toMatchObject({
      dropped: { ...none.dropped, slow_reader: 2 },
      readers: { offered: 3, inFlight: 0, queued: 0, unaccounted: 1 },
    });
  });

  test("R38 what waited when a trunk ended is dropped as away, what was under way is unaccounted", () => {
    const rig = shout(rigWith({ window: 1 }), 1, 3)
      .closed("s")
      .turn();
    expect(rig.router.ledger).toMatchObject({
      dropped: { ...none.dropped, away: 2 },
      readers: { unaccounted: 1, inFlight: 0, queued: 0 },
    });
  });

  test("R38 what waited for a subscription that was given up is unsubscribed", () => {
    const rig = shout(rigWith({ window: 1 }), 1, 3);
    rig.receive("s", unsubscribe(["t"])).turn();
    expect(rig.router.ledger).toMatchObject({
      dropped: { ...none.dropped, unsubscribed: 2 },
      readers: { inFlight: 1, queued: 0 },
    });
  });
});

describe("a death", () => {
  test.each([
    [0, { delivered: 0, unaccounted: 0 }, 3],
    [2, { delivered: 2, unaccounted: 0 }, 1],
    [3, { delivered: 3, unaccounted: 0 }, 0],
  ])("R38 is settled by the position of the reader that comes back: %i of 3", (seq, readers, away) => {
    const rig = shout(rigWith({}), 1, 3).closed("s").turn();
    expect(rig.router.ledger.readers).toMatchObject({ delivered: 0, unaccounted: 3 });
    rig.receive("s2", hello(1, 2), subscribe(["t"], 1, [position(seq)])).turn();
    expect(rig.router.ledger).toMatchObject({ readers, dropped: { away }, gaps: { away: away > 0 ? 1 : 0 } });
  });

  test("R38 of a reader that is superseded is settled, too", () => {
    const rig = shout(rigWith({}), 1, 2);
    rig.receive("s2", hello(1, 2), subscribe(["t"], 1, [position(2)])).turn();
    expect(rig.router.ledger.readers).toMatchObject({ delivered: 2, unaccounted: 0 });
  });

  test("R38 stays unaccounted while nobody tells: another reader, or the same without a position", () => {
    const rig = shout(rigWith({}), 1, 2).closed("s").turn();
    rig.receive("s2", hello(9), subscribe(["t"], 1, [position(2)])).turn();
    rig.receive("s3", hello(1, 2), subscribe(["t"])).turn();
    expect(rig.router.ledger.readers).toMatchObject({ delivered: 0, unaccounted: 2 });
  });

  test("R38 is remembered for departedDeliveriesMax deliveries; one past it, the oldest stay unaccounted", () => {
    const ledger = new RouterLedger();
    const departed = new Departed(ledger);
    const leave = (n: number, deliveries: number) => {
      const flight = Array.from({ length: deliveries }, (_, i) => {
        const at = { stream: "main", incarnation: 1, last: i + 1 };
        return { ...at, size: 1, events: 1, isHistory: false };
      });
      ledger.readers.inFlight += deliveries;
      departed.left(instance(n), flight);
    };
    leave(1, 1);
    leave(2, LIMITS.departedDeliveriesMax - 1);
    departed.back(instance(1), [position(1)]);
    expect(ledger.readers).toMatchObject({ delivered: 1, unaccounted: LIMITS.departedDeliveriesMax - 1 });
    leave(1, 2);
    departed.back(instance(2), [position(LIMITS.departedDeliveriesMax)]);
    expect(ledger.readers).toMatchObject({ delivered: 1, unaccounted: LIMITS.departedDeliveriesMax + 1 });
    departed.back(instance(1), [position(2)]);
    expect(ledger.readers).toMatchObject({ delivered: 3, inFlight: 0 });
  });
});

describe("what is kept", () => {
  const reader = (rig: RouterRig, terms: Options = {}) =>
    rig.join("s", 1, ["k/"], 1, { ...RESUME, ...terms });

  test("R38 a reader that falls behind leaves it there, and it counts as replayed when the reader gets to it", () => {
    const rig = reader(rigOf(), { window: 1, queue: 1 }).join("p", 2, []);
    for (let seq = 1; seq <= 4; seq++) say(rig, seq, "k/t", "x".repeat(SIZE));
    expect(rig.router.ledger).toMatchObject({
      readers: { offered: 2, replayed: 0, inFlight: 1, withdrawn: 1 },
      dropped: none.dropped,
    });
    rig.receive("s", { type: "credit", position: kept(1, 1), window: 10 * SIZE }).turn();
    expect(rig.router.ledger.readers).toMatchObject({ delivered: 1, replayed: 3, inFlight: 3 });
  });

  test("R38 R11 what a reader missed under way comes again, and is withdrawn from what was unaccounted", () => {
    const rig = reader(rigOf()).join("p", 2, []);
    for (let seq = 1; seq <= 3; seq++) say(rig, seq, "k/t", "text");
    rig.closed("s").turn();
    expect(rig.router.ledger.readers).toMatchObject({ unaccounted: 3 });
    rig.receive("s2", hello(1, 2, "t", RESUME), subscribe(["k/"], 1, [kept(1, 1)])).turn();
    expect(rig.router.ledger.readers).toMatchObject({
      delivered: 1,
      unaccounted: 0,
      withdrawn: 2,
      replayed: 2,
      inFlight: 2,
    });
  });

  test("R38 a history counts as replayed; cut off, no position tells of it", () => {
    const rig = rigOf().join("p", 2, []);
    for (let seq = 1; seq <= 3; seq++) say(rig, seq, "k/t", "text");
    rig.receive("s", hello(1, 1, "t", RESUME), subscribe(["k/"], 1, [], { history: { last: 2 } })).turn();
    expect(rig.router.ledger.readers).toMatchObject({ offered: 0, replayed: 2, inFlight: 2 });
    rig.closed("s").turn();
    rig.receive("s2", hello(1, 2, "t", RESUME), subscribe(["k/"], 1, [kept(1, 3)])).turn();
    expect(rig.router.ledger.readers).toMatchObject({ unaccounted: 2, delivered: 0 });
  });
});

describe("sleep and crash", () => {
  test("R38 R2 the counts of a quiet router survive its sleep", () => {
    const rig = shout(rigWith({}), 1, 2);
    rig.receive("s", credit(2)).turn().pass(LIMITS.checkpointMs);
    const before = rig.router.ledger;
    expect(rig.restart().router.ledger).toEqual(before);
  });

  test("R38 what was under way when a sleep was forced is unaccounted", () => {
    const rig = shout(rigWith({}), 1, 2).pass(LIMITS.checkpointMs).restart();
    expect(rig.router.ledger).toMatchObject({
      incarnation: 1,
      readers: { offered: 2, inFlight: 0, unaccounted: 2 },
    });
  });

  test("R38 a crash loses the counts since the last checkpoint, and the incarnation tells it", () => {
    const rig = shout(rigWith({}), 1, 2);
    rig.receive("s", credit(2)).turn().pass(LIMITS.checkpointMs);
    shout(rig, 3, 5).restart("closed").pass(LIMITS.coldGraceMs);
    expect(rig.router.ledger).toMatchObject({
      incarnation: 2,
      publishers: { received: 2, published: 2 },
      readers: { offered: 2, delivered: 2, unaccounted: 0 },
      problems: [],
    });
    rig.receive("s2", hello(1, 2), subscribe(["t"], 1, [position(5)])).turn();
    expect(rig.router.ledger.gaps).toMatchObject({ restarted: 1 });
  });

  test("R38 a checkpoint of a release without a ledger is read", () => {
    const rig = shout(rigWith({}), 1, 2).pass(LIMITS.checkpointMs);
    const { counts: _, ...old } = rig.store.checkpoint!;
    rig.store.checkpoint = old;
    expect(rig.restart().router.ledger).toMatchObject({ ...none, incarnation: 1 });
  });
});

describe("problems", () => {
  const atHand = { held: 0, inFlight: 0, queued: 0 };

  test("R38 a count that was forgotten is named, and the turn fails", () => {
    const ledger = new RouterLedger();
    expect(ledger.problems(atHand)).toEqual([]);
    ledger.readers.offered += 2;
    expect(ledger.problems(atHand)).toEqual(["readers: 2 events are not accounted for"]);
    expect(() => ledger.assertBalanced()).toThrow("side of readers");
  });

  test("R38 a count that was booked twice is named", () => {
    const ledger = new RouterLedger();
    ledger.publishers.published += 1;
    expect(ledger.problems(atHand)).toEqual(["publishers: 1 events too many are accounted for"]);
    expect(() => ledger.assertBalanced()).toThrow("side of publishers");
  });

  test("R38 so is what is at hand and not booked, though the sums agree", () => {
    const ledger = new RouterLedger();
    expect(ledger.problems({ ...atHand, queued: 3 })).toEqual(["queued: 3 events, booked 0"]);
    ledger.readers.delivered -= 1;
    ledger.readers.withdrawn += 1;
    expect(ledger.problems(atHand)).toEqual(["delivered is negative: -1"]);
  });
});
