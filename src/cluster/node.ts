/**
 * Nodes of the cluster: the entries of Zeek's `Cluster::nodes`. Membership, pools and topics work with these types.
 * Source: Zeek's cluster framework, `NodeType` and `Node`; fields that only one generation has are optional.
 */
import type { Brand } from "../base/brand.ts";
import { LIMITS } from "../base/limits.ts";
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

/** Zeek's `Cluster::NodeType` in its order; TIME_MACHINE is of Bro 2.6. */
export const NODE_TYPES = [
  "NONE",
  "CONTROL",
  "LOGGER",
  "MANAGER",
  "PROXY",
  "WORKER",
  "TIME_MACHINE",
] as const;
export type NodeType = (typeof NODE_TYPES)[number];

/** Unique in the layout. Made by `parseNodeName`. */
export type NodeName = Brand<string, "NodeName">;
/** One life of a node: opaque, another after each restart. */
export type NodeId = Brand<string, "NodeId">;

/** Where a node runs: as an object of the fabric, or as a process that connects to it. */
const NODE_PLACES = ["edge", "remote"] as const;
export type NodePlace = (typeof NODE_PLACES)[number];

export interface NodeEntry {
  readonly name: NodeName;
  readonly nodeType: NodeType;
  readonly place: NodePlace;
  /** Only a logger at the edge may be false: then it takes no new batches. */
  readonly enabled: boolean;
  /** The manager that it belongs to. */
  readonly manager?: NodeName;
  /** What the entry of a Zeek layout also has. The fabric shows these and never dials them: nodes connect to it. */
  readonly ip?: string;
  readonly zoneId?: string;
  /** Listening port, 0 when it does not listen. */
  readonly port?: number;
  readonly metricsPort?: number;
  /** Bro 2.6: what a worker sniffs, and the time machine that it is connected to. */
  readonly interface?: string;
  readonly timeMachine?: NodeName;
}

const FIELDS = [
  "name",
  "nodeType",
  "place",
  "enabled",
  "count",
  "manager",
  "ip",
  "zoneId",
  "port",
  "metricsPort",
  "interface",
  "timeMachine",
] as const;

const PORT_MAX = 65_535;
/** Types that the fabric can run by itself. */
const EDGE_TYPES: readonly NodeType[] = ["MANAGER", "LOGGER", "PROXY"];

/** The name of a node: ASCII letters, digits, dot, underscore, hyphen, 1 to 63. Throws `invalid_layout`. */
export function parseNodeName(v: unknown, field = "name"): NodeName {
  return name(v, field) as NodeName;
}

/** A node type by its Zeek name. Throws `invalid_layout`. */
export function parseNodeType(v: unknown, field = "nodeType"): NodeType {
  return choice(v, field, NODE_TYPES);
}

/**
 * The nodes of a layout, names unique. An entry with `count` n stands for n nodes, `NAME-1` to `NAME-n`. Throws
 * `invalid_layout` naming the field.
 */
export function parseNodes(input: unknown, field = "nodes"): readonly NodeEntry[] {
  const nodes = list(input, field, LIMITS.nodesMax).flatMap((item, i) => parseEntry(item, `${field}[${i}]`));
  if (nodes.length > LIMITS.nodesMax) {
    invalid(`${nodes.length} ${field}, at most ${LIMITS.nodesMax} are allowed`, { bound: LIMITS.nodesMax });
  }
  assertUnique(
    nodes.map((node) => node.name),
    "node names",
  );
  return nodes;
}

function parseEntry(item: unknown, field: string): readonly NodeEntry[] {
  const entry = exactRecord(item, field, FIELDS);
  const nodeType = parseNodeType(entry["nodeType"], `${field}.nodeType`);
  if (nodeType === "NONE") invalid(`${field}.nodeType NONE is that of a process outside the cluster`);
  const node = {
    name: parseNodeName(entry["name"], `${field}.name`),
    nodeType,
    place: parsePlace(entry["place"], nodeType, field),
    enabled: flag(entry["enabled"] ?? true, `${field}.enabled`),
    ...optionalFields(entry, field),
  };
  if (!node.enabled && !isEdgeLogger(node))
    invalid(`${field}.enabled: only a logger at the edge can be disabled`);
  if (entry["count"] === undefined) return [node];
  const count = integer(entry["count"], `${field}.count`, 1, LIMITS.nodesMax);
  return Array.from({ length: count }, (_, i) => ({
    ...node,
    name: parseNodeName(`${node.name}-${i + 1}`, `${field}.name`),
  }));
}

/** Whether the node is a LogWriter of the fabric. */
export function isEdgeLogger({ nodeType, place }: Pick<NodeEntry, "nodeType" | "place">): boolean {
  return nodeType === "LOGGER" && place === "edge";
}

function parsePlace(v: unknown, nodeType: NodeType, field: string): NodePlace {
  const canBeEdge = EDGE_TYPES.includes(nodeType);
  const place = choice(v ?? (canBeEdge ? "edge" : "remote"), `${field}.place`, NODE_PLACES);
  if (place === "edge" && !canBeEdge) invalid(`${field}.place: a ${nodeType} is always remote`, { field });
  return place;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Optional = Mutable<Omit<NodeEntry, "name" | "nodeType" | "place" | "enabled">>;

function optionalFields(entry: Readonly<Record<string, unknown>>, field: string): Optional {
  const out: Optional = {};
  for (const key of ["manager", "timeMachine"] as const) {
    if (entry[key] !== undefined) out[key] = parseNodeName(entry[key], `${field}.${key}`);
  }
  for (const key of ["ip", "zoneId", "interface"] as const) {
    if (entry[key] !== undefined) out[key] = text(entry[key], `${field}.${key}`);
  }
  for (const key of ["port", "metricsPort"] as const) {
    if (entry[key] !== undefined) out[key] = integer(entry[key], `${field}.${key}`, 0, PORT_MAX);
  }
  return out;
}
