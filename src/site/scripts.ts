/** Which scripts run on the nodes at the edge. Edit it and deploy; a script that changed begins another life of its node. */
import type { NodeEntry, NodeType } from "../cluster/node.ts";
import type { Script } from "../script/define.ts";

/** Scripts of all nodes of a type, and of single nodes by name beside them. */
export interface SiteScripts {
  readonly byType: Partial<Record<NodeType, readonly Script[]>>;
  readonly byName: Readonly<Record<string, readonly Script[]>>;
}

export const scripts: SiteScripts = { byType: {}, byName: {} };

/** The scripts of one node. */
export function scriptsOf({ name, nodeType }: Pick<NodeEntry, "name" | "nodeType">): readonly Script[] {
  return [...(scripts.byType[nodeType] ?? []), ...(scripts.byName[name] ?? [])];
}

/** The nodes that the fabric runs and that have scripts. */
export function scriptedNodes(nodes: readonly NodeEntry[]): readonly NodeEntry[] {
  return nodes.filter((node) => node.place === "edge" && node.enabled && scriptsOf(node).length > 0);
}
