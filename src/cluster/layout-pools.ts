/** The pools of a layout, and what must hold between its nodes, pools and stores. */
import type { Layout } from "./layout.ts";
import { invalid } from "./layout-fields.ts";
import type { NodeEntry, NodeType } from "./node.ts";
import { setUpPools, type PoolSet } from "./pool-setup.ts";
import { poolSpecs, type PoolEntry } from "./pool-spec.ts";

/** What pools are made from. */
type PoolLayout = Pick<Layout, "nodes" | "pools" | "topicNames" | "managerIsLogger" | "hrwGeneration">;

const sets = new WeakMap<object, PoolSet>();

/** The pools of a layout, set up once for each layout. Throws `invalid_layout`, but not for one that is parsed. */
export function layoutPools(layout: PoolLayout): PoolSet {
  let set = sets.get(layout);
  if (set === undefined) {
    set = poolsWith(layout, []);
    sets.set(layout, set);
  }
  return set;
}

/** The pools of a layout beside those that scripts register. Throws `invalid_layout`. */
export function poolsWith(layout: PoolLayout, registered: readonly PoolEntry[]): PoolSet {
  const { nodes, pools, topicNames, managerIsLogger, hrwGeneration } = layout;
  const specs = poolSpecs(topicNames, pools, registered);
  return setUpPools({ specs, nodes, managerIsLogger, topicNames, generation: hrwGeneration });
}

/** Throws `invalid_layout` when names are there twice, refer to nothing, or the pools cannot be set up. */
export function assertCluster(layout: PoolLayout & Pick<Layout, "stores">): void {
  const { nodes, stores } = layout;
  const byName = new Map<string, NodeEntry>();
  for (const node of nodes) {
    if (byName.has(node.name)) invalid(`node names must be unique: "${node.name}" is there twice`);
    byName.set(node.name, node);
  }
  const managers = nodes.filter(({ nodeType }) => nodeType === "MANAGER").map(({ name }) => name);
  if (managers.length > 1)
    invalid(`a layout has one manager, not ${managers.length}: ${managers.join(", ")}`);
  const assertIs = (what: string, name: string | undefined, type: NodeType | undefined) => {
    const node = name === undefined ? undefined : byName.get(name);
    if (name === undefined || (node !== undefined && (type === undefined || node.nodeType === type))) return;
    invalid(`${what} is ${name}, but the layout has no ${type ?? "node"} of that name`);
  };
  for (const { name, manager, timeMachine } of nodes) {
    assertIs(`manager of node ${name}`, manager, "MANAGER");
    assertIs(`timeMachine of node ${name}`, timeMachine, "TIME_MACHINE");
  }
  for (const { name, masterNode } of stores) assertIs(`masterNode of store ${name}`, masterNode, undefined);
  layoutPools(layout);
}
