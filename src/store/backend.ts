/**
 * Where a master keeps its store. Calls are synchronous, and all of one turn belong to one commit: the driver runs
 * `StoreMaster.turn` inside of a transaction. What a call throws ends that turn, and the master with it. Everything is
 * read through here, so that a store need not fit in memory.
 */
import type { InstanceId } from "../protocol/frame.ts";
import type { StoredEntry } from "./command.ts";

/** An entry and the change that wrote it last. */
export interface StoreRow extends StoredEntry {
  readonly seq: number;
}

/** What one scan looks at, at most. It always looks at one row, however large. */
export interface ScanBounds {
  /** Rows looked at. */
  readonly rowsMax: number;
  /** Bytes of keys and values of the rows that it gives. */
  readonly bytesMax: number;
  /** Gives only rows written by a later change. */
  readonly newerThan?: number;
}

export interface Scan {
  /** In byte order of the keys. */
  readonly rows: readonly StoreRow[];
  /** The last key looked at: the next scan begins after it. Undefined: nothing is behind. */
  readonly next: Uint8Array | undefined;
}

/**
 * What clones catch up by: `deltas` holds all changes, `tombstones` only the keys that went, for longer. Batches of
 * one log follow one another; each covers `first` to `last`.
 */
export type BatchLog = "deltas" | "tombstones";
export interface Batch {
  readonly first: number;
  readonly last: number;
  readonly bytes: Uint8Array;
}

/** What one log holds: everything behind `after`. */
export interface LogSpan {
  readonly after: number;
  readonly bytes: number;
}

/** One row with what belongs to the store as a whole; written with each commit that changes something. */
export interface StoreHead {
  readonly epoch: number;
  readonly seq: number;
  /** The master's clock: it never goes back, ms since 1970. */
  readonly clockMs: number;
  /** Entries, and the bytes that they count for. */
  readonly keys: number;
  readonly bytes: number;
  readonly deltas: LogSpan;
  readonly tombstones: LogSpan;
  /** Marks that were last used up to this moment may have been forgotten, ms since 1970. */
  readonly forgottenMs: number;
  /** Whether commits may have been told of that a crash can still take back. */
  readonly isOpen: boolean;
}

/** What is known of one client's commands. */
export interface StoredMark {
  readonly instance: InstanceId;
  readonly touchedMs: number;
  readonly bytes: Uint8Array;
}

export interface StoreBackend {
  readonly head: () => StoreHead | undefined;
  readonly setHead: (head: StoreHead) => void;

  readonly get: (key: Uint8Array) => StoreRow | undefined;
  readonly put: (row: StoreRow) => void;
  readonly delete: (key: Uint8Array) => void;
  /** Deletes all rows. */
  readonly clear: () => void;
  readonly scan: (after: Uint8Array | undefined, bounds: ScanBounds) => Scan;
  /** Rows with `expiryMs` < `nowMs`, the earliest first. */
  readonly due: (nowMs: number, rowsMax: number) => readonly StoreRow[];
  /** The earliest `expiryMs`. */
  readonly nextExpiryMs: () => number | undefined;

  /** Adds a batch behind all others of a log. */
  readonly append: (log: BatchLog, batch: Batch) => void;
  /** The first batch with `last` > `seq`. */
  readonly batchAfter: (log: BatchLog, seq: number) => Batch | undefined;
  /** Deletes the batches with `last` <= `seq`. */
  readonly trim: (log: BatchLog, seq: number) => void;

  readonly mark: (instance: InstanceId) => StoredMark | undefined;
  readonly setMark: (mark: StoredMark) => void;
  /** Forgets marks last used before `beforeMs`, and the oldest past `marksMax`; gives the latest `touchedMs` forgotten. */
  readonly forgetMarks: (beforeMs: number, marksMax: number) => number | undefined;
}
