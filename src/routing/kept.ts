/** What a router keeps for readers that come back: shapes, and what the engine reads from storage (rules 4, 10, 11). */
import type { Prefix } from "../protocol/topic.ts";

/** How long the topics under a prefix are kept: whichever bound is reached first. The longest matching prefix decides. */
export interface RetentionPolicy {
  readonly prefix: Prefix;
  readonly seconds: number;
  readonly bytes: number;
  readonly events: number;
}

/** A place in the order of one router, over its incarnations. */
export interface Place {
  readonly incarnation: number;
  readonly seq: number;
}

/** Lexicographic: an earlier incarnation stands before everything of a later one. */
export function isBefore(a: Place, b: Place): boolean {
  return a.incarnation < b.incarnation || (a.incarnation === b.incarnation && a.seq < b.seq);
}

/** Where a kept row stands. */
export interface KeptHead {
  /** Rises by one from row to row of a policy; the policy's number is in the upper bits. */
  readonly id: number;
  readonly incarnation: number;
  /** Sequence number of its last frame. */
  readonly last: number;
  /** When its frames were sequenced, ms since 1970; never less than that of the row before (rule 11). */
  readonly timeMs: number;
  /** Events and bytes of the policy up to the end of this row: what lies between two rows is a subtraction. */
  readonly eventsEnd: number;
  readonly bytesEnd: number;
}

/** Frames of one turn under one policy, of one incarnation. */
export interface KeptRow extends KeptHead {
  /** As `encodeSequenced` writes them. */
  readonly frames: Uint8Array;
}

/** What storage holds under one policy when a router starts. */
export interface StoredLog {
  readonly number: number;
  readonly prefix: Prefix;
  /** The last frame that has expired. */
  readonly expired: Place | undefined;
  /** Ids of the first row and of the one that follows the last; equal when there are none. */
  readonly first: number;
  readonly next: number;
}

/** What the engine reads: rows that earlier turns have written. Their ids have no holes. */
export interface KeptStore {
  head(id: number): KeptHead;
  /** The row under `from` and those behind it, up to `end`, until their frames make up `bytesMax`. */
  rows(from: number, end: number, bytesMax: number): readonly KeptRow[];
}

/** Changes of what is kept; they belong to the transaction of their turn. */
export type KeptChange =
  | {
      readonly type: "log";
      readonly number: number;
      readonly prefix: Prefix;
      /** What was there before it was kept. */
      readonly expired?: Place | undefined;
    }
  | { readonly type: "logGone"; readonly number: number }
  | { readonly type: "keep"; readonly row: KeptRow }
  /** Rows up to and including `through` go. */
  | { readonly type: "expire"; readonly number: number; readonly through: number; readonly expired: Place };

/** Rows of one log: number × 2^40 and up. */
export const LOG_IDS = 2 ** 40;
