/** A native session and the former owners of topics: whom it visits, whom it asks, and when it leaves them. Rule 8. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Frame, Position } from "../../../src/protocol/frame.ts";
import { StreamRepeats } from "../../../src/protocol/stream-repeats.ts";
import { TAKEN, TakenElsewhere, takenOption } from "../../../src/protocol/taken-elsewhere.ts";
import { parsePrefix, toBytes } from "../../../src/protocol/topic.ts";
import { json, publish, say, type Rig } from "../../support/native-rig.ts";
import { hello, instance, subscribe } from "../../support/router-rig.ts";
import { nativeRig, position, published } from "../../support/session-rig.ts";

/** The table of the rig has main, and two for "two/". */
const FORMER = [{ name: "old", prefix: parsePrefix("k/") }];
const OWN = { prefix: toBytes(parsePrefix("k/")), isOwn: true };

const greeted = (former = FORMER): Rig => {
  const rig = say(nativeRig({ former }), {
    ...hello(7),
    options: { encodings: ["json"], resume: true },
  } as Frame);
  rig.takeFrames();
  return rig;
};
const welcome = (endpoint: string, options = {}): Frame => ({
  type: "welcome",
  version: 1,
  endpoint,
  options,
});
const subscribed = (positions: readonly Position[], id = 1, gaps = []): Frame => ({
  type: "subscribed",
  id,
  positions,
  gaps,
});
const again = (seq: number, topic = "k/x") => publish(seq, [json(topic, seq)], true);

describe("R8 N-17 a subscription visits", () => {
  test("former owners, and leaves them when all that they kept has come", () => {
    const rig = say(greeted(), subscribe(["k/"], 1, [position("main+k/", 5)])).connect();
    expect(rig.open).toEqual(["old", "main"]);
    expect(rig.atRouterOf("old", "subscribe")).toMatchObject([{ positions: [], options: { back: true } }]);
    expect(rig.atRouterOf("main", "subscribe")).toMatchObject([
      { positions: [position("main+k/", 5)], options: { back: true } },
    ]);
    rig.from("main", subscribed([position("main+k/", 5)]));
    expect(rig.takeFrames()).toEqual([]);
    rig.from("old", subscribed([position("old+k/", 0, 0)]));
    expect(rig.takeFrames()).toMatchObject([
      { type: "subscribed", positions: [position("main+k/", 5), position("old+k/", 0, 0)] },
    ]);
    expect(rig.atRouter("old")).toEqual([]);
    rig.from("old", { type: "recovered", position: position("old+k/", 9), complete: true });
    expect(rig.atRouter("old")).toMatchObject([{ type: "unsubscribe", prefixes: ["k/"] }]);
    expect(rig.atRouter("main")).toEqual([]);
    expect(rig.takeFrames()).toMatchObject([{ type: "recovered", position: position("old+k/", 9) }]);
  });

  test("a router of the position that no table knows", () => {
    const rig = say(greeted([]), subscribe(["k/"], 1, [position("gone+k/", 5), position("two+z/", 5)]));
    expect(rig.opening).toEqual(["gone", "main"]);
  });

  test("former owners also for one that is new: to learn where it stands there, and their histories", () => {
    const rig = say(greeted(), subscribe(["k/"])).connect();
    expect(rig.atRouterOf("old", "subscribe")).toMatchObject([{ positions: [], options: {} }]);
    rig.from("old", subscribed([position("old+k/", 9)]));
    expect(rig.atRouter("old")).toMatchObject([{ type: "unsubscribe", prefixes: ["k/"] }]);
  });

  test("a former owner again, from where the reader stands, when the trunk is lost before all has come", () => {
    const rig = say(greeted(), subscribe(["k/"], 1, [position("old+k/", 5)])).connect();
    rig.from("old", subscribed([position("old+k/", 5)])).lose("old");
    rig.pass(LIMITS.trunkRetryMs).connect("old");
    expect(rig.atRouterOf("old", "subscribe").at(-1)).toMatchObject({ positions: [position("old+k/", 5)] });
  });

  test("nobody for a peer that does not resume", () => {
    const rig = say(nativeRig({ former: FORMER }), hello(7), subscribe(["k/"]));
    expect(rig.opening).toEqual(["main"]);
  });

  test("no longer what the peer has unsubscribed from", () => {
    const rig = say(greeted(), subscribe(["k/"], 1, [position("old+k/", 5)])).connect();
    rig.from("main", subscribed([position("main+k/", 5)])).from("old", subscribed([position("old+k/", 5)]));
    rig.atRouter("old");
    say(rig, { type: "unsubscribe", id: 2, prefixes: [parsePrefix("k/")] });
    expect(rig.atRouter("old")).toMatchObject([{ type: "unsubscribe", prefixes: ["k/"] }]);
  });

  test(`at most ${LIMITS.formerRoutersMax} routers outside of the table; one more is refused`, () => {
    const from = (count: number) => Array.from({ length: count }, (_, i) => position(`gone-${i}+k/`, 1));
    const taken = say(greeted([]), subscribe(["k/"], 1, from(LIMITS.formerRoutersMax)));
    expect(taken.opening).toHaveLength(LIMITS.formerRoutersMax + 1);
    const refused = say(greeted([]), subscribe(["k/"], 1, from(LIMITS.formerRoutersMax + 1)));
    expect(refused.opening).toEqual([]);
    expect(refused.takeFrames()).toMatchObject([{ type: "error", id: 1, code: "too_many" }]);
  });
});

