/** Peerings of fabrics, with the engines of both. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { Flow } from "../../../src/peering/flow.ts";
import { PeeringEnd } from "../../../src/peering/peering-end.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { policy } from "../../support/kept-rig.ts";
import { segment } from "../../support/router-rig.ts";
import { Fabric, RunningPeering, settleAll } from "./peering-rig.ts";

const names = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `e${from + i}`);

describe("two fabrics", () => {
  test("N-22 chosen topics go each way, and no others; both are told by name", () => {
    const [a, b] = [new Fabric("a"), new Fabric("b")];
    const peering = new RunningPeering(a, b, { to: ["up/"], from: ["down/"] });
    const [atA, atB] = [a.reader(""), b.reader("")];
    a.publisher()("up/x", "one");
    a.publisher()("down/x", "two");
    b.publisher()("down/y", "three");
    b.publisher()("up/y", "four");
    settleAll(peering);
    expect([atA().toSorted(), atB().toSorted()]).toEqual([
      ["one", "three", "two"],
      ["four", "one", "three"],
    ]);
    expect(peering.told).toEqual([{ type: "peer_added", left: "a", right: "b" }]);
    expect(peering.peering.countsOf("left")).toMatchObject({ carried: 1, beenThere: 0 });
  });

  test("topics that go both ways do not come back", () => {
    const [a, b] = [new Fabric("a"), new Fabric("b")];
    const peering = new RunningPeering(a, b);
    const [atA, atB] = [a.reader(""), b.reader("")];
    a.publisher()("x", ...names(1, 5));
    b.publisher()("x", ...names(6, 9));
    settleAll(peering);
    expect(atA().toSorted()).toEqual(names(1, 9));
    expect(atB().toSorted()).toEqual(names(1, 9));
    expect(peering.peering.countsOf("right")).toMatchObject({ carried: 4, beenThere: 5 });
  });

  test("of one name they cannot be peers", () => {
    const peering = new RunningPeering(new Fabric("a"), new Fabric("a"));
    expect(peering.told).toMatchObject([{ type: "failed", error: { code: "same_fabric" } }]);
    expect(peering.peering.deadlineMs).toBeUndefined();
  });

  test("what one side does not grant is told, and the rest goes on", () => {
    const [a, b] = [new Fabric("a"), new Fabric("b")];
    const reader = b.reader("");
    const peering = new RunningPeering(a, b, { from: [], rightPublishes: ["x"] });
    const publish = a.publisher();
    publish("x", "one");
    publish("y", "two");
    publish("x", "three");
    settleAll(peering);
    expect(reader()).toEqual(["one", "three"]);
    expect(peering.told).toMatchObject([{}, { type: "refused", side: "left", error: { code: "forbidden" } }]);
    expect(peering.peering.countsOf("left")).toMatchObject({ carried: 2, refused: 1 });
    expect(peering.peering.isSettled).toBe(true);
  });
});

describe("what one side sends", () => {
  const end = () =>
    new PeeringEnd({ instance: "i".repeat(16), topics: [], windowBytes: 1_000, positions: [] });
  const welcome = (fabric: string) =>
    encodeFrame({ type: "welcome", version: 1, endpoint: "e", options: { fabric } });

  test("its name fits a path", () => {
    const receive = (length: number) => end().receive(welcome("x".repeat(length)));
    expect(receive(LIMITS.fabricNameMax)).toMatchObject([{ type: "welcome" }]);
    expect(() => receive(LIMITS.fabricNameMax + 1)).toThrow(/name has 129 characters/);
  });

  test("begins with welcome", () => {
    const deliver = { type: "deliver", router: "main", incarnation: 1, prev: 0, frames: [] } as const;
    expect(() => end().receive(encodeFrame(deliver))).toThrow(/welcome/);
  });

  test("is taken, and its credit granted, when all of it is refused and no acknowledgement comes", () => {
    const flow = new Flow(4, (fabric) => fabric.padEnd(16), []);
    const frames = [{ seq: 3, publisher: "p".repeat(16), publisherSeq: 1, segments: [segment("x")] }];
    flow.deliver({ type: "deliver", router: "main", incarnation: 1, prev: 0, frames }, 100, "a", "b");
    expect(flow.refused(1).map(decodeFrame)).toMatchObject([{ type: "credit", position: { seq: 3 } }]);
    expect([flow.isEmpty, flow.positions]).toEqual([true, [{ router: "main", incarnation: 1, seq: 3 }]]);
  });
});

describe("rings and meshes", () => {
  test("in a ring every event is at every fabric once, in its publisher's order", () => {
    const fabrics = ["a", "b", "c", "d"].map((name) => new Fabric(name));
    const readers = fabrics.map((fabric) => fabric.reader(""));
    const ring = fabrics.map((fabric, i) => new RunningPeering(fabric, fabrics[(i + 1) % 4]!));
    const publish = fabrics[0]!.publisher();
    publish("x", ...names(10, 19));
    settleAll(...ring);
    for (const read of readers) expect(read()).toEqual(names(10, 19));
  });

  test("[C4] in any mesh, too, whoever publishes", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.nat(4), fc.nat(4)), {
          minLength: 1,
          maxLength: 8,
          selector: ([l, r]) => (l < r ? `${l}${r}` : `${r}${l}`),
        }),
        fc.array(fc.nat(4), { minLength: 1, maxLength: 12 }),
        (links, publishers) => {
          const fabrics = ["a", "b", "c", "d", "e"].map((name) => new Fabric(name));
          const readers = fabrics.map((fabric) => fabric.reader(""));
          const mesh = links
            .filter(([l, r]) => l !== r)
            .map(([l, r]) => new RunningPeering(fabrics[l]!, fabrics[r]!));
          const publish = fabrics.map((fabric) => fabric.publisher());
          publishers.forEach((who, i) => {
            publish[who]!("x", `p${who}n${i}`);
            if (i % 3 === 0) settleAll(...mesh);
          });
          settleAll(...mesh);
          const reach = reachable(5, links);
          readers.forEach((read, at) => {
            const got = read();
            for (const who of [0, 1, 2, 3, 4]) {
              const sent = publishers.flatMap((p, i) => (p === who ? [`p${who}n${i}`] : []));
              const seen = got.filter((name) => name.startsWith(`p${who}n`));
              expect(seen).toEqual(reach[at]!.has(who) ? sent : []);
            }
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  test("ways that carry different topics meet again, and nothing is taken for a repeat", () => {
    const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => new Fabric(name));
    const read = d!.reader("");
    const ways = [
      new RunningPeering(a!, b!, { to: ["x/"], from: [] }),
      new RunningPeering(a!, c!, { to: ["y/"], from: [] }),
      new RunningPeering(b!, d!, { from: [] }),
      new RunningPeering(c!, d!, { from: [] }),
    ];
    a!.publisher()(["x/1", "y/1"], "one", "two");
    settleAll(...ways);
    expect(read().toSorted()).toEqual(["one", "one", "two", "two"]);
  });

  test("a chain longer than the bound of hops ends there", () => {
    const fabrics = Array.from({ length: LIMITS.hopsMax + 2 }, (_, i) => new Fabric(`f${i}`));
    const readers = fabrics.map((fabric) => fabric.reader(""));
    const chain = fabrics.slice(1).map((fabric, i) => new RunningPeering(fabrics[i]!, fabric, { from: [] }));
    fabrics[0]!.publisher()("x", "far");
    settleAll(...chain);
    expect(readers.map((read) => read().length)).toEqual([...Array<number>(LIMITS.hopsMax + 1).fill(1), 0]);
    expect(chain.at(-1)!.peering.countsOf("left")).toMatchObject({ tooFar: 1 });
  });
});

describe("cuts", () => {
  test("a side that is cut is told; what is kept arrives once and in order after it", () => {
    const [a, b] = [new Fabric("a", [policy("k/")]), new Fabric("b")];
    const reader = b.reader("");
    const peering = new RunningPeering(a, b, { to: ["k/"], from: [] });
    const publish = a.publisher();
    publish("k/x", ...names(1, 3));
    a.exchange.pass(1_000);
    settleAll(peering);
    peering.cut("left");
    publish("k/x", ...names(4, 6));
    peering.pass(LIMITS.trunkRetryMaxMs);
    publish("k/x", ...names(7, 8));
    peering.pass(1_000);
    settleAll(peering);
    expect(reader()).toEqual(names(1, 8));
    expect(peering.told.map(({ type }) => type)).toEqual(["peer_added", "peer_lost", "peer_added"]);
  });

  test("the far side cut: nothing is lost, nothing comes twice", () => {
    const [a, b] = [new Fabric("a"), new Fabric("b")];
    const reader = b.reader("");
    const peering = new RunningPeering(a, b, { from: [] });
    const publish = a.publisher();
    publish("x", "e1");
    settleAll(peering);
    peering.cut("right");
    publish("x", ...names(2, 5));
    settleAll(peering);
    expect(peering.peering.isSettled).toBe(false);
    peering.pass(LIMITS.trunkRetryMaxMs);
    expect(reader()).toEqual(names(1, 5));
    expect(peering.peering.isSettled).toBe(true);
  });

  test("what is not kept and went by is told as a gap", () => {
    const [a, b] = [new Fabric("a"), new Fabric("b")];
    const peering = new RunningPeering(a, b, { from: [] });
    const publish = a.publisher();
    publish("x", "e1");
    peering.settle();
    peering.cut("left");
    publish("x", "e2");
    peering.pass(LIMITS.trunkRetryMaxMs);
    expect(peering.told).toContainEqual(
      expect.objectContaining({
        type: "gap",
        side: "left",
        gap: expect.objectContaining({ extent: "exact" }) as unknown,
      }),
    );
  });

  test("a later life goes on where the one before stood: nothing kept is lost or repeated", () => {
    const [a, b] = [new Fabric("a", [policy("k/")]), new Fabric("b")];
    const reader = b.reader("");
    const terms = { to: ["k/"], from: [] };
    const first = new RunningPeering(a, b, terms);
    const publish = a.publisher();
    publish("k/x", ...names(1, 3));
    first.pass(1_000);
    first.cut("right");
    publish("k/x", ...names(4, 6));
    a.exchange.pass(1_000);
    first.settle();
    first.cut("left");
    const second = new RunningPeering(a, b, { ...terms, after: first });
    second.pass(1_000);
    expect(reader()).toEqual(names(1, 6));
  });
});

test("back-pressure reaches through: what the far side does not take stays at the near one", () => {
  const [a, b] = [new Fabric("a"), new Fabric("b")];
  const peering = new RunningPeering(a, b, { from: [], windowBytes: 2_000 });
  const reader = b.reader("");
  peering.down.add("right");
  peering.cut("right");
  const publish = a.publisher();
  publish("x", ...names(100, 399));
  settleAll(peering);
  peering.down.delete("right");
  peering.pass(LIMITS.trunkRetryMaxMs);
  for (let i = 0; i < 100; i++) peering.pass(LIMITS.creditMs);
  expect(reader()).toEqual(names(100, 399));
});

/** Which fabrics are reached from which, over links both ways. */
function reachable(count: number, links: readonly (readonly [number, number])[]): readonly Set<number>[] {
  const of = Array.from({ length: count }, (_, i) => new Set([i]));
  for (let i = 0; i < count; i++) {
    for (const [l, r] of links) {
      const all = new Set([...of[l]!, ...of[r]!]);
      for (const member of all) for (const other of all) of[member]!.add(other);
    }
  }
  return of;
}
