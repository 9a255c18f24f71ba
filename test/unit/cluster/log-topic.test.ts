/** Where log records go, with and without loggers. */
import { describe, expect, it } from "vitest";
import { logTopic } from "../../../src/cluster/log-topic.ts";
import { setUpPools } from "../../../src/cluster/pool-setup.ts";
import { parseNodes, type NodeName } from "../../../src/cluster/node.ts";
import { poolSpecs } from "../../../src/cluster/pool-spec.ts";
import { PoolViews } from "../../../src/cluster/pool-views.ts";
import { Pools } from "../../../src/cluster/pools.ts";
import { ZEEK_TOPIC_NAMES as NAMES } from "../../../src/cluster/topic-names.ts";
import { viewId } from "../../support/pool-rig.ts";
import vectors from "../../vectors/cluster/log-topics.json" with { type: "json" };

const loggers = (names: readonly string[]) => {
  const nodes = parseNodes(names.map((name) => ({ name, nodeType: "LOGGER" })));
  return new Pools(
    new PoolViews(
      setUpPools({
        specs: poolSpecs(NAMES, []),
        nodes,
        managerIsLogger: false,
        topicNames: NAMES,
        generation: "7.1",
      }),
    ),
  );
};

describe("the topic of a log record", () => {
  it("is that of the logger whose turn it is, for all streams; without one, that of the stream", () => {
    const pools = loggers(vectors.nodes);
    const alive = new Set<NodeName>();
    for (const { op, node, stream, topic } of vectors.sequence as {
      op: string;
      node?: string;
      stream?: string;
      topic?: string;
    }[]) {
      if (op === "log") {
        expect(logTopic(pools, NAMES, stream!)).toBe(topic);
      } else {
        if (op === "up") alive.add(node as NodeName);
        else alive.delete(node as NodeName);
        pools.views.advance(viewId(pools.view.number + 1), alive);
      }
    }
  });

  it("gives odd records to the first and even ones to the second of logger-1 and logger-10", () => {
    const pools = loggers(["logger-10", "logger-1"]);
    pools.views.advance(viewId(1), ["logger-1", "logger-10"] as NodeName[]);
    const topics = Array.from({ length: 100 }, () => logTopic(pools, NAMES, "Test::LOG"));
    expect(topics).toEqual(
      Array.from({ length: 100 }, (_, i) => `zeek/cluster/node/${i % 2 === 0 ? "logger-1" : "logger-10"}/`),
    );
  });

  it("[E7] without round-robin logging is that of the stream", () => {
    const pools = loggers(["logger-1"]);
    pools.views.advance(viewId(1), ["logger-1"] as NodeName[]);
    expect(logTopic(pools, NAMES, "Conn::LOG", false)).toBe("zeek/logs/Conn::LOG");
  });
});
