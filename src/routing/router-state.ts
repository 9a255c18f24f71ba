/** What a router keeps in storage, and what it asks its driver to do. Shapes only. */
import type { InstanceId } from "../protocol/frame.ts";
import type { Prefix } from "../protocol/topic.ts";
import type { KeptChange, StoredLog } from "./kept.ts";
import type { RouterCounts } from "./ledger.ts";
import type { Route } from "./placement.ts";
import type { ReaderTerms } from "./reader-terms.ts";

/** A trunk and its subscriptions: one row, written on change (rule 6). It outlives a sleep that leaves the socket open. */
export interface TrunkRow {
  readonly id: string;
  readonly instance: InstanceId;
  readonly connection: number;
  readonly terms: ReaderTerms;
  readonly prefixes: readonly Prefix[];
  /** Where the trunk stood at that change: its last delivery is this one or a later one. */
  readonly lastSeq: number;
}

/** What a quiet router writes so that its next life goes on where this one stopped (rule 2). */
export interface Checkpoint {
  readonly incarnation: number;
  readonly seq: number;
  /** Last publisher sequence number taken, by publisher instance. */
  readonly marks: readonly (readonly [InstanceId, number])[];
  /** Last sequence number sent, by trunk, or trunk and stream (router.ts); those not listed stand at `seq`. */
  readonly lastSeqs: readonly (readonly [id: string, seq: number])[];
  /** The loss ledger; absent in a checkpoint of a release that had none. */
  readonly counts?: RouterCounts | undefined;
}

/** What a router had taken when its table changed. */
export interface Era {
  /** Rises from table to table. */
  readonly number: number;
  /** The table that ended. */
  readonly routes: readonly Route[];
  readonly marks: Checkpoint["marks"];
}

/** All that storage holds when a router starts. */
export interface StoredRouter {
  /** The last incarnation; 0 before the first start. */
  readonly incarnation: number;
  /** Present only while nothing was sent since it was written. */
  readonly checkpoint: Checkpoint | undefined;
  readonly trunks: readonly TrunkRow[];
  /** The last checkpoint that does not stand any more: its marks still hold. */
  readonly marks: Checkpoint | undefined;
  readonly logs: readonly StoredLog[];
  /** The table of the last start; absent before the first one that kept it. */
  readonly table?: { readonly version: string; readonly routes: readonly Route[] } | undefined;
  /** What was taken under the tables before, oldest first. */
  readonly eras?: readonly Era[];
}

/** One change of storage. Those of a turn are applied in one transaction, before anything is sent (rule 35). */
export type RouterChange =
  | { readonly type: "incarnation"; readonly incarnation: number }
  | { readonly type: "checkpoint"; readonly checkpoint: Checkpoint }
  /** The checkpoint does not stand any more; its marks are kept. */
  | { readonly type: "checkpointUsed" }
  /** Marks of publishers, in the place of a checkpoint that does not stand. */
  | { readonly type: "marks"; readonly checkpoint: Checkpoint }
  /** Another table; with what was taken under the one before, and the eras that are forgotten. */
  | {
      readonly type: "table";
      readonly table: NonNullable<StoredRouter["table"]>;
      readonly era?: Era;
      readonly goneThrough?: number | undefined;
    }
  | { readonly type: "trunk"; readonly row: TrunkRow }
  | { readonly type: "trunkGone"; readonly id: string }
  | KeptChange;

export type RouterEffect =
  | { readonly type: "persist"; readonly change: RouterChange }
  | { readonly type: "send"; readonly trunks: readonly string[]; readonly bytes: Uint8Array }
  | { readonly type: "close"; readonly trunk: string; readonly code: number; readonly reason: string };
