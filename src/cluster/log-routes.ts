/**
 * The way of a log record by its topic: to a LogWriter in a batch, to subscribers as an event, or both. The topic of a
 * logger at the edge, or of the manager there when it is one, leads to its LogWriter; what lies below the log prefix is
 * for subscribers, and one LogWriter stores it, for all loggers and whoever has the prefix; every other topic, that of a
 * remote logger too, is for subscribers.
 */
import { FabricError } from "../base/errors.ts";
import { parseTopic, textOf, type Topic } from "../protocol/topic.ts";
import { logTopic } from "./log-topic.ts";
import { RoundRobin } from "./round-robin.ts";
import { ZEEK_TOPIC_NAMES } from "./topic-names.ts";

/** A member of the logger pool. */
export interface LoggerNode {
  readonly name: string;
  /** Its node topic, text. */
  readonly topic: string;
  /** It is a program that subscribes, not a LogWriter. */
  readonly isRemote: boolean;
}

/** What of a layout decides about log topics. */
export interface Logging {
  /** Zeek's `default_log_topic_prefix`. */
  readonly prefix: string;
  /** Zeek's `enable_round_robin_logging`. */
  readonly isRoundRobin: boolean;
  /** In the order of the rotation. */
  readonly nodes: readonly LoggerNode[];
}

/** Without a cluster. */
export const NO_LOGGERS: Logging = {
  prefix: ZEEK_TOPIC_NAMES.logTopicPrefix,
  isRoundRobin: true,
  nodes: [],
};

/** Where a record goes; both, or one of the two. */
export interface LogRoute {
  /** The LogWriter that stores it; `any`: whichever has room. */
  readonly logger: string | typeof ANY_LOGGER | undefined;
  /** Topic of the event, text. */
  readonly topic: string | undefined;
}

export const ANY_LOGGER = Symbol("any logger");

/** What the option `logging` of a welcome says (logging.ts); what is missing in it is as without a cluster. */
export function parseLogging(option: unknown): Logging {
  const { prefix, roundRobin, nodes } = (option ?? {}) as Readonly<Record<string, unknown>>;
  const rows: readonly unknown[] = Array.isArray(nodes) ? nodes : [];
  return {
    prefix: typeof prefix === "string" ? prefix : NO_LOGGERS.prefix,
    isRoundRobin: roundRobin !== false,
    nodes: rows.map(loggerNode).filter((node) => node !== undefined),
  };
}

function loggerNode(row: unknown): LoggerNode | undefined {
  const [name, topic, isRemote] = Array.isArray(row) ? (row as unknown[]) : [];
  if (typeof name !== "string" || typeof topic !== "string") return undefined;
  return { name, topic, isRemote: isRemote === true };
}

export class LogRoutes {
  readonly logging: Logging;
  readonly #hasLoggers: boolean;
  readonly #rotation = new RoundRobin();
  readonly #byTopic: ReadonlyMap<string, LoggerNode>;
  readonly #isAlive: Uint8Array;

  /** `hasLoggers`: whether there are LogWriters. Nobody is alive at first. */
  constructor(logging: Logging, hasLoggers: boolean) {
    this.logging = logging;
    this.#hasLoggers = hasLoggers;
    this.#byTopic = new Map(logging.nodes.map((node) => [node.topic, node]));
    this.#isAlive = new Uint8Array(logging.nodes.length);
  }

  /** Who is in the rotation from now on. */
  setAlive(isAlive: (node: LoggerNode) => boolean): void {
    this.logging.nodes.forEach((node, i) => (this.#isAlive[i] = isAlive(node) ? 1 : 0));
  }

  /** The topic of the stream's next record, as text. Throws `invalid_topic_key`. */
  nextTopic(stream: string): string {
    const { prefix, isRoundRobin } = this.logging;
    return textOf(logTopic(this, { logTopicPrefix: prefix }, stream, isRoundRobin));
  }

  /** @internal The pool's rotation, as log-topic.ts asks for it. */
  rrTopic(pool: string, key = ""): Topic | "" {
    if (pool !== "logger") throw new FabricError("not_found", `there is no pool ${pool}`);
    const node = this.logging.nodes[this.#rotation.next(this.#isAlive, key)];
    return node === undefined ? "" : parseTopic(node.topic);
  }

  /** Where a record with the topic goes. */
  routeOf(topic: string): LogRoute {
    const node = this.#byTopic.get(topic);
    if (node?.isRemote === false) return { logger: node.name, topic: undefined };
    const isStored = node === undefined && this.#hasLoggers && topic.startsWith(this.logging.prefix);
    return { logger: isStored ? ANY_LOGGER : undefined, topic };
  }
}
