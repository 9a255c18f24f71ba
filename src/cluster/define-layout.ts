/** The form in which people write a layout, so that an editor completes and checks it. */
import type { HrwGeneration } from "./key-digest.ts";
import type { NodePlace, NodeType } from "./node.ts";
import type { PoolNodeType } from "./pool-spec.ts";
import type { SqliteOptions, StoreBackend } from "./store-entry.ts";
import type { TopicNames } from "./topic-names.ts";

/** A node, or with `count` n nodes NAME-1 to NAME-n. The manager, loggers and proxies are at the edge by default. */
interface NodeSource {
  readonly name: string;
  readonly nodeType: Exclude<NodeType, "NONE">;
  readonly place?: NodePlace;
  readonly enabled?: boolean;
  readonly count?: number;
  readonly manager?: string;
  readonly ip?: string;
  readonly zoneId?: string;
  readonly port?: number;
  readonly metricsPort?: number;
  readonly interface?: string;
  readonly timeMachine?: string;
}

/** A pool, or what the site says of `worker`, `proxy` or `logger`. */
interface PoolSource {
  readonly name: string;
  readonly topic?: string;
  readonly nodeType?: PoolNodeType;
  readonly maxNodes?: number;
  readonly exclusive?: boolean;
}

interface StoreSource {
  readonly name: string;
  readonly masterNode?: string;
  readonly backend?: StoreBackend;
  readonly sqlite?: Partial<SqliteOptions>;
  readonly cloneResyncIntervalMs?: number;
  /** null: never stale. */
  readonly cloneStaleIntervalMs?: number | null;
  readonly cloneMutationBufferIntervalMs?: number;
}

/** A layout as src/site/layout.ts and the LAYOUT variable hold it. Everything has a default. */
export interface LayoutSource {
  readonly routers?: readonly { readonly name: string; readonly prefix: string }[];
  /** Rows of earlier tables whose routers may still keep what is read again. */
  readonly formerRouters?: readonly { readonly name: string; readonly prefix: string }[];
  readonly nodes?: readonly NodeSource[];
  /** Short for nodes of the type LOGGER at the edge. */
  readonly loggers?: readonly { readonly name: string; readonly enabled?: boolean }[];
  readonly pools?: readonly PoolSource[];
  readonly stores?: readonly StoreSource[];
  readonly topicNames?: "zeek" | "bro" | (Partial<TopicNames> & { readonly base?: "zeek" | "bro" });
  readonly managerIsLogger?: boolean;
  readonly roundRobinLogging?: boolean;
  readonly retryIntervalMs?: number;
  readonly hrwGeneration?: HrwGeneration;
  readonly jsonReader?: { readonly bytesPerSecond?: number; readonly burstBytes?: number };
  readonly retention?: readonly {
    readonly prefix: string;
    readonly seconds?: number;
    readonly bytes?: number;
    readonly events?: number;
  }[];
}

/** The layout, typed. It is checked when it is used (`selvedge cluster check`). */
export function defineLayout<const T extends LayoutSource>(layout: T): T {
  return layout;
}
