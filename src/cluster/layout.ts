/**
 * The layout of a deployment: routers, nodes, pools, stores and the settings of the cluster. The router table and the
 * settings are part of the deployment and never change while it runs (rules.md 8); nodes, pools and stores do, by
 * layout-document.ts. `parseLayout` is the only way in.
 */
import { LIMITS } from "../base/limits.ts";
import { parsePrefix, type Prefix } from "../protocol/topic.ts";
import { HRW_GENERATIONS, type HrwGeneration } from "./key-digest.ts";
import {
  assertUnique,
  choice,
  exactRecord,
  flag,
  integer,
  invalid,
  list,
  name,
  record,
  text,
} from "./layout-fields.ts";
import { assertCluster } from "./layout-pools.ts";
import { isEdgeLogger, parseNodes, type NodeEntry, type NodeName } from "./node.ts";
import { parsePools, type PoolEntry } from "./pool-spec.ts";
import { parseRetention, type Retention } from "./retention.ts";
import { parseStores, type StoreEntry } from "./store-entry.ts";
import { parseTopicNames, type TopicNames } from "./topic-names.ts";

/** One TopicRouter: it owns the topics whose longest matching prefix in the table is `prefix`. */
interface RouterEntry {
  readonly name: string;
  readonly prefix: Prefix;
}

/** One LogWriter. A disabled one takes no new batches, but repeats and reads go on. */
export interface LoggerEntry {
  readonly name: string;
  readonly enabled: boolean;
}

/** What a JSON v1 reader may be sent: it cannot say how fast it reads (rules.md 14). */
interface ReaderAllowance {
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
}

/** What operators change at run time. */
export interface LayoutSections {
  /** All nodes, loggers included. At most one is the manager. */
  readonly nodes: readonly NodeEntry[];
  /** Pools of the site, and what it says of the built-in ones. */
  readonly pools: readonly PoolEntry[];
  readonly stores: readonly StoreEntry[];
}

/** What only a deploy changes. */
export interface LayoutSettings {
  /** How this fabric calls itself to those that it peers with. */
  readonly fabric: string;
  /** Sorted by prefix; exactly one has the empty prefix. */
  readonly routers: readonly RouterEntry[];
  /** Rows of earlier tables: these routers may keep events, and publishes, of topics that others own now. */
  readonly formerRouters: readonly RouterEntry[];
  readonly jsonReader: ReaderAllowance;
  /** What routers keep for readers that come back; the longest matching prefix decides, without one nothing is kept. */
  readonly retention: readonly Retention[];
  readonly topicNames: TopicNames;
  /** The manager is also a logger: Zeek's `manager_is_logger`. By default where the deployed layout has no logger. */
  readonly managerIsLogger: boolean;
  /** Zeek's `enable_round_robin_logging`. */
  readonly roundRobinLogging: boolean;
  /** How long a node waits between tries to connect: Zeek's `retry_interval`. */
  readonly retryIntervalMs: number;
  /** How pools map keys to nodes. */
  readonly hrwGeneration: HrwGeneration;
}

export interface Layout extends LayoutSections, LayoutSettings {
  /** The LogWriters: loggers at the edge, and the manager there when it is a logger. */
  readonly loggers: readonly LoggerEntry[];
}

/** Fields of a layout as it is written. `loggers` are short for nodes of that type at the edge. */
export const SECTION_FIELDS = ["nodes", "loggers", "pools", "stores"] as const;
export const SETTING_FIELDS = [
  "fabric",
  "routers",
  "formerRouters",
  "jsonReader",
  "retention",
  "topicNames",
  "managerIsLogger",
  "roundRobinLogging",
  "retryIntervalMs",
  "hrwGeneration",
] as const;

/** Zeek's since 7.2, and that of Bro 2.6, whose names a layout may take. */
const RETRY_INTERVAL_MS = 1_000;
const RETRY_INTERVAL_2_6_MS = 60_000;

