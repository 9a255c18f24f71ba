/**
 * What a node does by its role: what it subscribes to, and which nodes Zeek's layout connects it with. In the fabric all
 * go through the edge, so workers need no connection to each other to be out of each other's sight: they have no topic in
 * common but those of their class. Source: Zeek's cluster framework, spec/cluster.md §2.
 */
import type { Prefix } from "../protocol/topic.ts";
import type { Layout } from "./layout.ts";
import { layoutPools } from "./layout-pools.ts";
import type { NodeEntry, NodeId, NodeName, NodeType } from "./node.ts";
import { classTopic, logPrefix, nodeidTopic, nodeTopic } from "./topic-names.ts";

/** Whom a node of each type connects to, besides its own manager and time machine. */
const CONNECTS_TO: Readonly<Record<NodeType, readonly NodeType[]>> = {
  NONE: [],
  CONTROL: [],
  LOGGER: [],
  MANAGER: ["LOGGER"],
  PROXY: ["LOGGER"],
  WORKER: ["LOGGER", "PROXY"],
  TIME_MACHINE: [],
};
const HAS_MANAGER: readonly NodeType[] = ["PROXY", "WORKER"];
const HAS_TIME_MACHINE: readonly NodeType[] = ["MANAGER", "WORKER"];

/** The entry of a name; undefined when the layout does not have it. */
export function nodeOf(layout: Pick<Layout, "nodes">, name: string): NodeEntry | undefined {
  return layout.nodes.find((node) => node.name === name);
}

/**
 * The nodes that are alive in pools: those that are connected, and those at the edge, which an event wakes; but no logger
 * that is disabled. Names that the layout does not have are left out.
 */
export function aliveNodes(
  { nodes }: Pick<Layout, "nodes">,
  connected: Iterable<string>,
): readonly NodeName[] {
  const up = new Set(connected);
  return nodes
    .filter(({ name, place, enabled }) => (place === "edge" ? enabled : up.has(name)))
    .map(({ name }) => name);
}

/** The prefixes that a node subscribes to in this life. Its name is in the layout. */
export function subscriptionsOf(
  layout: Pick<Layout, "nodes" | "pools" | "topicNames" | "managerIsLogger" | "hrwGeneration">,
  { name, nodeType }: NodeEntry,
  id: NodeId,
): readonly Prefix[] {
  const { topicNames: names, managerIsLogger } = layout;
  const ofClass = classTopic(names, nodeType);
  const pools = layoutPools(layout).pools.filter(({ nodes }) => nodes.some((member) => member.name === name));
  const isLogger = nodeType === "LOGGER" || (nodeType === "MANAGER" && managerIsLogger);
  return [
    ...(ofClass === undefined ? [] : [ofClass]),
    nodeTopic(names, name),
    nodeidTopic(names, id),
    ...pools.map(({ spec }) => spec.topic),
    ...(isLogger ? [logPrefix(names)] : []),
  ].map((topic): Prefix => topic as string as Prefix);
}

/** The nodes that a node connects to by itself, by name. */
export function connectsTo({ nodes }: Pick<Layout, "nodes">, from: NodeEntry): readonly NodeName[] {
  const manager = from.manager ?? nodes.find(({ nodeType }) => nodeType === "MANAGER")?.name;
  const wants = ({ name, nodeType }: NodeEntry) =>
    CONNECTS_TO[from.nodeType].includes(nodeType) ||
    (HAS_MANAGER.includes(from.nodeType) && name === manager) ||
    (HAS_TIME_MACHINE.includes(from.nodeType) && name === from.timeMachine);
  return nodes.filter((node) => node.name !== from.name && wants(node)).map(({ name }) => name);
}

/** The nodes that a node is connected with, whoever connects. */
export function peersOf(layout: Pick<Layout, "nodes">, node: NodeEntry): readonly NodeName[] {
  const own = new Set(connectsTo(layout, node));
  return layout.nodes
    .filter((other) => own.has(other.name) || connectsTo(layout, other).includes(node.name))
    .map(({ name }) => name);
}
