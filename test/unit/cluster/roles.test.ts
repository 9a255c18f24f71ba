/** Roles of nodes: their subscriptions, and who is connected with whom. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { parseLayout } from "../../../src/cluster/layout.ts";
import type { NodeId } from "../../../src/cluster/node.ts";
import { retryIntervalMs } from "../../../src/cluster/retry-interval.ts";
import { aliveNodes, connectsTo, nodeOf, peersOf, subscriptionsOf } from "../../../src/cluster/roles.ts";
import { isMatch, type Topic } from "../../../src/protocol/topic.ts";
import { classTopic, nodeidTopic, nodeTopic } from "../../../src/cluster/topic-names.ts";

const node = (name: string, nodeType: string, more: object = {}) => ({ name, nodeType, ...more });
const NODES = [
  node("manager", "MANAGER", { timeMachine: "tm" }),
  node("logger-1", "LOGGER"),
  node("logger-10", "LOGGER"),
  node("proxy-1", "PROXY", { manager: "manager" }),
  node("proxy-2", "PROXY"),
  node("worker-1", "WORKER", { manager: "manager", timeMachine: "tm" }),
  node("worker-2", "WORKER"),
  node("tm", "TIME_MACHINE"),
  node("control", "CONTROL"),
];
const LAYOUT = parseLayout({ nodes: NODES });
const entry = (name: string, layout = LAYOUT) => nodeOf(layout, name)!;
const subscriptions = (name: string, layout = LAYOUT) =>
  subscriptionsOf(layout, entry(name, layout), `${name}-id` as NodeId);
/** The nodes that a topic reaches. */
const reached = (topic: Topic, layout = LAYOUT) =>
  layout.nodes
    .map(({ name }) => name)
    .filter((name) => subscriptions(name, layout).some((prefix) => isMatch(prefix, topic)));

describe("who is connected", () => {
  it("[B2] [D7] follows the roles", () => {
    const LOGGERS = ["logger-1", "logger-10"];
    expect(connectsTo(LAYOUT, entry("manager"))).toEqual([...LOGGERS, "tm"]);
    expect(connectsTo(LAYOUT, entry("logger-1"))).toEqual([]);
    expect(connectsTo(LAYOUT, entry("proxy-2"))).toEqual(["manager", ...LOGGERS]);
    expect(connectsTo(LAYOUT, entry("worker-1"))).toEqual([
      "manager",
      ...LOGGERS,
      "proxy-1",
      "proxy-2",
      "tm",
    ]);
    expect(connectsTo(LAYOUT, entry("worker-2"))).toEqual(["manager", ...LOGGERS, "proxy-1", "proxy-2"]);
    expect([connectsTo(LAYOUT, entry("tm")), connectsTo(LAYOUT, entry("control"))]).toEqual([[], []]);
  });

  it("[A4] [A5] [A6] is no proxy with a proxy, every worker with every proxy, all with manager and loggers", () => {
    const proxies = ["proxy-1", "proxy-2"];
    for (const name of proxies)
      expect(peersOf(LAYOUT, entry(name))).not.toEqual(
        expect.arrayContaining([expect.stringMatching("proxy")]),
      );
    for (const name of ["worker-1", "worker-2"])
      expect(peersOf(LAYOUT, entry(name))).toEqual(expect.arrayContaining(proxies));
    for (const name of [...proxies, "worker-1", "worker-2"]) {
      expect(peersOf(LAYOUT, entry(name))).toEqual(
        expect.arrayContaining(["manager", "logger-1", "logger-10"]),
      );
    }
    expect(peersOf(LAYOUT, entry("worker-1"))).not.toContain("worker-2");
    expect(peersOf(LAYOUT, entry("logger-1"))).toEqual(["manager", ...proxies, "worker-1", "worker-2"]);
  });
});