/** A layout from what src/site/layout.ts or the LAYOUT variable holds. Throws `invalid_layout` naming the field. */
export function parseLayout(input: unknown): Layout {
  const root = exactRecord(input, "layout", [...SECTION_FIELDS, ...SETTING_FIELDS]);
  const nodes = [...parseNodes(root["nodes"] ?? []), ...loggerNodes(parseLoggers(root["loggers"] ?? []))];
  const isManagerLogger = root["managerIsLogger"] ?? !nodes.some(({ nodeType }) => nodeType === "LOGGER");
  const settings = {
    fabric: name(root["fabric"] ?? "selvedge", "fabric"),
    routers: parseRouters(root["routers"] ?? [{ name: "main", prefix: "" }]),
    formerRouters: parseRoutes(root["formerRouters"] ?? [], "formerRouters", LIMITS.formerRoutersMax),
    jsonReader: allowance(root["jsonReader"] ?? {}),
    retention: parseRetention(root["retention"] ?? []),
    topicNames: parseTopicNames(root["topicNames"] ?? "zeek"),
    managerIsLogger: flag(isManagerLogger, "managerIsLogger"),
    roundRobinLogging: flag(root["roundRobinLogging"] ?? true, "roundRobinLogging"),
    retryIntervalMs: integer(
      root["retryIntervalMs"] ?? (root["topicNames"] === "bro" ? RETRY_INTERVAL_2_6_MS : RETRY_INTERVAL_MS),
      "retryIntervalMs",
      0,
      LIMITS.connectRetryMsMax,
    ),
    hrwGeneration: choice(root["hrwGeneration"] ?? "7.1", "hrwGeneration", HRW_GENERATIONS),
  };
  const pools = parsePools(root["pools"] ?? []);
  return assembleLayout(settings, { nodes, pools, stores: parseStores(root["stores"] ?? []) });
}

/** A layout of these settings and sections. Throws `invalid_layout` when they contradict each other. */
export function assembleLayout(settings: LayoutSettings, { nodes, pools, stores }: LayoutSections): Layout {
  const loggers = edgeLoggers(nodes, settings.managerIsLogger);
  if (loggers.length > LIMITS.loggersMax) {
    invalid(`${loggers.length} loggers, at most ${LIMITS.loggersMax} are allowed`, {
      bound: LIMITS.loggersMax,
    });
  }
  const layout = { ...settings, nodes, pools, stores, loggers };
  assertCluster(layout);
  return layout;
}

/** Loggers with unique names; enabled unless they say otherwise. Throws `invalid_layout`. */
export function parseLoggers(input: unknown): readonly LoggerEntry[] {
  const loggers = list(input, "loggers", LIMITS.loggersMax).map((item, i) => {
    const entry = exactRecord(item, `loggers[${i}]`, ["name", "enabled"]);
    return {
      name: name(entry["name"], `loggers[${i}].name`),
      enabled: flag(entry["enabled"] ?? true, `loggers[${i}].enabled`),
    };
  });
  assertUnique(
    loggers.map((l) => l.name),
    "logger names",
  );
  return loggers;
}

/** The nodes that the short form stands for. */
export function loggerNodes(loggers: readonly LoggerEntry[]): readonly NodeEntry[] {
  return loggers.map(({ name: logger, enabled }) => ({
    name: logger as NodeName,
    nodeType: "LOGGER",
    place: "edge",
    enabled,
  }));
}

function edgeLoggers(nodes: readonly NodeEntry[], managerIsLogger: boolean): readonly LoggerEntry[] {
  const isLogger = (node: NodeEntry) =>
    isEdgeLogger(node) || (managerIsLogger && node.nodeType === "MANAGER" && node.place === "edge");
  return nodes.filter(isLogger).map(({ name: logger, enabled }) => ({ name: logger, enabled }));
}

function parseRouters(input: unknown): readonly RouterEntry[] {
  const routers = parseRoutes(input, "routers", LIMITS.routersMax);
  assertUnique(
    routers.map((r) => r.name),
    "router names",
  );
  assertUnique(
    routers.map((r) => r.prefix),
    "router prefixes",
  );
  if (!routers.some((r) => r.prefix === ""))
    invalid(`routers must hold one with the prefix "", for all other topics`);
  return routers.toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1));
}

function parseRoutes(input: unknown, field: string, max: number): readonly RouterEntry[] {
  return list(input, field, max).map((item, i) => {
    const entry = exactRecord(item, `${field}[${i}]`, ["name", "prefix"]);
    return {
      name: name(entry["name"], `${field}[${i}].name`),
      prefix: parsePrefix(text(entry["prefix"], `${field}[${i}].prefix`)),
    };
  });
}

function allowance(v: unknown): ReaderAllowance {
  const entry = record(v, "jsonReader");
  return {
    bytesPerSecond: integer(
      entry["bytesPerSecond"] ?? LIMITS.readerBytesPerSecond,
      "jsonReader.bytesPerSecond",
      1,
    ),
    burstBytes: integer(entry["burstBytes"] ?? LIMITS.readerBurstBytes, "jsonReader.burstBytes", 1),
  };
}
