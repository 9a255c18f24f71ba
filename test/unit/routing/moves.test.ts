/** A router whose table changes: what it has taken of publishers, and what it has left of others' topics. Rules 5 and 8. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { TAKEN, TakenElsewhere } from "../../../src/protocol/taken-elsewhere.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { policiesOf } from "../../../src/routing/keeper.ts";
import { Placement, tableVersion, type Route } from "../../../src/routing/placement.ts";
import { policy } from "../../support/kept-rig.ts";
import { publish as native } from "../../support/native-rig.ts";
import { hello, publish, RouterRig, segment, subscribe } from "../../support/router-rig.ts";

const rows = (...all: readonly (readonly [name: string, prefix: string])[]): Route[] =>
  all.map(([name, prefix]) => ({ name, prefix: parsePrefix(prefix) }));
const MAIN = rows(["main", ""]);
const LOST_A = rows(["main", ""], ["other", "a/"]);
const tableOf = (routes: readonly Route[]) => ({ table: tableVersion(routes), routes });
const RESUME = { resume: true };

/** A router that keeps everything, under a table. */
const rigOf = (routes: readonly Route[]) => new RouterRig([policy("")], tableOf(routes)).turn();

/** Another table is deployed: memory and sockets go. */
function deploy(rig: RouterRig, routes: readonly Route[]): RouterRig {
  rig.table = tableOf(routes);
  return rig.restart("closed").turn();
}

/** A trunk of a publisher under the table of now; answers with the router's welcome. */
function connect(rig: RouterRig, trunk: string, n = 1, connection = 1) {
  rig.receive(trunk, hello(n, connection, rig.table!.table)).turn();
  return rig.takeOf(trunk, "welcome")[0]!.options;
}

/** What stands in the log, as text. */
const stored = (rig: RouterRig) => {
  rig.pass(LIMITS.keepIntervalMs);
  rig.receive("reader", hello(9, 9 + rig.changes.length, rig.table!.table, RESUME));
  rig.receive("reader", subscribe([""], 1, [], { history: { sinceMs: 0 } })).turn();
  return rig.takeTexts("reader");
};

