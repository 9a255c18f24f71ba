/**
 * The two logs that clones catch up by: changes become batches, old batches go when a log is over its bound. What a
 * commit has appended is held until the next one, so that it is read by all clones without asking storage.
 */
import { LIMITS } from "../base/limits.ts";
import type { Batch, BatchLog, LogSpan, StoreBackend } from "./backend.ts";
import { changeBytes, encodeChanges, encodeTombstones, type Change, type Tombstone } from "./change.ts";

const BOUNDS = { deltas: LIMITS.storeDeltasBytes, tombstones: LIMITS.storeTombstonesBytes } as const;

export class BatchWriter {
  readonly #backend: StoreBackend;
  readonly #spans: Record<BatchLog, LogSpan>;
  /** Batches of changes that the last commit appended. */
  #recent: readonly Batch[] = [];

  constructor(backend: StoreBackend, spans: Record<BatchLog, LogSpan>) {
    this.#backend = backend;
    this.#spans = { ...spans };
  }

  /** What a log holds. */
  span(log: BatchLog): LogSpan {
    return this.#spans[log];
  }

  /** Appends what one commit changes, numbered from `first` on. */
  append(first: number, changes: readonly Change[]): void {
    const recent: Batch[] = [];
    let from = 0;
    let bytes = 0;
    for (let i = 0; i <= changes.length; i++) {
      const size = i < changes.length ? changeBytes(changes[i]!) : Infinity;
      if (i > from && bytes + size > LIMITS.storeBatchBytes) {
        recent.push(this.#appendBatch(first + from, changes.slice(from, i)));
        from = i;
        bytes = 0;
      }
      bytes += size;
    }
    this.#recent = recent;
  }

  #appendBatch(first: number, changes: readonly Change[]): Batch {
    const last = first + changes.length - 1;
    const batch = { first, last, bytes: encodeChanges(first, changes) };
    this.#append("deltas", batch);
    const tombstones: Tombstone[] = [];
    changes.forEach((change, i) => {
      if (change.type === "clear") {
        // What went with it has no tombstones: who has not seen it takes a snapshot.
        tombstones.length = 0;
        this.#cut("tombstones", first + i);
      } else if (change.type !== "put") tombstones.push({ seq: first + i, key: change.key });
    });
    if (tombstones.length > 0) {
      this.#append("tombstones", { first, last, bytes: encodeTombstones(tombstones) });
    }
    return batch;
  }

  #append(log: BatchLog, batch: Batch): void {
    this.#backend.append(log, batch);
    const span = this.#spans[log];
    this.#spans[log] = { ...span, bytes: span.bytes + batch.bytes.length };
    while (this.#spans[log].bytes > BOUNDS[log]) this.#trimOne(log);
  }

  #trimOne(log: BatchLog): void {
    const { after, bytes } = this.#spans[log];
    const oldest = this.#backend.batchAfter(log, after)!;
    this.#backend.trim(log, oldest.last);
    this.#spans[log] = { after: oldest.last, bytes: bytes - oldest.bytes.length };
  }

  #cut(log: BatchLog, seq: number): void {
    this.#backend.trim(log, seq);
    this.#spans[log] = { after: seq, bytes: 0 };
  }

  /** The batch with the change behind `seq`, and whether it came from memory. */
  after(seq: number): { readonly batch: Batch; readonly isAtHand: boolean } | undefined {
    const recent = this.#recent.find((batch) => batch.first <= seq + 1 && batch.last > seq);
    if (recent !== undefined) return { batch: recent, isAtHand: true };
    const batch = this.#backend.batchAfter("deltas", seq);
    return batch === undefined ? undefined : { batch, isAtHand: false };
  }
}
