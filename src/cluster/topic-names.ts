/**
 * The topics of the cluster: of a class of nodes, of one node, of one life of a node, of pools and logs. Today's names
 * begin with `zeek/`, those of Bro 2.6 with `bro/`, and a layout may redefine each. Source: Zeek's cluster framework and
 * its Broker backend, spec/cluster.md §3.1; Bro 2.6 sent `nodeid_topic` to the node topic by mistake: that is not done.
 */
import { parsePrefix, parseTopic, type Prefix, type Topic } from "../protocol/topic.ts";
import { choice, exactRecord, invalid, text } from "./layout-fields.ts";
import type { NodeType } from "./node.ts";

const ZEEK = {
  loggerTopic: "zeek/cluster/logger",
  managerTopic: "zeek/cluster/manager",
  proxyTopic: "zeek/cluster/proxy",
  workerTopic: "zeek/cluster/worker",
  timeMachineTopic: "zeek/cluster/time_machine",
  nodeTopicPrefix: "zeek/cluster/node/",
  nodeidTopicPrefix: "zeek/cluster/nodeid/",
  /** Behind a name: without it `logger-1` would be a prefix of `logger-10`. */
  nodeTopicSuffix: "/",
  poolTopicPrefix: "zeek/cluster/pool/",
  logTopicPrefix: "zeek/logs/",
  startedTopic: "zeek/cluster/experimental/started",
  controlTopicPrefix: "zeek/control",
  supervisorTopicPrefix: "zeek/supervisor",
  tableTopicPrefix: "zeek/table/",
} as const;

type NameField = keyof typeof ZEEK;
const FIELDS = Object.keys(ZEEK) as readonly NameField[];

/** Text, by Zeek's names of the constants. */
export type TopicNames = Readonly<Record<NameField, string>>;

const BRO: TopicNames = {
  ...(Object.fromEntries(FIELDS.map((field) => [field, ZEEK[field].replace(/^zeek/, "bro")])) as TopicNames),
  nodeTopicSuffix: "",
};

const SETS = { zeek: ZEEK as TopicNames, bro: BRO };
const SET_NAMES = ["zeek", "bro"] as const;

/** Today's names. */
export const ZEEK_TOPIC_NAMES: TopicNames = ZEEK;

/**
 * "zeek", "bro", or an object with `base` (one of the two) and any of the names. Throws `invalid_layout` for another
 * field and for two class topics that are the same, `invalid_topic_key` for a name that is too long.
 */
export function parseTopicNames(input: unknown, field = "topicNames"): TopicNames {
  if (typeof input === "string") return SETS[choice(input, field, SET_NAMES)];
  const entry = exactRecord(input, field, ["base", ...FIELDS]);
  const base = SETS[choice(entry["base"] ?? "zeek", `${field}.base`, SET_NAMES)];
  const names = Object.fromEntries(
    FIELDS.map((name) => [
      name,
      entry[name] === undefined ? base[name] : text(entry[name], `${field}.${name}`),
    ]),
  ) as TopicNames;
  for (const name of FIELDS) parseTopic(names[name]);
  const classes = CLASS_FIELDS.map((name) => names[name]);
  if (classes.includes("")) invalid(`${field}: a class topic is not empty`);
  if (new Set(classes).size < classes.length) invalid(`${field}: two classes of nodes have the same topic`);
  return names;
}

const CLASS_TOPICS = {
  NONE: undefined,
  CONTROL: undefined,
  LOGGER: "loggerTopic",
  MANAGER: "managerTopic",
  PROXY: "proxyTopic",
  WORKER: "workerTopic",
  TIME_MACHINE: "timeMachineTopic",
} as const satisfies Readonly<Record<NodeType, NameField | undefined>>;

const CLASS_FIELDS = Object.values(CLASS_TOPICS).filter((name) => name !== undefined);

/** The topic that reaches all nodes of a type; undefined where there is none. */
export function classTopic(names: TopicNames, type: NodeType): Topic | undefined {
  const field = CLASS_TOPICS[type];
  return field === undefined ? undefined : parseTopic(names[field]);
}

/** Zeek's `Cluster::broadcast_topics`: who publishes to each of these reaches the whole cluster. */
export function broadcastTopics(names: TopicNames): readonly Topic[] {
  const { loggerTopic, managerTopic, proxyTopic, workerTopic } = names;
  return [loggerTopic, managerTopic, proxyTopic, workerTopic].map(parseTopic);
}

/** The topic of one node, whatever life it is in. Throws `invalid_topic_key` when it is too long. */
export function nodeTopic(names: TopicNames, node: string): Topic {
  return parseTopic(names.nodeTopicPrefix + node + names.nodeTopicSuffix);
}

/** The topic of one life of a node; its next life does not have it. Throws `invalid_topic_key`. */
export function nodeidTopic(names: TopicNames, id: string): Topic {
  return parseTopic(names.nodeidTopicPrefix + id + names.nodeTopicSuffix);
}

/** The topic that reaches all members of a pool, unless its spec says another. */
export function poolTopic(names: TopicNames, pool: string): Topic {
  return parseTopic(names.poolTopicPrefix + pool);
}

/** Where records of a log stream go when no logger is chosen, e.g. `zeek/logs/Conn::LOG`. */
export function defaultLogTopic(names: Pick<TopicNames, "logTopicPrefix">, stream: string): Topic {
  return parseTopic(names.logTopicPrefix + stream);
}

/** What receivers of all log streams subscribe to. */
export function logPrefix(names: TopicNames): Prefix {
  return parsePrefix(names.logTopicPrefix);
}
