/** What a node's scripts keep, and what they ask their host to do. Shapes only. */
import type { StreamName } from "../logs/stream-name.ts";
import type { Value } from "../data/value.ts";
import type { FabricEvent } from "../protocol/event.ts";
import type { Prefix, Topic } from "../protocol/topic.ts";
import type { LogRecord } from "./log-line.ts";

/** An event that is due at a time, ms since 1970. */
export interface ScheduledEvent {
  /** Rises on one node; of two that are due together the lower one goes first. */
  readonly id: number;
  readonly atMs: number;
  readonly event: FabricEvent;
}

/** What a handler has changed of what its script set up: subscriptions, and events that are published by themselves. */
export interface Setting {
  readonly kind: "subscribe" | "autoPublish";
  readonly name: string;
  readonly isOn: boolean;
}

/** An operation that a script waits for. Its callback lives in memory only. */
export interface AwaitedOperation {
  readonly id: number;
  readonly script: string;
}

/** What a node's host keeps of one life of it, beside the state. */
export interface StoredNode {
  /** Whether `zeek_init` has run. */
  readonly isBegun: boolean;
  readonly schedules: readonly ScheduledEvent[];
  readonly settings: readonly Setting[];
  /** Operations that were under way when the node died. */
  readonly awaited: readonly AwaitedOperation[];
}

/** What scripts read of the state that was stored before the turn: CBOR of a value, by key. */
export interface StateStore {
  get(key: string): Uint8Array | undefined;
  /** In any order. */
  entries(prefix: string): Iterable<readonly [key: string, bytes: Uint8Array]>;
}

/** To be stored in the commit of the turn. */
export type ScriptChange =
  | { readonly type: "begun" }
  | { readonly type: "put"; readonly key: string; readonly bytes: Uint8Array }
  | { readonly type: "erase"; readonly key: string }
  | { readonly type: "scheduled"; readonly scheduled: ScheduledEvent }
  | { readonly type: "unscheduled"; readonly id: number }
  | { readonly type: "awaits"; readonly operation: AwaitedOperation }
  | { readonly type: "awaited"; readonly id: number }
  /** `isOn` undefined: as the scripts set it up. */
  | {
      readonly type: "setting";
      readonly kind: Setting["kind"];
      readonly name: string;
      readonly isOn: boolean | undefined;
    };

/** What went wrong, or is odd, in a script. */
export interface ScriptReport {
  readonly level: "error" | "warning";
  /** Undefined where no script is at fault. */
  readonly script: string | undefined;
  /** The event that was handled. */
  readonly event: string | undefined;
  readonly message: string;
}

/** How the node of a pool was chosen. */
export type PoolTarget =
  | { readonly pool: string; readonly choice: "hrw"; readonly key: Value }
  | { readonly pool: string; readonly choice: "node"; readonly node: string };

/** In the order in which the scripts did it. Changes are stored, publishes and logs accepted, in one commit. */
export type ScriptEffect =
  | { readonly type: "persist"; readonly change: ScriptChange }
  | {
      readonly type: "publish";
      readonly topic: Topic;
      readonly event: FabricEvent;
      /** It is for one node of a pool of the layout, chosen by this key or in turn; its topic is that of the node. */
      readonly pool?: PoolTarget;
    }
  /** `line` is the record as Zeek's JSON. */
  | {
      readonly type: "log";
      readonly stream: StreamName;
      readonly record: LogRecord;
      readonly line: string;
    }
  | { readonly type: "subscribe"; readonly prefix: Prefix }
  | { readonly type: "unsubscribe"; readonly prefix: Prefix }
  /** Start it, and answer with `answered`. */
  | { readonly type: "when"; readonly id: number; readonly operation: () => Promise<unknown> }
  /** Nodes have come or gone: who has no views sent to it should ask for one. */
  | { readonly type: "viewDue" }
  /** Another layout is in force: it is to be read, and given to `layout`. */
  | { readonly type: "layoutDue" }
  | { readonly type: "report"; readonly report: ScriptReport };