describe("R8 marks of publishers hold for one table", () => {
  test("what another owner missed is taken after the move, though a later number was taken before", () => {
    // Publish 5 was for "a/", which other had, and was lost; 6 for "b" was taken here.
    const rig = rigOf(LOST_A);
    connect(rig, "p");
    rig.receive("p", publish(6, segment("b", "six"))).turn();
    deploy(rig, MAIN);
    connect(rig, "p", 1, 2);
    rig.receive("p", { ...publish(5, segment("a/x", "five")), repeat: true }).turn();
    expect(stored(rig)).toEqual(["six", "five"]);
  });

  test("what it took itself is not taken again under a later table, also over several", () => {
    const rig = rigOf(MAIN);
    connect(rig, "p");
    rig.receive("p", publish(5, segment("b", "five"))).turn();
    deploy(rig, LOST_A);
    deploy(rig, MAIN);
    connect(rig, "p", 1, 2);
    rig.receive("p", { ...publish(5, segment("b", "five")), repeat: true }).turn();
    expect(rig.takeOf("p", "published")).toMatchObject([{ seq: 5 }]);
    expect(stored(rig)).toEqual(["five"]);
  });

  test("of a publish whose topics had several owners, only the segments of others are taken", () => {
    const rig = rigOf(LOST_A);
    connect(rig, "p");
    rig.receive("p", publish(5, segment("b", "own"))).turn();
    deploy(rig, MAIN);
    connect(rig, "p", 1, 2);
    rig.receive("p", { ...publish(5, segment("b", "own"), segment("a/x", "other's")), repeat: true }).turn();
    expect(stored(rig)).toEqual(["own", "other's"]);
  });

  test("R1 what is new and was taken under an earlier table came over a newer connection", () => {
    const rig = rigOf(MAIN);
    connect(rig, "p", 1, 2);
    rig.receive("p", publish(5, segment("b", "five"))).turn();
    deploy(rig, LOST_A);
    connect(rig, "late", 1, 1);
    rig.receive("late", { ...publish(6, segment("b", "five"), segment("b", "six")), first: 5 }).turn();
    expect(rig.takeOf("late", "error")).toMatchObject([{ code: "superseded" }]);
    expect(stored(rig)).toEqual(["five"]);
  });

  test("a crash right after the deploy does not make old marks new ones", () => {
    const rig = rigOf(LOST_A);
    connect(rig, "p");
    rig.receive("p", publish(6, segment("b", "six"))).turn();
    deploy(rig, MAIN).restart("closed").turn();
    connect(rig, "p", 1, 2);
    rig.receive("p", { ...publish(5, segment("a/x", "five")), repeat: true }).turn();
    expect(stored(rig)).toEqual(["six", "five"]);
  });

  test("a former owner tells a publisher what it took, of the topics that it had", () => {
    const rig = rigOf(MAIN);
    connect(rig, "p");
    rig.receive("p", publish(5, segment("a/x", "five"))).turn();
    deploy(rig, LOST_A);
    const elsewhere = new TakenElsewhere();
    elsewhere.ask("main");
    elsewhere.welcomed("main", connect(rig, "p", 1, 2));
    const fresh = (seq: number) => elsewhere.fresh(native(seq, [segment("a/x")], true)).segments.length;
    expect([fresh(4), fresh(5), fresh(6)]).toEqual([0, 0, 1]);
    expect(connect(rig, "q", 2)[TAKEN]).toBeUndefined();
  });

  test(`${LIMITS.tableErasMax} tables are remembered; one more forgets the first`, () => {
    const rig = rigOf(MAIN);
    connect(rig, "p");
    rig.receive("p", publish(5, segment("b", "five"))).turn();
    const eras = () => (connect(rig, `p${rig.changes.length}`, 1, rig.changes.length + 2)[TAKEN] ?? []) as [];
    for (let i = 0; i < LIMITS.tableErasMax; i++) deploy(rig, rows(["main", ""], ["other", `x${i}/`]));
    expect(eras()).toHaveLength(1);
    expect(rig.store.eras).toHaveLength(LIMITS.tableErasMax);
    deploy(rig, MAIN);
    expect(eras()).toHaveLength(0);
    expect(rig.store.eras).toHaveLength(LIMITS.tableErasMax);
  });
});

describe("R8 what a router has left of topics that another one owns", () => {
  const LEFT = { number: 1, prefix: parsePrefix("a/"), expired: undefined, first: 0, next: 0 };

  test("is kept by the policy that the layout has for the prefix", () => {
    const retention = [policy("a/"), policy("b/")];
    const other = new Placement(rows(["other", ""], ["main", "b/"]));
    expect(policiesOf("main", other, retention, [LEFT])).toEqual(retention);
    expect(policiesOf("main", other, retention, [])).toEqual([retention[1]]);
    expect(policiesOf("main", other, [retention[1]!], [LEFT])).toEqual([retention[1]]);
  });

  test("R5 a prefix that is not kept any more takes no mark with it", () => {
    const rig = rigOf(MAIN);
    connect(rig, "p");
    rig
      .receive("p", publish(5, segment("b", "five")))
      .turn()
      .pass(LIMITS.keepIntervalMs);
    rig.policies = [];
    // Twice: the rows that tell of it are gone with the first start.
    rig.restart("closed").turn().restart("closed").turn();
    connect(rig, "p", 1, 2);
    connect(rig, "witness", 3);
    rig
      .receive("witness", subscribe([""]))
      .receive("p", { ...publish(5, segment("b", "five")), repeat: true });
    expect(rig.turn().takeTexts("witness")).toEqual([]);
  });
});

