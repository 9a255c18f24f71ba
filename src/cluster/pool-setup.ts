/**
 * Which nodes are in which pool, and in which order: every node and session computes the same from the same layout and
 * specs. Source: Zeek's cluster/pools script, spec/cluster.md §6.2; its fatal errors are `invalid_layout` here.
 */
import type { Topic } from "../protocol/topic.ts";
import { FNV_OFFSET, fnvByte, fnvText } from "./fnv.ts";
import { sitesOf } from "./hrw.ts";
import type { HrwGeneration } from "./key-digest.ts";
import { invalid } from "./layout-fields.ts";
import type { NodeEntry, NodeName } from "./node.ts";
import { POOL_NODE_TYPES, type PoolNodeType, type PoolSpec } from "./pool-spec.ts";
import { nodeTopic, type TopicNames } from "./topic-names.ts";

/** Zeek's `Cluster::PoolNode`, without its liveness: that is of a view (pool-view.ts). */
export interface PoolNode {
  readonly name: NodeName;
  readonly alias: string;
  readonly siteId: number;
  /** The node's own topic. */
  readonly topic: Topic;
}

/** A pool that is set up: its nodes in round-robin order. */
export interface Pool {
  readonly spec: PoolSpec;
  readonly nodes: readonly PoolNode[];
}

/** All pools of a layout, by topic. */
export interface PoolSet {
  /**
   * Another one for other pools, members, site ids, or members that are there without being seen: 32 bits. Two who have
   * it, and the same view of Membership, choose alike.
   */
  readonly digest: number;
  /** How keys are hashed. */
  readonly generation: HrwGeneration;
  readonly pools: readonly Pool[];
}

/** Where a node is decides nothing but who is alive without having joined. */
type SetupNode = Pick<NodeEntry, "name" | "nodeType"> & Partial<Pick<NodeEntry, "place" | "enabled">>;

export interface PoolSetup {
  readonly specs: readonly PoolSpec[];
  readonly nodes: readonly SetupNode[];
  /** The first manager by name counts as a logger, the last of them. */
  readonly managerIsLogger: boolean;
  readonly topicNames: TopicNames;
  readonly generation: HrwGeneration;
}

type Eligible = Record<PoolNodeType, readonly NodeName[]>;

/**
 * The pools by topic, bytewise. Cost: a hash of each member's name. Throws `invalid_layout` when an exclusive pool has no `maxNodes`, or exclusive pools
 * want more nodes of a type than there are.
 */
export function setUpPools(setup: PoolSetup): PoolSet {
  const specs = setup.specs.toSorted((a, b) => compare(a.topic, b.topic));
  const eligible = eligibleNodes(setup);
  assertEnough(specs, eligible);
  const members = new Map<PoolSpec, readonly NodeName[]>();
  for (const spec of specs.filter(({ exclusive }) => exclusive)) {
    const all = eligible[spec.nodeType];
    members.set(spec, all.slice(0, spec.maxNodes));
    eligible[spec.nodeType] = all.slice(spec.maxNodes);
  }
  // Shared pools go on where the last one of their type ended, so that limited ones spread over the nodes.
  const cursor: Record<PoolNodeType, number> = { WORKER: 0, PROXY: 0, LOGGER: 0 };
  for (const spec of specs.filter(({ exclusive }) => !exclusive)) {
    const all = eligible[spec.nodeType];
    const size = Math.min(spec.maxNodes ?? all.length, all.length);
    const start = cursor[spec.nodeType];
    members.set(spec, [
      ...all.slice(start, start + size),
      ...all.slice(0, Math.max(0, start + size - all.length)),
    ]);
    cursor[spec.nodeType] = all.length === 0 ? 0 : (start + size) % all.length;
  }
  const pools = specs.map((spec) => ({ spec, nodes: poolNodes(members.get(spec)!, setup) }));
  const atEdge = new Set(setup.nodes.filter((n) => n.place === "edge" && n.enabled).map(({ name }) => name));
  return { digest: digestOf(pools, atEdge), generation: setup.generation, pools };
}

function eligibleNodes({ nodes, managerIsLogger }: PoolSetup): Eligible {
  const named = (type: string) =>
    nodes
      .filter(({ nodeType }) => nodeType === type)
      .map(({ name }) => name)
      .toSorted(compare);
  const managers = managerIsLogger ? named("MANAGER").slice(0, 1) : [];
  return { WORKER: named("WORKER"), PROXY: named("PROXY"), LOGGER: [...named("LOGGER"), ...managers] };
}

function assertEnough(specs: readonly PoolSpec[], eligible: Eligible): void {
  const wanted: Record<PoolNodeType, number> = { WORKER: 0, PROXY: 0, LOGGER: 0 };
  for (const { name, nodeType, exclusive, maxNodes } of specs) {
    if (!exclusive) continue;
    if (maxNodes === undefined) return invalid(`pool ${name} is exclusive and so must have maxNodes`);
    wanted[nodeType] += maxNodes;
  }
  for (const type of POOL_NODE_TYPES) {
    const have = eligible[type].length;
    if (wanted[type] <= have) continue;
    invalid(`not enough ${type} nodes: exclusive pools need ${wanted[type]}, the layout has ${have}`, {
      bound: have,
    });
  }
}

function poolNodes(names: readonly NodeName[], { topicNames, generation }: PoolSetup): readonly PoolNode[] {
  const sites = sitesOf(names, generation);
  return names.map((name, i) => ({ name, ...sites[i]!, topic: nodeTopic(topicNames, name) }));
}

const END = 0;

/** @param atEdge Nodes that are alive whoever has joined. */
function digestOf(pools: readonly Pool[], atEdge: ReadonlySet<NodeName>): number {
  let h = FNV_OFFSET;
  for (const { spec, nodes } of pools) {
    h = fnvByte(fnvText(h, spec.name), END);
    for (const { name, alias, siteId, topic } of nodes) {
      const place = atEdge.has(name) ? " edge" : "";
      h = fnvByte(fnvText(h, `${alias} ${siteId} ${topic}${place}`), END);
    }
    h = fnvByte(h, END);
  }
  return h >>> 0;
}

/** Byte strings and ASCII names in bytewise order. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
