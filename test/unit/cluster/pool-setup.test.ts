/** Which nodes are in which pool: Zeek's cases, and its fatal errors. */
import { describe, expect, it } from "vitest";
import { layoutPools } from "../../../src/cluster/layout-pools.ts";
import { parseLayout } from "../../../src/cluster/layout.ts";
import { setUpPools } from "../../../src/cluster/pool-setup.ts";
import { parsePools, poolSpecs } from "../../../src/cluster/pool-spec.ts";
import { PoolViews } from "../../../src/cluster/pool-views.ts";
import { Pools } from "../../../src/cluster/pools.ts";
import { ZEEK_TOPIC_NAMES } from "../../../src/cluster/topic-names.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { count } from "../../../src/data/value.ts";
import { nodeNames, setUpVector, viewId, type VectorSpec } from "../../support/pool-rig.ts";
import vectors from "../../vectors/cluster/pool-setup.json" with { type: "json" };

type Layout = Readonly<Record<string, string>>;
interface Computed {
  readonly what: string;
  readonly managerIsLogger: boolean;
  readonly layout: Layout;
  readonly specs: readonly VectorSpec[];
  readonly result: {
    readonly pools?: Record<string, string[]>;
    readonly order?: string[];
    readonly error?: string;
  };
}
const computed = vectors.computed as unknown as readonly Computed[];
const fine = computed.filter(({ result }) => result.error === undefined);
/** A type without pools is refused where specs are read. */
const fatal = computed.filter(
  ({ result }) => result.error !== undefined && !result.error.startsWith("invalid pool"),
);

describe("the set-up of pools", () => {
  it("[A24] is Zeek's for a limited pool and one of its own, choices included", () => {
    const { layout, specs, membership, order, keys, rrKey, phases } = vectors.customPoolLimits;
    const set = setUpVector(layout, specs, true);
    expect(set.pools.map(({ spec }) => spec.topic)).toEqual(order);
    expect(
      Object.fromEntries(set.pools.map(({ spec, nodes }) => [spec.topic, nodes.map(({ name }) => name)])),
    ).toEqual(membership);
    const pools = new Pools(new PoolViews(set));
    const [PROXY, MINE] = ["zeek/cluster/pool/proxy", "zeek/cluster/pool/my_pool"] as const;
    const alive = [["proxy-1", "proxy-2"], ["proxy-2"], []];
    for (const [i, { proxyPoolHrw, myPoolHrw, proxyPoolRr, myPoolRr }] of phases.entries()) {
      pools.views.advance(viewId(i + 1), nodeNames(alive[i]!));
      const hrw = (pool: string) =>
        Object.fromEntries(keys.map((key) => [key, pools.hrwTopic(pool, count(key))]));
      expect([hrw(PROXY), hrw(MINE)]).toEqual([proxyPoolHrw, myPoolHrw]);
      const rr = (pool: string) => keys.map(() => pools.rrTopic(pool, rrKey));
      expect([rr(PROXY), rr(MINE)]).toEqual([proxyPoolRr, myPoolRr]);
    }
  });

  it.each(fine.map((v) => [v.what, v] as const))(
    "[A23] %s",
    (_, { layout, specs, managerIsLogger, result }) => {
      const set = setUpVector(layout, specs, managerIsLogger);
      expect(set.pools.map(({ spec }) => spec.topic)).toEqual(result.order);
      expect(
        Object.fromEntries(set.pools.map(({ spec, nodes }) => [spec.topic, nodes.map(({ name }) => name)])),
      ).toEqual(result.pools);
    },
  );

  it.each(fatal.map((v) => [v.what, v] as const))("%s", (_, { layout, specs, managerIsLogger }) => {
    expect(() => setUpVector(layout, specs, managerIsLogger)).toThrow(
      expect.objectContaining({ code: "invalid_layout" }),
    );
  });

  it("does not depend on the order of nodes and specs", () => {
    const [{ layout, specs }] = fine as [Computed];
    const turned = Object.fromEntries(Object.entries(layout).toReversed());
    expect(setUpVector(turned, specs.toReversed(), false)).toEqual(setUpVector(layout, specs, false));
  });

  it("R33 has another digest where another node is there without having joined", () => {
    const setOf = (...nodes: object[]) => layoutPools(parseLayout({ nodes }));
    const [name, nodeType] = ["logger-1", "LOGGER"];
    const sets = [
      setOf({ name, nodeType, place: "edge" }),
      setOf({ name, nodeType, place: "edge", enabled: false }),
      setOf({ name, nodeType, place: "remote" }),
    ];
    const [there, ...not] = sets.map(({ digest }) => digest);
    expect(not).not.toContain(there);
    expect(setOf({ name, nodeType, place: "edge" }).digest).toBe(there);
  });

  it("names what is missing", () => {
    const specs = poolSpecs(ZEEK_TOPIC_NAMES, [
      { name: "p", nodeType: "PROXY", exclusive: true, maxNodes: 2 },
    ]);
    const setup = {
      specs,
      nodes: [],
      managerIsLogger: false,
      topicNames: ZEEK_TOPIC_NAMES,
      generation: "7.1" as const,
    };
    expect(() => setUpPools(setup)).toThrow(
      "not enough PROXY nodes: exclusive pools need 2, the layout has 0",
    );
    const open = {
      ...setup,
      specs: poolSpecs(ZEEK_TOPIC_NAMES, [{ name: "p", nodeType: "PROXY", exclusive: true }]),
    };
    expect(() => setUpPools(open)).toThrow("pool p is exclusive and so must have maxNodes");
  });
});

