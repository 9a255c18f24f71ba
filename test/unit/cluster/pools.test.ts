/** Pools as a session sees them: choices and views, what moves, and pools with nobody in them. */
import { describe, expect, it } from "vitest";
import { keyDigest, type HrwGeneration } from "../../../src/cluster/key-digest.ts";
import { hasMoved, poolMove } from "../../../src/cluster/pool-move.ts";
import type { Pools } from "../../../src/cluster/pools.ts";
import { count, string } from "../../../src/data/value.ts";
import { keyOf, nodeNames, onePool, setUpVector, viewId } from "../../support/pool-rig.ts";
import local from "../../vectors/cluster/local-node.json" with { type: "json" };
import proxies from "../../vectors/cluster/hrw-rr-proxy-pool.json" with { type: "json" };

const PROXIES = ["proxy-1", "proxy-2", "proxy-3", "proxy-4"];
const KEYS = Array.from({ length: 10_000 }, (_, i) => keyDigest(string(`example_key${i}`)));
const owners = (pools: Pools) => KEYS.map((key) => pools.hrwNode("p", key)?.name);

describe("[A20] a pool of two proxies", () => {
  const generations = { "v7.1+": "7.1", "v4.1-v7.0": "4.1", "v2.6-v4.0": "2.6" } as const;
  it.each(Object.entries(generations) as [keyof typeof generations, HrwGeneration][])(
    "chooses as Zeek %s while nodes die",
    (name, generation) => {
      const { sites, digests, phases } = proxies.generations[name];
      const pools = onePool(["proxy-1", "proxy-2"], [], { generation });
      expect(pools.views.of("p").pool.nodes.map(({ alias, siteId }) => ({ alias, siteId }))).toEqual(
        sites.map(({ alias, siteId }) => ({ alias, siteId })),
      );
      for (const [key, digest] of Object.entries(digests)) {
        expect(keyDigest(keyOf("count", key), generation)).toBe(Number(digest));
      }
      for (const { alive, hrw, rr, hrwAgain } of phases) {
        pools.views.advance(viewId(pools.view.number + 1), nodeNames(alive));
        const chosen = () =>
          Object.fromEntries(proxies.keys.map((key) => [key, pools.hrwTopic("p", count(key))]));
        expect(chosen()).toEqual(hrw);
        expect(proxies.keys.map(() => pools.rrTopic("p", proxies.rrKey))).toEqual(rr);
        expect(chosen()).toEqual(hrwAgain);
      }
    },
  );
});

describe("who chooses", () => {
  const choices = (pools: Pools) =>
    Object.fromEntries(
      Object.keys(local.asOutsider.hrw).map((key) => [key, pools.hrwNode("p", keyDigest(string(key)))?.name]),
    );
  const turns = (pools: Pools) => local.asOutsider.rr.map(() => pools.rrNode("p")?.name);

  it("makes no difference: a member has its own keys too", () => {
    expect(choices(onePool(local.pool))).toEqual(local.asOutsider.hrw);
    expect(turns(onePool(local.pool))).toEqual(local.asOutsider.rr);
  });

  it("makes Zeek's difference where that is asked for", () => {
    const [own] = nodeNames(["proxy-1"]);
    const others = ["proxy-2", "proxy-3"];
    expect(choices(onePool(local.pool, others, { local: own! }))).toEqual(local.asProxy1.hrwUpstream);
    expect(turns(onePool(local.pool, others, { local: own! }))).toEqual(local.asProxy1.rrUpstream);
  });
});

