/** Where a log record goes. Source: Zeek's `Cluster::rr_log_topic` and `Broker::default_log_topic`. */
import type { Topic } from "../protocol/topic.ts";
import type { Pools } from "./pools.ts";
import { defaultLogTopic, type TopicNames } from "./topic-names.ts";

/** One rotation for all streams, so that consecutive records of any stream take turns. */
const KEY = "Cluster::rr_log_topic";

/**
 * The topic of the logger whose turn it is; the default topic of the stream when no logger is alive, or without
 * round-robin logging.
 */
export function logTopic(pools: Pools, names: TopicNames, stream: string, isRoundRobin = true): Topic {
  const topic = isRoundRobin ? pools.rrTopic("logger", KEY) : "";
  return topic === "" ? defaultLogTopic(names, stream) : topic;
}
