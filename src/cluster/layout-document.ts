/**
 * The run-time part of the layout: what operators change without a deploy, as one small document (rules.md 34). It is
 * laid over the deployed layout. The router table and the settings are not in it (rules.md 8), nor are the loggers at the
 * edge but for `enabled`: they hold batches that somebody must be able to read.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { formatCall } from "./layout-call.ts";
import { flag, integer, invalid, name, record } from "./layout-fields.ts";
import { applyOverrides, overridesBetween, parseOverrides, type Override } from "./layout-overrides.ts";
import {
  assembleLayout,
  parseLoggers,
  type Layout,
  type LayoutSections,
  type LoggerEntry,
} from "./layout.ts";
import { parseNodes, type NodeEntry } from "./node.ts";
import { parsePools, type PoolEntry } from "./pool-spec.ts";
import { parseStores, type StoreEntry } from "./store-entry.ts";

/** What differs from the deployed layout. */
export interface LayoutDelta {
  /** Loggers that were enabled or disabled. */
  readonly loggers: readonly LoggerEntry[];
  readonly nodes: readonly Override<NodeEntry>[];
  readonly pools: readonly Override<PoolEntry>[];
  readonly stores: readonly Override<StoreEntry>[];
}

export interface LayoutDocument extends LayoutDelta {
  /** Rises with each change; 0 before the first. */
  readonly epoch: number;
}

/** What an operator asks for: one logger, or all differences at once, made from the document with this epoch. */
export type LayoutChange =
  | ({ readonly type: "logger" } & LoggerEntry)
  | ({ readonly type: "layout"; readonly epoch: number } & LayoutDelta);

/** The document before the first change. */
export const EMPTY_DOCUMENT: LayoutDocument = { epoch: 0, loggers: [], nodes: [], pools: [], stores: [] };

/** A document from storage or an answer; earlier releases had only loggers. Throws `invalid_layout` naming the field. */
export function parseLayoutDocument(input: unknown): LayoutDocument {
  const root = record(input, "document");
  return { epoch: integer(root["epoch"], "epoch", 0), ...parseDelta(root) };
}

/** A change from a call. Throws `invalid_layout` naming the field. */
export function parseLayoutChange(input: unknown): LayoutChange {
  const root = record(input, "change");
  if (root["type"] === "layout") {
    return { type: "layout", epoch: integer(root["epoch"], "change.epoch", 0), ...parseDelta(root) };
  }
  if (root["type"] !== "logger") invalid('change.type must be "logger" or "layout"');
  return {
    type: "logger",
    name: name(root["name"], "change.name"),
    enabled: flag(root["enabled"], "change.enabled"),
  };
}

function parseDelta(root: Readonly<Record<string, unknown>>): LayoutDelta {
  return {
    loggers: parseLoggers(root["loggers"]),
    nodes: parseOverrides(root["nodes"] ?? [], "nodes", LIMITS.nodesMax, parseNodes),
    pools: parseOverrides(root["pools"] ?? [], "pools", LIMITS.poolsMax, parsePools),
    stores: parseOverrides(root["stores"] ?? [], "stores", LIMITS.storesMax, parseStores),
  };
}

/**
 * The document after a change: the very same when nothing changes. Throws `unknown_logger` when the layout does not name
 * it; `layout_changed` when the change was made from another document, `invalid_layout` when the layout would contradict
 * itself, `too_large` when the document would.
 */
export function changeDocument(
  document: LayoutDocument,
  change: LayoutChange,
  deployed: Layout,
): LayoutDocument {
  return change.type === "logger"
    ? changeLogger(document, change, deployed)
    : changeLayout(document, change, deployed);
}

/**
 * An override that says what the deployed layout says is not kept, so the deployment decides again; nor is one of a
 * logger that is gone, which bounds their number.
 */
