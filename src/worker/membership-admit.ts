/** Who may be which node: the token says for whom it speaks, the layout which nodes there are. */
import { FabricError } from "../base/errors.ts";
import { parseNodeName, parseNodeType, type NodeEntry } from "../cluster/node.ts";
import type { Grant } from "../protocol/grant.ts";

/** A node of the layout, as far as membership looks at it. */
export type KnownNode = Pick<NodeEntry, "name" | "nodeType" | "place">;

/**
 * Throws `forbidden` when the token does not speak for this node (one with `admin` speaks for any), `unknown_node` when
 * the layout has remote nodes and not this one, `invalid_data` for a bad name or type.
 */
export function admitNode(
  grant: Grant,
  nodes: readonly KnownNode[],
  nodeName: string,
  nodeType: string,
): void {
  assertNode(nodeName, nodeType);
  const isGranted = grant.name === undefined ? grant.admin : grant.name === nodeName;
  if (!isGranted) throw new FabricError("forbidden", `the token does not speak for the node ${nodeName}`);
  if (grant.nodeType !== undefined && grant.nodeType.toUpperCase() !== nodeType) {
    throw new FabricError("forbidden", `the token speaks for a ${grant.nodeType}, not for a ${nodeType}`);
  }
  const entry = nodes.find((node) => node.name === nodeName);
  if (entry === undefined) {
    if (nodes.every((node) => node.place === "edge")) return;
    throw new FabricError("unknown_node", `the layout has no node ${nodeName}`);
  }
  if (entry.place === "edge") throw new FabricError("forbidden", `${nodeName} runs in the fabric itself`);
  if (entry.nodeType !== nodeType) {
    const message = `${nodeName} is a ${entry.nodeType} in the layout, not a ${nodeType}`;
    throw new FabricError("invalid_data", message);
  }
}

function assertNode(nodeName: string, nodeType: string): void {
  try {
    parseNodeName(nodeName);
    if (parseNodeType(nodeType) !== "NONE") return;
  } catch (cause) {
    throw new FabricError("invalid_data", cause instanceof Error ? cause.message : "no node", { cause });
  }
  throw new FabricError("invalid_data", "nodeType NONE is that of a process outside the cluster");
}
