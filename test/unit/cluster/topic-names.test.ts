/** Names of the cluster's topics: today's, those of Bro 2.6, and redefined ones. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { NODE_TYPES } from "../../../src/cluster/node.ts";
import {
  broadcastTopics,
  classTopic,
  defaultLogTopic,
  logPrefix,
  nodeidTopic,
  nodeTopic,
  parseTopicNames,
  poolTopic,
  ZEEK_TOPIC_NAMES,
} from "../../../src/cluster/topic-names.ts";
import vectors from "../../vectors/topics.json" with { type: "json" };

const { names } = vectors;
const zeek = parseTopicNames("zeek");
const bro = parseTopicNames("bro");
const classes = (of: typeof zeek) => NODE_TYPES.map((type) => classTopic(of, type));

describe("topic names", () => {
  it("[B3] [B6] are today's by default", () => {
    expect(zeek).toEqual(ZEEK_TOPIC_NAMES);
    expect(parseTopicNames({})).toEqual(zeek);
    const named = ["logger", "manager", "proxy", "worker", "time_machine"].map(
      (name) => `zeek/cluster/${name}`,
    );
    expect(classes(zeek)).toEqual([undefined, undefined, ...named]);
    for (const [name, topic] of Object.entries(names.nodeTopic)) expect(nodeTopic(zeek, name)).toBe(topic);
    for (const [id, topic] of Object.entries(names.nodeidTopic)) expect(nodeidTopic(zeek, id)).toBe(topic);
    expect(poolTopic(zeek, "proxy")).toBe("zeek/cluster/pool/proxy");
    expect(logPrefix(zeek)).toBe("zeek/logs/");
    for (const [stream, topic] of Object.entries(names.logTopicDefault))
      expect(defaultLogTopic(zeek, stream)).toBe(topic);
    expect(broadcastTopics(zeek)).toEqual(
      ["logger", "manager", "proxy", "worker"].map((name) => `zeek/cluster/${name}`),
    );
  });

  it("[E8] [E10] [E11] [E12] [E14] [E16] [E17] are those of Bro 2.6 on request", () => {
    expect(bro).toMatchObject({
      loggerTopic: "bro/cluster/logger",
      managerTopic: "bro/cluster/manager",
      nodeTopicPrefix: "bro/cluster/node/",
      nodeidTopicPrefix: "bro/cluster/nodeid/",
      proxyTopic: "bro/cluster/proxy",
      timeMachineTopic: "bro/cluster/time_machine",
      workerTopic: "bro/cluster/worker",
      logTopicPrefix: "bro/logs/",
    });
    for (const [name, topic] of Object.entries(names.bro26.nodeTopic))
      expect(nodeTopic(bro, name)).toBe(topic);
    for (const [id, topic] of Object.entries(names.bro26.nodeidTopicDocumented))
      expect(nodeidTopic(bro, id)).toBe(topic);
  });

  it("can send a node id to the node topic, as Bro 2.6 did", () => {
    const asWas = parseTopicNames({ base: "bro", nodeidTopicPrefix: "bro/cluster/node/" });
    for (const [id, topic] of Object.entries(names.bro26.nodeidTopicAsImplemented))
      expect(nodeidTopic(asWas, id)).toBe(topic);
  });

  it("can each be redefined", () => {
    const mine = parseTopicNames({ managerTopic: "site/ü", nodeTopicPrefix: "n:", nodeTopicSuffix: "." });
    expect(classTopic(mine, "MANAGER")).toBe("site/\u00c3\u00bc");
    expect(classTopic(mine, "WORKER")).toBe("zeek/cluster/worker");
    expect(nodeTopic(mine, "w-1")).toBe("n:w-1.");
  });

  it.each([
    ['topicNames must be one of zeek, bro; it is the string "broker"', "broker"],
    ["topicNames must be an object; it is of type null", null],
    ["topicNames.base must be one of zeek, bro; it is the number 1", { base: 1 }],
    ["topicNames has no field manager_topic", { manager_topic: "x" }],
    ["topicNames.proxyTopic must be a string; it is of type boolean", { proxyTopic: true }],
    ["two classes of nodes have the same topic", { proxyTopic: "zeek/cluster/worker" }],
    ["a class topic is not empty", { proxyTopic: "" }],
  ])("are refused: %s", (message, input) => {
    expect(() => parseTopicNames(input)).toThrow(
      expect.objectContaining({ code: "invalid_layout", message: expect.stringContaining(message) }),
    );
  });

  it(`have at most ${LIMITS.topicBytesMax} bytes`, () => {
    const long = "x".repeat(LIMITS.topicBytesMax);
    expect(classTopic(parseTopicNames({ managerTopic: long }), "MANAGER")).toBe(long);
    expect(() => parseTopicNames({ managerTopic: `${long}x` })).toThrow(
      expect.objectContaining({ code: "invalid_topic_key" }),
    );
    const names_ = parseTopicNames({ nodeTopicPrefix: long.slice(2) });
    expect(nodeTopic(names_, "a")).toHaveLength(LIMITS.topicBytesMax);
    expect(() => nodeTopic(names_, "ab")).toThrow(expect.objectContaining({ code: "invalid_topic_key" }));
  });
});