function changeLogger(
  document: LayoutDocument,
  { name: changed, enabled }: LoggerEntry,
  deployed: Layout,
): LayoutDocument {
  const entry = deployed.loggers.find((logger) => logger.name === changed);
  if (entry === undefined) throw new FabricError("unknown_logger", `the layout has no logger ${changed}`);
  const override = entry.enabled === enabled ? undefined : enabled;
  if (loggerOverride(document, changed) === override) return document;
  const loggers = deployed.loggers.flatMap(({ name: logger }) => {
    const value = logger === changed ? override : loggerOverride(document, logger);
    return value === undefined ? [] : [{ name: logger, enabled: value }];
  });
  return { ...document, epoch: document.epoch + 1, loggers };
}

function changeLayout(
  document: LayoutDocument,
  { epoch, loggers, nodes, pools, stores }: Extract<LayoutChange, { type: "layout" }>,
  deployed: Layout,
): LayoutDocument {
  if (epoch !== document.epoch) {
    throw new FabricError(
      "layout_changed",
      `the layout is at epoch ${document.epoch}, the change is for ${epoch}`,
    );
  }
  const same = { epoch, loggers, nodes, pools, stores };
  if (JSON.stringify(same) === JSON.stringify(document)) return document;
  const changed = { ...same, epoch: epoch + 1 };
  mergeLayout(deployed, changed);
  formatCall(changed);
  return changed;
}

/** The differences that make a layout with these sections. Throws `invalid_layout` for what cannot be at run time. */
export function deltaFor(deployed: Layout, wanted: LayoutSections): LayoutDelta {
  const { loggers } = withDeployedLoggers(assembleLayout(deployed, wanted), deployed);
  const enabledOf = new Map(deployed.loggers.map((logger) => [logger.name, logger.enabled]));
  const nodes = wanted.nodes.map((node) => ({ ...node, enabled: enabledOf.get(node.name) ?? node.enabled }));
  return {
    loggers: loggers.filter((logger) => enabledOf.get(logger.name) !== logger.enabled),
    nodes: overridesBetween(deployed.nodes, nodes),
    pools: overridesBetween(deployed.pools, wanted.pools),
    stores: overridesBetween(deployed.stores, wanted.stores),
  };
}

/** What the document says about a logger, or undefined. */
export function loggerOverride(document: LayoutDocument, logger: string): boolean | undefined {
  return document.loggers.find((entry) => entry.name === logger)?.enabled;
}

/**
 * The layout with the document laid over it. Overrides of loggers that the deployed layout does not name say nothing.
 * Throws `invalid_layout` when the two contradict each other.
 */
export function mergeLayout(deployed: Layout, document: LayoutDocument): Layout {
  const { loggers, nodes, pools, stores } = document;
  if ([loggers, nodes, pools, stores].every(({ length }) => length === 0)) return deployed;
  const known = new Set(deployed.loggers.map((logger) => logger.name));
  const overrides = new Map(
    loggers.filter((logger) => known.has(logger.name)).map((l) => [l.name, l.enabled]),
  );
  const merged = assembleLayout(deployed, {
    nodes: applyOverrides(deployed.nodes, nodes).map((node) => {
      const enabled = overrides.get(node.name);
      return enabled === undefined ? node : { ...node, enabled };
    }),
    pools: applyOverrides(deployed.pools, pools),
    stores: applyOverrides(deployed.stores, stores),
  });
  return withDeployedLoggers(merged, deployed);
}

/**
 * The layout in force, and why the run-time part is left out of it but for the loggers' `enabled`: a later deploy may
 * contradict what operators changed before, and then the deployment decides.
 */
export function layoutInForce(
  deployed: Layout,
  document: LayoutDocument,
): { readonly layout: Layout; readonly contradiction: string | undefined } {
  try {
    return { layout: mergeLayout(deployed, document), contradiction: undefined };
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    const { loggers } = document;
    return { layout: mergeLayout(deployed, { ...EMPTY_DOCUMENT, loggers }), contradiction: error.message };
  }
}

function withDeployedLoggers(layout: Layout, deployed: Layout): Layout {
  const names = (of: Layout) =>
    of.loggers
      .map((logger) => logger.name)
      .toSorted()
      .join(", ");
  if (names(layout) !== names(deployed)) {
    invalid(
      `loggers at the edge come and go with a deploy, because they hold batches: it has ${names(deployed) || "none"}, ` +
        `this is ${names(layout) || "none"}; a logger can be disabled instead`,
    );
  }
  return layout;
}
