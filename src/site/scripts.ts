/** Which scripts run on the nodes at the edge. Edit it and deploy; a script that changed begins another life of its node. */
import type { NodeEntry, NodeType } from "../cluster/node.ts";
import shipped from "../policy/shipped.ts";
import type { Script } from "../script/define.ts";

type ByType = Partial<Record<NodeType, readonly Script[]>>;

/** Scripts of all nodes of a type, and of single nodes by name beside them. */
export interface SiteScripts {
  readonly byType: ByType;
  readonly byName: Readonly<Record<string, readonly Script[]>>;
  /** By type, where the layout has workers: without any these would have nothing to do, and nodes that run none never wake. */
  readonly withWorkers: ByType;
}

export const scripts: SiteScripts = {
  byType: {},
  byName: {},
  withWorkers: { MANAGER: shipped, PROXY: shipped },
};

/** The scripts of a node of a layout; none for a name that it does not have. */
export function scriptsOf(nodes: readonly NodeEntry[], name: string): readonly Script[] {
  const nodeType = nodes.find((node) => node.name === name)?.nodeType;
  if (nodeType === undefined) return [];
  const { byType, byName, withWorkers } = scripts;
  const hasWorkers = nodes.some((node) => node.nodeType === "WORKER");
  return [
    ...(byType[nodeType] ?? []),
    ...((hasWorkers ? withWorkers[nodeType] : undefined) ?? []),
    ...(byName[name] ?? []),
  ];
}

/** The nodes that the fabric runs and that have scripts. */
export function scriptedNodes(nodes: readonly NodeEntry[]): readonly NodeEntry[] {
  return nodes.filter(
    ({ place, enabled, name }) => place === "edge" && enabled && scriptsOf(nodes, name).length > 0,
  );
}
