import { describe, expect, it } from "vitest";
import { broadcastTopics, nodeidTopic, ZEEK_TOPIC_NAMES } from "../../../src/cluster/topic-names.ts";
import { clusterLogLines, reportsOf } from "../../../src/membership/reports.ts";
import { node } from "../../support/membership-trunk.ts";

const topics = {
  broadcast: broadcastTopics(ZEEK_TOPIC_NAMES),
  nodeid: (id: string) => nodeidTopic(ZEEK_TOPIC_NAMES, id),
};
const commit = (rest: Partial<Parameters<typeof reportsOf>[0]>) => ({
  view: 1,
  down: [],
  up: [],
  duplicates: [],
  ...rest,
});
const shorts = (...args: Parameters<typeof reportsOf>) =>
  reportsOf(...args).map(({ topic, event }) => {
    const of = event.args.map((arg) => (arg.type === "string" ? arg.value : arg.type));
    return `${topic} ${event.name}(${of.join(" ")})`;
  });
const manager = node(1, "a", "MANAGER");

describe("events of a view", () => {
  it("M-6 node_down goes before node_up, each to the four class topics", () => {
    expect(shorts(commit({ down: [node(2)], up: [node(2, "b")] }), [node(2, "b")], topics)).toEqual(
      ["node_down(node-2 node-2-a)", "node_up(node-2 node-2-b)"].flatMap((event) =>
        ["logger", "manager", "proxy", "worker"].map((type) => `zeek/cluster/${type} Cluster::${event}`),
      ),
    );
  });

  it("M-6 a new node and the manager say hello to each other", () => {
    const said = shorts(commit({ up: [node(2)] }), [manager, node(2), node(3)], topics);
    expect(said.filter((line) => line.includes("hello"))).toEqual([
      "zeek/cluster/nodeid/node-1-a/ Cluster::hello(node-2 node-2-a)",
      "zeek/cluster/nodeid/node-2-a/ Cluster::hello(node-1 node-1-a)",
    ]);
  });

  it("M-6 a new manager says hello to all, and nobody to itself", () => {
    const said = shorts(commit({ up: [manager, node(2)] }), [manager, node(2), node(3)], topics);
    expect(said.filter((line) => line.includes("hello"))).toHaveLength(4);
  });
});

describe("the cluster log", () => {
  it("M-7 [E21] lines have ts in seconds, node and message", () => {
    const lines = clusterLogLines(
      commit({
        down: [node(2)],
        up: [node(2, "b")],
        duplicates: [{ name: "node-2", nodeId: "node-2-a", by: "node-2-b" }],
      }),
      1_700_000_000_250,
    );
    const ts = 1_700_000_000.25;
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { ts, node: "membership", message: "duplicate node node-2: node-2-b takes over from node-2-a" },
      { ts, node: "membership", message: "node down: node-2" },
      { ts, node: "membership", message: "got hello from node-2 (node-2-b)" },
    ]);
  });
});