describe("what nodes subscribe to", () => {
  it("is their class, themselves, this life, their pools, and logs for loggers", () => {
    expect(subscriptions("proxy-1")).toEqual([
      "zeek/cluster/proxy",
      "zeek/cluster/node/proxy-1/",
      "zeek/cluster/nodeid/proxy-1-id/",
      "zeek/cluster/pool/proxy",
    ]);
    expect(subscriptions("logger-1")).toEqual(
      expect.arrayContaining(["zeek/cluster/pool/logger", "zeek/logs/"]),
    );
    expect(subscriptions("manager")).not.toContain("zeek/logs/");
    expect(subscriptions("control")).toEqual([
      "zeek/cluster/node/control/",
      "zeek/cluster/nodeid/control-id/",
    ]);
    const alone = parseLayout({ nodes: [node("manager", "MANAGER")] });
    expect(subscriptions("manager", alone)).toEqual(
      expect.arrayContaining(["zeek/cluster/pool/logger", "zeek/logs/"]),
    );
    const bro = parseLayout({ nodes: NODES, topicNames: "bro" });
    expect(subscriptions("worker-1", bro)[0]).toBe("bro/cluster/worker");
  });

  it("makes class, node and nodeid topics reach exactly those whom they name", () => {
    const names = LAYOUT.topicNames;
    expect(reached(classTopic(names, "WORKER")!)).toEqual(["worker-1", "worker-2"]);
    expect(reached(classTopic(names, "PROXY")!)).toEqual(["proxy-1", "proxy-2"]);
    expect(reached(classTopic(names, "MANAGER")!)).toEqual(["manager"]);
    expect(reached(nodeTopic(names, "logger-10"))).toEqual(["logger-10"]);
    expect(reached(nodeidTopic(names, "worker-1-id"))).toEqual(["worker-1"]);
    expect(reached(nodeidTopic(names, "another-life"))).toEqual([]);
  });

  it("makes a pool's topic reach its members only", () => {
    const pools = [{ name: "mine", nodeType: "PROXY", maxNodes: 1 }];
    const layout = parseLayout({ nodes: NODES, pools });
    expect(reached("zeek/cluster/pool/mine" as Topic, layout)).toEqual(["proxy-1"]);
  });
});

describe("who is alive in pools", () => {
  it("is who is connected, and who is at the edge and enabled", () => {
    expect(aliveNodes(LAYOUT, ["worker-2", "nobody"])).toEqual([
      "manager",
      "logger-1",
      "logger-10",
      "proxy-1",
      "proxy-2",
      "worker-2",
    ]);
    const layout = parseLayout({
      nodes: [node("far", "PROXY", { place: "remote" }), node("off", "LOGGER", { enabled: false })],
    });
    expect([aliveNodes(layout, []), aliveNodes(layout, ["far", "off"])]).toEqual([[], ["far"]]);
  });
});

describe("the retry interval", () => {
  it("[E15] is a minute under the names of 2.6, a second under today's, and what the layout or the environment says", () => {
    const { retryIntervalMs: older } = parseLayout({ topicNames: "bro" });
    expect([older, parseLayout({}).retryIntervalMs]).toEqual([60_000, 1_000]);
    expect(parseLayout({ topicNames: "bro", retryIntervalMs: 5 }).retryIntervalMs).toBe(5);
    expect(retryIntervalMs(older, { BRO_DEFAULT_CONNECT_RETRY: "7" })).toBe(7_000);
  });

  it("is the layout's, unless the environment has seconds", () => {
    expect(retryIntervalMs(1_000, {})).toBe(1_000);
    expect(retryIntervalMs(1_000, { ZEEK_DEFAULT_CONNECT_RETRY: "" })).toBe(1_000);
    expect(retryIntervalMs(60_000, { BRO_DEFAULT_CONNECT_RETRY: "2" })).toBe(2_000);
    expect(retryIntervalMs(1, { ZEEK_DEFAULT_CONNECT_RETRY: "0.5", BRO_DEFAULT_CONNECT_RETRY: "2" })).toBe(
      500,
    );
  });

  it.each(["x", "-1", String(LIMITS.connectRetryMsMax / 1_000 + 1), "NaN"])("is refused as %s", (text) => {
    const max = String(LIMITS.connectRetryMsMax / 1_000);
    expect(retryIntervalMs(1, { ZEEK_DEFAULT_CONNECT_RETRY: max })).toBe(LIMITS.connectRetryMsMax);
    expect(() => retryIntervalMs(1, { ZEEK_DEFAULT_CONNECT_RETRY: text })).toThrow(
      "ZEEK_DEFAULT_CONNECT_RETRY must be seconds",
    );
  });
});