describe("R8 T-10 N-6 what is published again", () => {
  test("waits for former owners, and does not go where they have taken it; it is acknowledged in its place", () => {
    const rig = say(greeted(), again(3), again(4), publish(5, [json("k/x", 5)]));
    expect(rig.opening).toEqual(["old"]);
    rig.connect().from("old", welcome("old", { [TAKEN]: takenOption([{ rows: [OWN], seq: 3 }]) }));
    rig.connect("main");
    const atMain = rig.atRouterOf("main", "publish");
    expect(atMain.map(({ seq, segments }) => [seq, segments.length])).toEqual([
      [3, 0],
      [4, 1],
      [5, 1],
    ]);
    rig.from("main", published("main", 5));
    expect(rig.takeFrames().at(-1)).toMatchObject({ type: "published", seq: 5 });
    expect(rig.session.ledger.publishers).toMatchObject({ repeats: 1, acknowledged: 2 });
  });

  test("asks until they answer", () => {
    const rig = say(greeted(), again(3)).connect("old").lose("old");
    rig.pass(LIMITS.trunkRetryMs);
    expect(rig.opening).toEqual(["old"]);
    rig.connect().from("old", welcome("old"));
    expect(rig.connect("main").atRouterOf("main", "publish")).toMatchObject([{ seq: 3, repeat: true }]);
  });

  test("asks nobody of topics that have not moved", () => {
    expect(say(greeted(), again(3, "other")).opening).toEqual(["main"]);
  });

  test("what is new waits too: a former owner of the table before could be sent it again by another session", () => {
    const rig = say(greeted(), publish(3, [json("k/x", 3)]));
    expect(rig.opening).toEqual(["old"]);
    rig.connect().from("old", welcome("old"));
    expect(rig.connect("main").atRouterOf("main", "publish")).toMatchObject([{ seq: 3, repeat: false }]);
  });

  test("R1 what is new and was taken elsewhere came over a newer connection: this one has no more to say", () => {
    const taken = (seq: number) => welcome("old", { [TAKEN]: takenOption([{ rows: [OWN], seq }]) });
    const rig = say(greeted(), publish(3, [json("k/x", 3)])).connect();
    rig.from("old", taken(2));
    expect(rig.closed).toBeUndefined();
    const late = say(greeted(), publish(3, [json("k/x", 3)])).connect();
    late.from("old", taken(3));
    expect(late.closed).toEqual({ code: 1008, reason: "superseded" });
    expect(late.opening).toEqual([]);
  });

  test("an option of a router that is malformed is an error", () => {
    for (const option of [1, [1], [["x", []]], [[1, ["k/", true]]]]) {
      expect(() => new TakenElsewhere().welcomed("old", { [TAKEN]: option })).toThrow(
        expect.objectContaining({ code: "invalid_message" }),
      );
    }
  });
});

describe("R5 repeats", () => {
  const p = instance(1);

  test("are removed in streams that are not kept, while the table is the same", () => {
    const repeats = new StreamRepeats();
    repeats.under("t");
    const isRepeat = () => repeats.isRepeat("main", p, 5);
    expect([isRepeat(), isRepeat()]).toEqual([false, true]);
    repeats.under("t");
    expect(isRepeat()).toBe(true);
    repeats.under("u");
    expect(isRepeat()).toBe(false);
    repeats.under("t");
    expect(isRepeat()).toBe(true);
  });

  test(`of ${LIMITS.receiverTablesMax} tables are remembered; one more forgets the one that was in force first`, () => {
    const repeats = new StreamRepeats();
    const isRepeat = (table: number) => {
      repeats.under(table);
      return repeats.isRepeat("main", p, 5);
    };
    for (let table = 0; table < LIMITS.receiverTablesMax; table++) expect(isRepeat(table)).toBe(false);
    expect(isRepeat(0)).toBe(true);
    expect(isRepeat(LIMITS.receiverTablesMax)).toBe(false);
    expect([isRepeat(0), isRepeat(1)]).toEqual([true, false]);
  });

  test("are none where all is kept: a lower number there is one that came later", () => {
    const repeats = new StreamRepeats();
    expect([6, 5].map((seq) => repeats.isRepeat("main+k/", p, seq))).toEqual([false, false]);
  });
});
