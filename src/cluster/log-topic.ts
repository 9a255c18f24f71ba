/** Where a log record goes. Source: Zeek's `Cluster::rr_log_topic` and `Broker::default_log_topic`. */
import type { Topic } from "../protocol/topic.ts";
import type { Pools } from "./pools.ts";
import { defaultLogTopic, type TopicNames } from "./topic-names.ts";

/** Zeek's `Broker::log_topic`: the topic, as text, of a record of the stream (e.g. `Conn::LOG`) with the path `conn`. */
export type LogTopic = (stream: string, path: string) => string;

/** One rotation for all streams, so that consecutive records of any stream take turns. */
const KEY = "Cluster::rr_log_topic";

/**
 * The topic of the logger whose turn it is; the default topic of the stream when no logger is alive, or without
 * round-robin logging.
 */
export function logTopic(
  pools: Pick<Pools, "rrTopic">,
  names: Pick<TopicNames, "logTopicPrefix">,
  stream: string,
  isRoundRobin = true,
): Topic {
  const topic = isRoundRobin ? pools.rrTopic("logger", KEY) : "";
  return topic === "" ? defaultLogTopic(names, stream) : topic;
}

/** Zeek's `$path` of a stream that names none: `conn` of `Conn::LOG`. */
export function logPath(stream: string): string {
  return stream.replace(/::.*$/, "").toLowerCase();
}
