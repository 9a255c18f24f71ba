/** What the fabric tells its clients of a layout, so that they know whose turn it is to take a log record. */
import { textOf } from "../protocol/topic.ts";
import { layoutPools } from "./layout-pools.ts";
import type { Layout } from "./layout.ts";
import type { Logging } from "./log-routes.ts";

/** The pool of a layout's loggers. */
export function loggingOf(layout: Layout): Logging {
  const remote = new Set(layout.nodes.filter(({ place }) => place === "remote").map(({ name }) => name));
  const pool = layoutPools(layout).pools.find(({ spec }) => spec.name === "logger");
  return {
    prefix: layout.topicNames.logTopicPrefix,
    isRoundRobin: layout.roundRobinLogging,
    nodes: (pool?.nodes ?? []).map(({ name, topic }) => ({
      name,
      topic: textOf(topic),
      isRemote: remote.has(name),
    })),
  };
}

/** The option `logging` of a welcome (PROTOCOL.md, "Frames of the fabric"). */
export function loggingOption({ prefix, isRoundRobin, nodes }: Logging): Readonly<Record<string, unknown>> {
  const rows = nodes.map(({ name, topic, isRemote }) => [name, topic, isRemote]);
  return { prefix, roundRobin: isRoundRobin, nodes: rows };
}
