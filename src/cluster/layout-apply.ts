/** A layout as people write it, applied to a running fabric: which sections it means, and what it changes. */
import { changedFields, type Named } from "./layout-overrides.ts";
import { exactRecord, invalid } from "./layout-fields.ts";
import {
  loggerNodes,
  parseLayout,
  parseLoggers,
  SECTION_FIELDS,
  SETTING_FIELDS,
  type Layout,
  type LayoutSections,
} from "./layout.ts";
import { isEdgeLogger, parseNodes } from "./node.ts";
import { parsePools } from "./pool-spec.ts";
import { parseStores } from "./store-entry.ts";

/**
 * The sections that a written layout asks for; those that it leaves out stay as they are in `current`. `loggers` without
 * `nodes` means only the loggers at the edge. Throws `invalid_layout`, also for a setting that is not as it is deployed.
 */
export function parseApplied(input: unknown, current: Layout): LayoutSections {
  const root = exactRecord(input, "layout", [...SECTION_FIELDS, ...SETTING_FIELDS]);
  assertSettings(root, current);
  return {
    nodes: appliedNodes(root, current),
    pools: root["pools"] === undefined ? current.pools : parsePools(root["pools"]),
    stores: root["stores"] === undefined ? current.stores : parseStores(root["stores"]),
  };
}

function assertSettings(root: Readonly<Record<string, unknown>>, current: Layout): void {
  const given = SETTING_FIELDS.filter((field) => root[field] !== undefined);
  const written = parseLayout(Object.fromEntries(given.map((field) => [field, root[field]])));
  const other = given.find((field) => JSON.stringify(written[field]) !== JSON.stringify(current[field]));
  if (other === undefined) return;
  const rule = other === "routers" ? " (R8)" : "";
  invalid(`${other} is not as deployed, and changes only by a deploy${rule}`, { field: other });
}

function appliedNodes(root: Readonly<Record<string, unknown>>, current: Layout): LayoutSections["nodes"] {
  const { nodes, loggers } = root;
  if (nodes === undefined && loggers === undefined) return current.nodes;
  const kept = nodes === undefined ? current.nodes.filter((node) => !isEdgeLogger(node)) : parseNodes(nodes);
  return loggers === undefined ? kept : [...kept, ...loggerNodes(parseLoggers(loggers))];
}

/** One entry that differs. */
export interface LayoutDifference {
  readonly section: "nodes" | "pools" | "stores";
  readonly name: string;
  readonly change: "added" | "removed" | "changed";
  /** Of a change: the fields that are others. */
  readonly fields: readonly string[];
}

/** What is different in the other layout, by section. */
export function diffLayouts(from: LayoutSections, to: LayoutSections): readonly LayoutDifference[] {
  return (["nodes", "pools", "stores"] as const).flatMap((section) =>
    diffEntries(from[section], to[section]).map((difference) => ({ section, ...difference })),
  );
}

type EntryDifference = Omit<LayoutDifference, "section">;

function diffEntries(from: readonly Named[], to: readonly Named[]): readonly EntryDifference[] {
  const before = new Map(from.map((entry) => [entry.name, entry]));
  const names = new Set(to.map(({ name }) => name));
  const removed = from.filter(({ name }) => !names.has(name));
  return [
    ...removed.map(({ name }): EntryDifference => ({ name, change: "removed", fields: [] })),
    ...to.flatMap((entry): readonly EntryDifference[] => {
      const { name } = entry;
      const old = before.get(name);
      if (old === undefined) return [{ name, change: "added", fields: [] }];
      const fields = changedFields(old, entry);
      return fields.length === 0 ? [] : [{ name, change: "changed", fields }];
    }),
  ];
}