describe("R8 R11 a reader that comes back", () => {
  const back = (rig: RouterRig, prefixes: readonly string[]) => {
    const frame = subscribe(prefixes, 1, [], { back: true });
    return rig.receive("r", hello(7, 1, rig.table!.table, RESUME), frame).turn();
  };

  test("is sent all that is kept of a stream that it does not name", () => {
    const rig = rigOf(MAIN);
    connect(rig, "p");
    rig
      .receive("p", publish(1, segment("b", "one")))
      .turn()
      .pass(LIMITS.keepIntervalMs);
    back(rig, [""]);
    const frames = rig.take("r");
    expect(frames.find(({ type }) => type === "deliver")).toMatchObject({ replay: "resumed" });
    expect(frames.at(-1)).toMatchObject({ type: "recovered", complete: true });
  });

  test("R4 is told that it has missed a stream that is not kept, unless nothing was ever sent in it", () => {
    const rig = new RouterRig([], tableOf(MAIN)).turn();
    back(rig, [""]);
    expect(rig.takeOf("r", "subscribed")[0]!.gaps).toEqual([]);
    connect(rig, "p");
    rig.receive("p", publish(1, segment("b", "one"))).turn();
    rig.receive("s", hello(8, 1, rig.table!.table, RESUME), subscribe([""], 1, [], { back: true })).turn();
    const from = { router: "main", incarnation: 0, seq: 0 };
    const to = { router: "main", incarnation: 1, seq: 1 };
    expect(rig.takeOf("s", "subscribed")[0]!.gaps).toEqual([
      { extent: "unknown", from, to, reason: "away", events: undefined },
    ]);
  });
});

describe("R8 R11 a reader that comes back after a deploy that changes what is kept", () => {
  /** What it is told that had no position at the router. */
  const told = (rig: RouterRig) => {
    const frame = subscribe(["k/"], 1, [], { back: true });
    rig.receive("r", hello(7, 1, rig.table!.table, RESUME), frame).turn();
    const frames = rig.take("r");
    const gaps = frames.flatMap((one) =>
      one.type === "gap" ? [one.gap] : one.type === "subscribed" ? one.gaps : [],
    );
    return gaps.map(({ to, reason }) => [to.router, reason]);
  };
  const withOne = (...policies: string[]) => {
    const rig = new RouterRig(
      policies.map((prefix) => policy(prefix)),
      tableOf(MAIN),
    ).turn();
    connect(rig, "p");
    rig
      .receive("p", publish(1, segment("k/x", "one")))
      .turn()
      .pass(LIMITS.keepIntervalMs);
    return rig;
  };
  const deployed = (rig: RouterRig, ...policies: string[]) => {
    rig.policies = policies.map((prefix) => policy(prefix));
    return deploy(rig, MAIN);
  };

  test("is told what went with a prefix that is not kept any longer", () => {
    expect(told(deployed(withOne("k/")))).toEqual([
      ["main", "away"],
      ["main+k/", "expired"],
    ]);
    expect(told(deployed(withOne("k/"), "k/"))).toEqual([]);
  });

  test("also when it is kept again", () => {
    const rig = deployed(deployed(withOne("k/"), "o/"), "o/", "k/");
    expect(told(rig)).toEqual([["main+k/", "expired"]]);
  });

  test("and what was there before a prefix was kept, at a router that had it", () => {
    expect(told(deployed(withOne(), "k/"))).toEqual([["main+k/", "expired"]]);
    const elsewhere = new RouterRig([], tableOf(rows(["other", ""], ["main", "a/"]))).turn();
    elsewhere.policies = [policy("k/")];
    expect(told(deploy(elsewhere, MAIN))).toEqual([]);
  });
});

test("R8 former owners of topics and prefixes are those of the rows that the layout names", () => {
  const placement = new Placement(LOST_A, rows(["old", "a/b/"], ["other", "a/"], ["third", "c/"]));
  expect(placement.former(parsePrefix("a/"))).toEqual(["old", "other"]);
  expect(placement.former(parsePrefix("a/b/c"))).toEqual(["old", "other"]);
  expect(placement.former(parsePrefix("d"))).toEqual([]);
  expect(placement.formerOwners(parseTopic("a/b/x"))).toEqual(["old"]);
  expect(placement.formerOwners(parseTopic("b"))).toEqual([]);
  expect([placement.has("other"), placement.has("old")]).toEqual([true, false]);
  expect(placement.version).not.toBe(tableVersion(LOST_A));
});