describe("a numbered view", () => {
  it("[A64] spreads keys evenly, and always the same", () => {
    const pools = onePool(PROXIES);
    const first = owners(pools);
    for (const name of PROXIES) {
      const share = first.filter((owner) => owner === name).length / KEYS.length;
      expect(share).toBeGreaterThan(0.24);
      expect(share).toBeLessThan(0.26);
    }
    expect(owners(onePool(PROXIES.toReversed()))).toEqual(first);
  });

  it("without a node moves exactly that node's keys, and back when it returns", () => {
    const pools = onePool(PROXIES);
    const before = owners(pools);
    const [change] = pools.views.advance(viewId(2), nodeNames(PROXIES.filter((name) => name !== "proxy-2")))!;
    const after = owners(pools);
    expect(KEYS.map((_, i) => before[i] !== after[i])).toEqual(before.map((owner) => owner === "proxy-2"));
    expect(KEYS.map((key) => hasMoved(change!.before, change!.after, key))).toEqual(
      before.map((owner) => owner === "proxy-2"),
    );
    const move = poolMove(change!.before, change!.after);
    expect(move).toMatchObject({
      pool: "p",
      from: { number: 1 },
      to: { number: 2 },
      left: ["proxy-2"],
      joined: [],
    });
    expect(move.movedShare).toBeCloseTo(
      before.filter((owner) => owner === "proxy-2").length / KEYS.length,
      1.5,
    );
    const back = pools.views.advance(viewId(3), nodeNames(PROXIES))!;
    expect(poolMove(back[0]!.before, back[0]!.after)).toMatchObject({
      left: [],
      joined: ["proxy-2"],
      movedShare: move.movedShare,
    });
    expect(owners(pools)).toEqual(before);
  });

  it("[A19] with one more proxy moves only what that one gets", () => {
    const before = owners(onePool(PROXIES.slice(0, 3)));
    const after = owners(onePool(PROXIES));
    const moved = KEYS.flatMap((_, i) => (before[i] === after[i] ? [] : [after[i]]));
    expect(new Set(moved)).toEqual(new Set(["proxy-4"]));
    expect(moved.length / KEYS.length).toBeCloseTo(0.25, 1.5);
  });

  it("is never left for an older one, nor taken twice", () => {
    const pools = onePool(PROXIES);
    expect(pools.views.advance(viewId(5), nodeNames(["proxy-3"]))).toHaveLength(1);
    expect(pools.views.advance(viewId(5), [])).toBeUndefined();
    expect(pools.views.advance(viewId(4), nodeNames(PROXIES))).toBeUndefined();
    expect(pools.view).toMatchObject(viewId(5));
    expect([pools.views.of("p").aliveCount, pools.views.of("p").id]).toEqual([1, pools.view]);
    expect(pools.views.advance(viewId(6), nodeNames(["proxy-3", "worker-1"]))).toEqual([]);
    expect(pools.views.of("p").id).toMatchObject(viewId(6));
    expect(pools.views.advance(viewId(1, "life-2"), nodeNames(PROXIES))).toHaveLength(1);
    expect(pools.view).toMatchObject(viewId(1, "life-2"));
  });

  it("of another layout has another id at the same number of Membership", () => {
    const pools = onePool(PROXIES);
    const { view } = pools;
    const spec = { topic: "p", nodeType: "PROXY" };
    const same = setUpVector(Object.fromEntries(PROXIES.map((name) => [name, "PROXY"])), [spec], false);
    expect(pools.views.advance(viewId(1), nodeNames(PROXIES), same)).toBeUndefined();
    const other = setUpVector({ "proxy-1": "PROXY" }, [spec], false);
    expect(pools.views.advance(viewId(1), nodeNames(PROXIES), other)).toHaveLength(1);
    expect(pools.view.number).toBe(1);
    expect(pools.view.pools).not.toBe(view.pools);
  });

  it("of another layout has its nodes, and rotations go on", () => {
    const pools = onePool(PROXIES);
    expect([1, 2, 3].map(() => pools.rrNode("p")?.name)).toEqual(["proxy-1", "proxy-2", "proxy-3"]);
    const spec = { topic: "p", nodeType: "PROXY" };
    const shorter = setUpVector(
      { "proxy-1": "PROXY", "proxy-2": "PROXY" },
      [spec, { ...spec, topic: "q" }],
      false,
    );
    const [change] = pools.views.advance(viewId(2), nodeNames(PROXIES), shorter)!;
    expect(poolMove(change!.before, change!.after)).toMatchObject({
      left: ["proxy-3", "proxy-4"],
      joined: [],
    });
    expect(pools.views.set.pools.map(({ spec: { name } }) => name)).toEqual(["p", "q"]);
    expect([1, 2].map(() => pools.rrNode("p")?.name)).toEqual(["proxy-2", "proxy-1"]);
    expect(
      pools.views.advance(viewId(3), nodeNames(PROXIES), setUpVector({}, [{ ...spec, topic: "q" }], false)),
    ).toHaveLength(1);
    expect(() => pools.rrNode("p")).toThrow(expect.objectContaining({ code: "not_found" }));
  });
});

describe("a pool with nobody in it", () => {
  it("gives an empty topic, is counted, and is told of once a view", () => {
    const pools = onePool(PROXIES, []);
    expect([pools.hrwTopic("p", string("k")), pools.rrTopic("p"), pools.rrTopic("p", "k")]).toEqual([
      "",
      "",
      "",
    ]);
    expect(pools.emptyChoices("p")).toBe(3);
    expect(pools.takeWarnings()).toEqual([{ pool: "p", view: pools.view }]);
    expect(pools.takeWarnings()).toEqual([]);
    pools.views.advance(viewId(2), nodeNames(["proxy-1"]));
    expect(pools.rrTopic("p")).toBe("zeek/cluster/node/proxy-1/");
    pools.views.advance(viewId(3), []);
    pools.hrwTopic("p", string("k"));
    expect([pools.emptyChoices("p"), pools.takeWarnings()]).toEqual([4, [{ pool: "p", view: pools.view }]]);
  });

  it("is another thing than a pool that there is not", () => {
    expect(() => onePool([]).hrwTopic("q", string("k"))).toThrow(
      expect.objectContaining({ code: "not_found" }),
    );
    expect(onePool([]).emptyChoices("q")).toBe(0);
  });
});