describe("the spec of a pool", () => {
  const specOf = (pool: string, layout: unknown, registered: unknown = []) =>
    poolSpecs(ZEEK_TOPIC_NAMES, parsePools(layout), parsePools(registered)).find(({ name }) => name === pool);

  it("is built in for workers, proxies and loggers", () => {
    expect(poolSpecs(ZEEK_TOPIC_NAMES, [])).toEqual([
      { name: "worker", topic: "zeek/cluster/pool/worker", nodeType: "WORKER", exclusive: false },
      { name: "proxy", topic: "zeek/cluster/pool/proxy", nodeType: "PROXY", exclusive: false },
      { name: "logger", topic: "zeek/cluster/pool/logger", nodeType: "LOGGER", exclusive: false },
    ]);
  });

  it("[A25] that a script registers is overridden by the layout, field by field", () => {
    const script = [{ name: "intel", nodeType: "PROXY", maxNodes: 2, exclusive: true }];
    expect(specOf("intel", [], script)).toEqual({
      name: "intel",
      topic: "zeek/cluster/pool/intel",
      nodeType: "PROXY",
      maxNodes: 2,
      exclusive: true,
    });
    const user = [{ name: "intel", maxNodes: 1, topic: "mine/ü" }];
    expect(specOf("intel", user, script)).toEqual({
      name: "intel",
      topic: "mine/\u00c3\u00bc",
      nodeType: "PROXY",
      maxNodes: 1,
      exclusive: true,
    });
    expect(specOf("proxy", [{ name: "proxy", maxNodes: 1 }])).toMatchObject({
      nodeType: "PROXY",
      maxNodes: 1,
    });
  });

  it.each([
    ["pools must be an array; it is of type object", {}],
    ["pools[0].name must be a string; it is the number 7", [{ name: 7 }]],
    [
      'pools[0].nodeType must be one of WORKER, PROXY, LOGGER; it is the string "MANAGER"',
      [{ name: "a", nodeType: "MANAGER" }],
    ],
    [
      "pools[0].maxNodes must be an integer of at least 0; it is the number -1",
      [{ name: "a", maxNodes: -1 }],
    ],
    [`pools[0].maxNodes must be at most ${LIMITS.nodesMax}`, [{ name: "a", maxNodes: LIMITS.nodesMax + 1 }]],
    ["pools[0].exclusive must be true or false", [{ name: "a", exclusive: 1 }]],
    ["pools[0] has no field max_nodes", [{ name: "a", max_nodes: 1 }]],
    ['pool names must be unique: "a" is there twice', [{ name: "a" }, { name: "a" }]],
  ])("is refused: %s", (message, input) => {
    expect(() => parsePools(input)).toThrow(
      expect.objectContaining({ code: "invalid_layout", message: expect.stringContaining(message) }),
    );
  });

  it("has a node type, a topic of its own, and is registered once", () => {
    expect(() => specOf("a", [{ name: "a" }])).toThrow("pool a has no nodeType");
    expect(() => specOf("a", [{ name: "a", nodeType: "PROXY", topic: "zeek/cluster/pool/proxy" }])).toThrow(
      "pool topics must be unique",
    );
    expect(() => specOf("proxy", [], [{ name: "proxy" }])).toThrow(
      "pools that are registered must be unique",
    );
  });

  it(`is one of at most ${LIMITS.poolsMax}`, () => {
    const many = (n: number) => Array.from({ length: n }, (_, i) => ({ name: `p${i}`, nodeType: "PROXY" }));
    expect(poolSpecs(ZEEK_TOPIC_NAMES, parsePools(many(LIMITS.poolsMax - 3)))).toHaveLength(LIMITS.poolsMax);
    expect(() => poolSpecs(ZEEK_TOPIC_NAMES, parsePools(many(LIMITS.poolsMax)))).toThrow(
      "67 pools, at most 64",
    );
    expect(() => parsePools(many(LIMITS.poolsMax + 1))).toThrow("65 pools, at most 64");
  });
});
