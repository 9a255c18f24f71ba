/**
 * What a pool is made from. Who writes scripts registers specs, the three built-in ones among them; the layout of the
 * site overrides any of their fields and adds pools of its own. Source: Zeek's `Cluster::PoolSpec`, spec/cluster.md §6.1.
 */
import { LIMITS } from "../base/limits.ts";
import { parseTopic, type Topic } from "../protocol/topic.ts";
import {
  assertUnique,
  choice,
  exactRecord,
  flag,
  integer,
  invalid,
  list,
  name,
  text,
} from "./layout-fields.ts";
import type { NodeType } from "./node.ts";
import { poolTopic, type TopicNames } from "./topic-names.ts";

/** Types whose nodes may be in pools. */
export const POOL_NODE_TYPES = ["WORKER", "PROXY", "LOGGER"] as const satisfies readonly NodeType[];
export type PoolNodeType = (typeof POOL_NODE_TYPES)[number];

export interface PoolSpec {
  /** What programs call the pool: `worker`, `proxy` and `logger` are built in. */
  readonly name: string;
  /** Reaches all members. */
  readonly topic: Topic;
  readonly nodeType: PoolNodeType;
  /** Absent: all nodes of the type. */
  readonly maxNodes?: number;
  /** Its nodes are in no other pool. */
  readonly exclusive: boolean;
}

/** What a layout says of a pool: the fields that it gives win over what is registered under the name. */
export interface PoolEntry {
  readonly name: string;
  /** Text. */
  readonly topic?: string;
  readonly nodeType?: PoolNodeType;
  readonly maxNodes?: number;
  readonly exclusive?: boolean;
}

/** Zeek's `worker_pool`, `proxy_pool` and `logger_pool`. */
const BUILT_IN_POOLS: readonly PoolEntry[] = [
  { name: "worker", nodeType: "WORKER" },
  { name: "proxy", nodeType: "PROXY" },
  { name: "logger", nodeType: "LOGGER" },
];

const FIELDS = ["name", "topic", "nodeType", "maxNodes", "exclusive"] as const;

/** Pools of a layout or of a script, names unique. Throws `invalid_layout` naming the field. */
export function parsePools(input: unknown, field = "pools"): readonly PoolEntry[] {
  const pools = list(input, field, LIMITS.poolsMax).map((item, i) => parsePool(item, `${field}[${i}]`));
  assertUnique(
    pools.map((pool) => pool.name),
    "pool names",
  );
  return pools;
}

function parsePool(item: unknown, field: string): PoolEntry {
  const entry = exactRecord(item, field, FIELDS);
  const given = (key: (typeof FIELDS)[number]) => entry[key] !== undefined;
  return {
    name: name(entry["name"], `${field}.name`),
    ...(given("topic") ? { topic: text(entry["topic"], `${field}.topic`) } : {}),
    ...(given("nodeType")
      ? { nodeType: choice(entry["nodeType"], `${field}.nodeType`, POOL_NODE_TYPES) }
      : {}),
    ...(given("maxNodes")
      ? { maxNodes: integer(entry["maxNodes"], `${field}.maxNodes`, 0, LIMITS.nodesMax) }
      : {}),
    ...(given("exclusive") ? { exclusive: flag(entry["exclusive"], `${field}.exclusive`) } : {}),
  };
}

/**
 * The specs of all pools: the built-in ones, those that scripts register, and over both what the layout says of them.
 * A pool that nobody gives a topic has the one of its name. Throws `invalid_layout` for a name that is registered
 * twice, two pools with one topic, a pool without a node type, or one too many.
 */
export function poolSpecs(
  names: TopicNames,
  layout: readonly PoolEntry[],
  registered: readonly PoolEntry[] = [],
): readonly PoolSpec[] {
  const scripted = [...BUILT_IN_POOLS, ...registered];
  assertUnique(
    scripted.map((pool) => pool.name),
    "pools that are registered",
  );
  const merged = new Map(scripted.map((pool) => [pool.name, pool]));
  for (const pool of layout) merged.set(pool.name, { ...merged.get(pool.name), ...pool });
  if (merged.size > LIMITS.poolsMax) {
    invalid(`${merged.size} pools, at most ${LIMITS.poolsMax} are allowed`, { bound: LIMITS.poolsMax });
  }
  const specs = [...merged.values()].map((pool) => specOf(pool, names));
  assertUnique(
    specs.map((spec) => spec.topic),
    "pool topics",
  );
  return specs;
}

function specOf(
  { name: pool, topic, nodeType, maxNodes, exclusive = false }: PoolEntry,
  names: TopicNames,
): PoolSpec {
  if (nodeType === undefined) return invalid(`pool ${pool} has no nodeType`, { field: "pools.nodeType" });
  return {
    name: pool,
    topic: topic === undefined ? poolTopic(names, pool) : parseTopic(topic),
    nodeType,
    exclusive,
    ...(maxNodes === undefined ? {} : { maxNodes }),
  };
}
