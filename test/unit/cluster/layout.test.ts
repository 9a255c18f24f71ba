/** The layout of a deployment: what it may say, and its bounds. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { layoutPools, poolsWith } from "../../../src/cluster/layout-pools.ts";
import { parseLayout } from "../../../src/cluster/layout.ts";
import { parsePools } from "../../../src/cluster/pool-spec.ts";
import { ZEEK_TOPIC_NAMES } from "../../../src/cluster/topic-names.ts";
import { layout } from "../../../src/site/layout.ts";

const named = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `n${i}` }));

describe("a layout", () => {
  it("of nothing has one router for all topics and no logger", () => {
    expect(parseLayout({})).toMatchObject({
      routers: [{ name: "main", prefix: "" }],
      loggers: [],
      jsonReader: { bytesPerSecond: LIMITS.readerBytesPerSecond, burstBytes: LIMITS.readerBurstBytes },
      retention: [],
      nodes: [],
      pools: [],
      stores: [],
      topicNames: ZEEK_TOPIC_NAMES,
      managerIsLogger: true,
      roundRobinLogging: true,
      retryIntervalMs: 1_000,
      hrwGeneration: "7.1",
    });
  });

  it("as the project ships it is valid, and its loggers are enabled", () => {
    expect(parseLayout(layout).loggers.map(({ enabled }) => enabled)).toEqual([true, true]);
  });

  it("has its routers sorted by prefix, in bytes", () => {
    const routers = [
      { name: "a", prefix: "ä" },
      { name: "all", prefix: "" },
    ];
    expect(parseLayout({ routers }).routers).toEqual([
      { name: "all", prefix: "" },
      { name: "a", prefix: "\u00c3\u00a4" },
    ]);
  });

  it.each([
    ["layout", 7],
    ["layout", null],
    ["routers must be an array", { routers: {} }],
    ["routers[0] must be an object", { routers: [1] }],
    ["routers[0].name", { routers: [{ name: "", prefix: "" }] }],
    ["routers[0].prefix", { routers: [{ name: "a" }] }],
    ['the prefix ""', { routers: [{ name: "a", prefix: "a/" }] }],
    ["formerRouters[0].prefix", { formerRouters: [{ name: "a" }] }],
    ["router names", { routers: ["", "a"].map((prefix) => ({ name: "a", prefix })) }],
    ["router prefixes", { routers: ["a", "b"].map((name) => ({ name, prefix: "" })) }],
    ["loggers[0].name", { loggers: [{ name: "a/b" }] }],
    ["loggers[0].name", { loggers: [{ name: "x".repeat(64) }] }],
    ["loggers[1].enabled", { loggers: [{ name: "a" }, { name: "b", enabled: "no" }] }],
    ["logger names", { loggers: [{ name: "a" }, { name: "a" }] }],
    ["jsonReader.bytesPerSecond", { jsonReader: { bytesPerSecond: 0 } }],
    ["jsonReader.burstBytes", { jsonReader: { burstBytes: 1.5 } }],
  ])("is refused, naming %s", (text, input) => {
    expect(() => parseLayout(input)).toThrow(
      expect.objectContaining({ code: "invalid_layout", message: expect.stringContaining(text) }),
    );
  });

  it(`names at most ${LIMITS.routersMax} routers and ${LIMITS.loggersMax} loggers`, () => {
    const routers = (count: number) =>
      named(count).map(({ name }, i) => ({ name, prefix: i === 0 ? "" : name }));
    expect(parseLayout({ routers: routers(LIMITS.routersMax) }).routers).toHaveLength(LIMITS.routersMax);
    expect(() => parseLayout({ routers: routers(LIMITS.routersMax + 1) })).toThrow("65 routers, at most 64");
    const { formerRoutersMax } = LIMITS;
    expect(parseLayout({ formerRouters: routers(formerRoutersMax) }).formerRouters).toHaveLength(
      formerRoutersMax,
    );
    expect(() => parseLayout({ formerRouters: routers(formerRoutersMax + 1) })).toThrow("at most 64");
    expect(parseLayout({ loggers: named(LIMITS.loggersMax) }).loggers).toHaveLength(LIMITS.loggersMax);
    expect(() => parseLayout({ loggers: named(LIMITS.loggersMax + 1) })).toThrow("65 loggers, at most 64");
  });
});

const node = (name: string, nodeType: string, more: object = {}) => ({ name, nodeType, ...more });
const members = (input: unknown) =>
  Object.fromEntries(
    layoutPools(parseLayout(input)).pools.map(({ spec, nodes }) => [
      spec.name,
      nodes.map(({ name }) => name),
    ]),
  );

describe("a layout's cluster", () => {
  it("as the project ships it has a manager, two loggers and two proxies at the edge", () => {
    const { nodes, managerIsLogger } = parseLayout(layout);
    expect(nodes.map(({ nodeType, place }) => `${nodeType} ${place}`)).toEqual([
      "MANAGER edge",
      "LOGGER edge",
      "LOGGER edge",
      "PROXY edge",
      "PROXY edge",
    ]);
    expect(managerIsLogger).toBe(false);
    expect(members(layout)).toEqual({
      logger: ["logger-1", "logger-2"],
      proxy: ["proxy-1", "proxy-2"],
      worker: [],
    });
  });

  it("[E9] has its manager as logger without loggers, and else where it says so", () => {
    const manager = node("m", "MANAGER");
    const logger = node("l", "LOGGER");
    expect(parseLayout({ nodes: [manager] })).toMatchObject({
      managerIsLogger: true,
      loggers: [{ name: "m" }],
    });
    expect(members({ nodes: [manager] })["logger"]).toEqual(["m"]);
    expect(parseLayout({ nodes: [manager, logger] })).toMatchObject({
      managerIsLogger: false,
      loggers: [{ name: "l" }],
    });
    const both = parseLayout({ nodes: [manager, logger], managerIsLogger: true });
    expect(both.loggers.map(({ name }) => name)).toEqual(["m", "l"]);
    expect(members({ nodes: [manager, logger], managerIsLogger: true })["logger"]).toEqual(["l", "m"]);
    expect(parseLayout({ nodes: [manager], managerIsLogger: false }).loggers).toEqual([]);
    expect(parseLayout({ nodes: [node("m", "MANAGER", { place: "remote" })] }).loggers).toEqual([]);
  });

  it("keeps logs only in loggers at the edge", () => {
    const nodes = [node("near", "LOGGER"), node("far", "LOGGER", { place: "remote" })];
    expect(parseLayout({ nodes }).loggers).toEqual([{ name: "near", enabled: true }]);
    expect(members({ nodes })["logger"]).toEqual(["far", "near"]);
    expect(parseLayout({ loggers: [{ name: "short" }] }).nodes).toEqual([
      { name: "short", nodeType: "LOGGER", place: "edge", enabled: true },
    ]);
  });

  it("uses redefined topic names in its pools", () => {
    const input = { nodes: [node("p", "PROXY")], topicNames: { base: "bro", poolTopicPrefix: "my/pool/" } };
    const pool = layoutPools(parseLayout(input)).pools.find(({ spec }) => spec.name === "proxy")!;
    expect([pool.spec.topic, pool.nodes[0]!.topic]).toEqual(["my/pool/proxy", "bro/cluster/node/p"]);
  });

  it("chooses as the generation of its pools", () => {
    const sites = (hrwGeneration: string) =>
      layoutPools(parseLayout({ nodes: [node("proxy-1", "PROXY")], hrwGeneration })).pools.flatMap(
        ({ nodes }) => nodes.map(({ siteId }) => siteId),
      );
    expect(["7.1", "4.1"].map(sites)).toEqual([[2_719_221_839], [2_555_569_005]]);
  });

  it("[A25] takes pools of scripts, and overrides them", () => {
    const input = { nodes: [node("p", "PROXY", { count: 3 })], pools: [{ name: "proxy", maxNodes: 1 }] };
    expect(members(input)["proxy"]).toEqual(["p-1"]);
    const registered = parsePools([{ name: "intel", nodeType: "PROXY", exclusive: true, maxNodes: 2 }]);
    const set = poolsWith(parseLayout(input), registered).pools;
    expect(set.map(({ spec, nodes }) => [spec.name, nodes.map(({ name }) => name).join(" ")])).toEqual([
      ["intel", "p-1 p-2"],
      ["logger", ""],
      ["proxy", "p-3"],
      ["worker", ""],
    ]);
  });

  it.each([
    ["layout has no field node", { node: [] }],
    ["routers[0] has no field topic", { routers: [{ name: "a", prefix: "", topic: "" }] }],
    ["a layout has one manager, not 2: a, b", { nodes: [node("a", "MANAGER"), node("b", "MANAGER")] }],
    [
      'node names must be unique: "a" is there twice',
      { nodes: [node("a", "PROXY")], loggers: [{ name: "a" }] },
    ],
    [
      "manager of node w is m, but the layout has no MANAGER of that name",
      { nodes: [node("w", "WORKER", { manager: "m" }), node("m", "PROXY")] },
    ],
    ["timeMachine of node w is t, but", { nodes: [node("w", "WORKER", { timeMachine: "t" })] }],
    ["masterNode of store s is x, but the layout has no node", { stores: [{ name: "s", masterNode: "x" }] }],
    ["not enough PROXY nodes", { pools: [{ name: "p", nodeType: "PROXY", exclusive: true, maxNodes: 1 }] }],
    ["pool p has no nodeType", { pools: [{ name: "p" }] }],
    ['managerIsLogger must be true or false; it is the string "yes"', { managerIsLogger: "yes" }],
    ["roundRobinLogging must be", { roundRobinLogging: 1 }],
    ["hrwGeneration must be one of 7.1, 4.1, 2.6; it is the number 7.1", { hrwGeneration: 7.1 }],
    ["retryIntervalMs must be an integer of at least 0; it is the number -1", { retryIntervalMs: -1 }],
    [
      `retryIntervalMs must be at most ${LIMITS.connectRetryMsMax}`,
      { retryIntervalMs: LIMITS.connectRetryMsMax + 1 },
    ],
  ])("[B2] is refused: %s", (text, input) => {
    expect(() => parseLayout(input)).toThrow(
      expect.objectContaining({ code: "invalid_layout", message: expect.stringContaining(text) }),
    );
  });

  it(`has at most ${LIMITS.loggersMax} loggers at the edge, however they are written`, () => {
    const nodes = [node("l", "LOGGER", { count: LIMITS.loggersMax })];
    expect(parseLayout({ nodes }).loggers).toHaveLength(LIMITS.loggersMax);
    expect(() => parseLayout({ nodes, loggers: [{ name: "m" }] })).toThrow("65 loggers, at most 64");
    expect(parseLayout({ retryIntervalMs: LIMITS.connectRetryMsMax }).retryIntervalMs).toBe(
      LIMITS.connectRetryMsMax,
    );
  });
});
