/**
 * What one clone is sent: deltas from its position on as long as the log has them, otherwise rows in key order, over
 * many turns, and then the deltas since. A pass over rows sends those that changed after what the clone has (all, when
 * it has nothing); whatever is written meanwhile is in the log behind `base`, or in the next pass (rule 27).
 */
import { LIMITS } from "../base/limits.ts";
import type { StoreBackend } from "./backend.ts";
import { decodeTombstones } from "./change.ts";
import { creditBytes, type StreamMessage, type StorePosition } from "./message.ts";
import type { StoreCommit } from "./store-commit.ts";

/** What a scan costs at least, as bytes read: one that gives little has looked at many rows all the same. */
const SCAN_BYTES = LIMITS.storeSnapshotBytes / 2;

type Phase =
  | { readonly type: "deltas"; readonly sent: number; readonly isTold: boolean }
  | {
      readonly type: "tombstones";
      readonly since: number;
      readonly base: number;
      /** All of them up to here are sent. */
      readonly sent: number;
    }
  | {
      readonly type: "rows";
      readonly since: number;
      readonly base: number;
      /** Nothing of this snapshot is sent yet, and it replaces everything. */
      readonly isReset: boolean;
      readonly after: Uint8Array | undefined;
    };

interface Step {
  readonly message: StreamMessage;
  /** Bytes that were read for it: what many clones get at once is read once. */
  readonly readBytes: number;
}

export class CloneStream {
  readonly number: number;
  readonly #store: StoreCommit;
  readonly #backend: StoreBackend;
  #phase: Phase;
  #index = 0;
  #sentBytes = 0;
  #grantedBytes: number;

  constructor(
    number: number,
    store: StoreCommit,
    backend: StoreBackend,
    position: StorePosition | undefined,
    grantedBytes: number,
  ) {
    this.number = number;
    this.#store = store;
    this.#backend = backend;
    this.#grantedBytes = grantedBytes;
    const { epoch, seq } = store.head;
    const isKnown = position?.epoch === epoch && position.seq <= seq;
    this.#phase = this.#plan(isKnown ? position.seq : undefined);
  }

  /** Whether there is something that it may send now. */
  get isReady(): boolean {
    const { seq } = this.#store.head;
    if (this.#phase.type === "deltas" && this.#phase.sent === seq) return !this.#phase.isTold;
    return this.#sentBytes < this.#grantedBytes;
  }

  /** All that the clone takes, from the beginning of the stream on. */
  grant(bytes: number): void {
    this.#grantedBytes = Math.max(this.#grantedBytes, bytes);
  }

  /** The first message. */
  attached(): { readonly index: number; readonly message: StreamMessage } {
    return this.#number({ type: "attached", epoch: this.#store.head.epoch });
  }

  /** The next message, when `isReady`. */
  next(): { readonly index: number; readonly message: StreamMessage; readonly readBytes: number } {
    const { message, readBytes } = this.#step();
    this.#sentBytes += creditBytes(message);
    return { ...this.#number(message), readBytes };
  }

  #number(message: StreamMessage) {
    return { index: this.#index++, message };
  }

  /** How a clone that has everything up to `since` gets the rest; undefined: that has nothing. */
  #plan(since: number | undefined): Phase {
    const { batches, head } = this.#store;
    const base = head.seq;
    if (since !== undefined && since >= batches.span("deltas").after) {
      return { type: "deltas", sent: since, isTold: false };
    }
    if (since !== undefined && since >= batches.span("tombstones").after) {
      return { type: "tombstones", since, base, sent: since };
    }
    return { type: "rows", since: 0, base, isReset: true, after: undefined };
  }

  #step(): Step {
    const phase = this.#phase;
    switch (phase.type) {
      case "deltas":
        return this.#deltas(phase);
      case "tombstones":
        return this.#tombstones(phase);
      case "rows":
        return this.#rows(phase);
    }
  }

  #deltas(phase: Extract<Phase, { type: "deltas" }>): Step {
    const { batches, head } = this.#store;
    if (phase.sent === head.seq) {
      this.#phase = { ...phase, isTold: true };
      return { message: { type: "synced", seq: head.seq }, readBytes: 0 };
    }
    if (phase.sent < batches.span("deltas").after) {
      this.#phase = this.#plan(phase.sent);
      return this.#step();
    }
    const { batch, isAtHand } = batches.after(phase.sent)!;
    this.#phase = { ...phase, sent: batch.last };
    const readBytes = isAtHand ? 0 : batch.bytes.length;
    return { message: { type: "deltas", batch: batch.bytes }, readBytes };
  }

  /** Keys that went since. One that has come back is among the rows that follow. */
  #tombstones(phase: Extract<Phase, { type: "tombstones" }>): Step {
    const { since, base } = phase;
    if (this.#store.batches.span("tombstones").after > since) {
      this.#phase = this.#plan(undefined);
      return this.#step();
    }
    const batch = this.#backend.batchAfter("tombstones", phase.sent);
    if (batch === undefined || batch.first > base) {
      this.#phase = { type: "rows", since, base, isReset: false, after: undefined };
      return this.#step();
    }
    this.#phase = { ...phase, sent: batch.last };
    const erased = decodeTombstones(batch.bytes).filter(({ seq }) => seq > since && seq <= base);
    return {
      message: { type: "rows", reset: false, base, erased: erased.map(({ key }) => key), rows: [] },
      readBytes: batch.bytes.length,
    };
  }

  #rows(phase: Extract<Phase, { type: "rows" }>): Step {
    const { since, base, isReset } = phase;
    const { rows, next } = this.#backend.scan(phase.after, {
      rowsMax: LIMITS.storeSnapshotRows,
      bytesMax: LIMITS.storeSnapshotBytes,
      newerThan: since,
    });
    this.#phase = next === undefined ? this.#plan(base) : { ...phase, isReset: false, after: next };
    const message: StreamMessage = {
      type: "rows",
      reset: isReset,
      base,
      erased: [],
      rows: rows.map(({ key, value }) => ({ key, value })),
    };
    return { message, readBytes: Math.max(SCAN_BYTES, creditBytes(message)) };
  }
}
