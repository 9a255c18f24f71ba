/** The layout as people and programs look at it: where each setting comes from, and what to know about it. */
import { textOf } from "../protocol/topic.ts";
import type { LayoutDifference } from "./layout-apply.ts";
import { layoutInForce, loggerOverride, type LayoutDocument } from "./layout-document.ts";
import { layoutPools } from "./layout-pools.ts";
import { SETTING_FIELDS, type Layout, type LayoutSettings } from "./layout.ts";
import type { NodeEntry } from "./node.ts";
import type { PoolSpec } from "./pool-spec.ts";
import type { StoreEntry } from "./store-entry.ts";

/** src/site/layout.ts, the LAYOUT variable, or a change at run time. */
export type LayoutSource = "site" | "variable" | "operator";

/** The answer of `GET /v1/cluster`. */
export interface LayoutView {
  /** Of the run-time part; rises with each change. */
  readonly epoch: number;
  readonly routers: readonly {
    readonly name: string;
    readonly prefix: string;
    readonly source: LayoutSource;
  }[];
  readonly loggers: readonly {
    readonly name: string;
    readonly enabled: boolean;
    /** What the deployment says. */
    readonly deployed: boolean;
    readonly source: LayoutSource;
  }[];
  readonly jsonReader: {
    readonly bytesPerSecond: number;
    readonly burstBytes: number;
    readonly source: LayoutSource;
  };
  /** All nodes, the loggers among them. */
  readonly nodes: readonly (NodeEntry & { readonly source: LayoutSource })[];
  /** By topic, with their members in the order of round robin; topics are text. */
  readonly pools: readonly (Omit<PoolSpec, "topic"> & {
    readonly topic: string;
    readonly nodes: readonly string[];
    /** Undefined for a built-in pool of which nobody says anything. */
    readonly source: LayoutSource | undefined;
  })[];
  readonly stores: readonly (StoreEntry & { readonly source: LayoutSource })[];
  readonly settings: Omit<LayoutSettings, "routers" | "formerRouters" | "jsonReader" | "retention">;
  /** Why what operators changed of nodes, pools and stores is left out: the deployed layout contradicts it. */
  readonly contradiction?: string;
}

/** The answer of `PUT /v1/cluster`: the layout as it is then, or would be. */
export interface LayoutApplied extends LayoutView {
  readonly difference: readonly LayoutDifference[];
  /** False for a dry run. */
  readonly applied: boolean;
}

/** The layout in force; `source` is where the deployed one comes from. */
export function viewLayout(
  deployed: Layout,
  source: Exclude<LayoutSource, "operator">,
  document: LayoutDocument,
): LayoutView {
  const { layout, contradiction } = layoutInForce(deployed, document);
  const wasSaid = contradiction === undefined ? document : undefined;
  const changed = (section: "nodes" | "pools" | "stores") =>
    new Set(wasSaid?.[section].map(({ name }): string => name));
  const [nodes, pools, stores] = [changed("nodes"), changed("pools"), changed("stores")];
  const by = (names: ReadonlySet<string>, name: string) => (names.has(name) ? "operator" : source);
  const isWritten = new Set(layout.pools.map(({ name }) => name));
  const sourceOfPool = (name: string) =>
    isWritten.has(name) || pools.has(name) ? by(pools, name) : undefined;
  return {
    epoch: document.epoch,
    routers: layout.routers.map(({ name, prefix }) => ({ name, prefix: textOf(prefix), source })),
    loggers: layout.loggers.map(({ name, enabled }) => ({
      name,
      enabled,
      deployed: deployed.loggers.find((logger) => logger.name === name)!.enabled,
      source: loggerOverride(document, name) === undefined ? source : "operator",
    })),
    jsonReader: { ...layout.jsonReader, source },
    nodes: layout.nodes.map((node) => ({
      ...node,
      source: loggerOverride(document, node.name) === undefined ? by(nodes, node.name) : "operator",
    })),
    pools: layoutPools(layout).pools.map(({ spec, nodes: members }) => ({
      ...spec,
      topic: textOf(spec.topic),
      nodes: members.map(({ name }) => name),
      source: sourceOfPool(spec.name),
    })),
    stores: layout.stores.map((store) => ({ ...store, source: by(stores, store.name) })),
    settings: settingsOf(layout),
    ...(contradiction === undefined ? {} : { contradiction }),
  };
}

const ELSEWHERE: readonly string[] = ["routers", "formerRouters", "jsonReader", "retention"];

function settingsOf(layout: Layout): LayoutView["settings"] {
  const fields = SETTING_FIELDS.filter((field) => !ELSEWHERE.includes(field));
  return Object.fromEntries(
    fields.map((field) => [field, layout[field]]),
  ) as unknown as LayoutView["settings"];
}
