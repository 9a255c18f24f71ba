/**
 * The entries of a store as one turn sees and changes them. Gives every change its number, keeps count of the size,
 * and lets no entry be seen that is due to expire. `commit` writes what belongs to the turn as a whole.
 */
import { LIMITS } from "../base/limits.ts";
import type { InstanceId } from "../protocol/frame.ts";
import type { StoreBackend, StoreHead, StoreRow } from "./backend.ts";
import { BatchWriter } from "./batch-writer.ts";
import type { Change } from "./change.ts";
import type { StoreCode, StoredEntry } from "./command.ts";
import { rowBytes } from "./row-bytes.ts";

export interface CommitOptions {
  /** What the entries may count for, bytes. */
  readonly bytesMax: number;
  /** Whether a commit is durable before anybody is told of it (rule 25). */
  readonly isDurable: boolean;
}

export class StoreCommit {
  readonly #backend: StoreBackend;
  readonly #options: CommitOptions;
  readonly #batches: BatchWriter;
  #head: StoreHead;
  #isHeadDue: boolean;
  /** Earliest expiry; stale when entries have gone, but never late. */
  #nextExpiryMs: number;
  #changes: Change[] = [];
  #mustConfirm = false;

  /**
   * A start after which commits may be missing that others were told of, and a store that is new, begin an epoch; its
   * number is higher than any that the store can have had (rule 24).
   */
  constructor(backend: StoreBackend, options: CommitOptions, nowMs: number) {
    const stored = backend.head();
    const isNewEpoch = stored === undefined || stored.isOpen;
    const none = { after: 0, bytes: 0 };
    const head = stored ?? {
      epoch: 0,
      seq: 0,
      clockMs: nowMs,
      keys: 0,
      bytes: 0,
      deltas: none,
      tombstones: none,
    };
    const clockMs = Math.max(head.clockMs, nowMs);
    this.#head = {
      ...head,
      epoch: isNewEpoch ? Math.max(head.epoch + 1, clockMs) : stored.epoch,
      forgottenMs: stored?.forgottenMs ?? 0,
      isOpen: false,
    };
    this.#isHeadDue = isNewEpoch;
    this.#backend = backend;
    this.#options = options;
    this.#batches = new BatchWriter(backend, { deltas: head.deltas, tombstones: head.tombstones });
    this.#nextExpiryMs = backend.nextExpiryMs() ?? Infinity;
  }

  /** What is written with the next commit. */
  get head(): StoreHead {
    return this.#head;
  }

  get batches(): BatchWriter {
    return this.#batches;
  }

  /** Earliest moment at which `expireDue` has work, ms. Broker's entries end when their time has passed. */
  get dueMs(): number {
    return this.#nextExpiryMs + 1;
  }

  /** Begins a turn: the clock of a store never goes back (rule 29). */
  begin(nowMs: number): void {
    this.#mustConfirm = this.#options.isDurable || this.#isHeadDue;
    if (nowMs > this.#head.clockMs) this.#head = { ...this.#head, clockMs: nowMs };
  }

  /** Expires what is due, the earliest first, up to a bound; what is left expires when somebody asks for it. */
  expireDue(): void {
    const { clockMs } = this.#head;
    if (clockMs < this.dueMs) return;
    for (const row of this.#backend.due(clockMs, LIMITS.storeExpireRows)) this.#expire(row);
    this.#nextExpiryMs = this.#backend.nextExpiryMs() ?? Infinity;
  }

  #expire(row: StoreRow): void {
    this.#remove(row);
    this.#changed({ type: "expire", key: row.key });
  }

  /** The entry of a key; one that is due expires first. */
  read(key: Uint8Array): StoreRow | undefined {
    const row = this.#backend.get(key);
    if (row?.expiryMs === undefined || row.expiryMs >= this.#head.clockMs) return row;
    this.#expire(row);
    return undefined;
  }

  /** Writes an entry over `before`, what `read` gave; a refusal changes nothing. */
  put(before: StoreRow | undefined, entry: StoredEntry, publisher: InstanceId): StoreCode | undefined {
    if (entry.key.length > LIMITS.storeKeyBytesMax) return "too_large";
    if (entry.value.length > LIMITS.storeValueBytesMax) return "too_large";
    const { key, value, expiryMs } = entry;
    const growth = rowBytes(entry) - (before === undefined ? 0 : rowBytes(before));
    if (growth > 0 && this.#head.bytes + growth > this.#options.bytesMax) return "store_full";
    const seq = this.#changed({ type: "put", key, value, expiryMs, publisher });
    this.#backend.put({ key, value, expiryMs, seq });
    this.#resized(before === undefined ? 1 : 0, growth);
    if (expiryMs !== undefined) this.#nextExpiryMs = Math.min(this.#nextExpiryMs, expiryMs);
    return undefined;
  }

  /** Deletes an entry that `read` gave. */
  erase(row: StoreRow, publisher: InstanceId): void {
    this.#remove(row);
    this.#changed({ type: "erase", key: row.key, publisher });
  }

  /** Deletes all entries. */
  clear(publisher: InstanceId): void {
    this.#backend.clear();
    this.#nextExpiryMs = Infinity;
    this.#resized(-this.#head.keys, -this.#head.bytes);
    this.#changed({ type: "clear", publisher });
  }

  /** Everything that was told so far is safe from crashes: a start from here need not begin an epoch. */
  settled(): void {
    this.#isHeadDue ||= this.#head.isOpen;
    this.#head = { ...this.#head, isOpen: false };
  }

  /** Marks used up to this moment may be forgotten from now on. */
  forgotten(touchedMs: number): void {
    this.#head = { ...this.#head, forgottenMs: Math.max(this.#head.forgottenMs, touchedMs) };
    this.#isHeadDue = true;
  }

  /** Something else than entries changes with this commit. */
  touch(): void {
    this.#isHeadDue = true;
    if (this.#options.isDurable || this.#head.isOpen) return;
    this.#head = { ...this.#head, isOpen: true };
    this.#mustConfirm = true;
  }

  /** Whether the last commit must be durable before anybody is told of it. */
  get mustConfirm(): boolean {
    return this.#mustConfirm;
  }

  /** Ends a turn. */
  commit(): void {
    const changes = this.#changes;
    this.#changes = [];
    if (changes.length > 0) this.touch();
    this.#batches.append(this.#head.seq - changes.length + 1, changes);
    if (!this.#isHeadDue) return;
    const [deltas, tombstones] = [this.#batches.span("deltas"), this.#batches.span("tombstones")];
    this.#head = { ...this.#head, deltas, tombstones };
    this.#backend.setHead(this.#head);
    this.#isHeadDue = false;
  }

  #remove(row: StoreRow): void {
    this.#backend.delete(row.key);
    this.#resized(-1, -rowBytes(row));
  }

  #resized(keys: number, bytes: number): void {
    const head = this.#head;
    this.#head = { ...head, keys: head.keys + keys, bytes: head.bytes + bytes };
  }

  #changed(change: Change): number {
    this.#changes.push(change);
    this.#head = { ...this.#head, seq: this.#head.seq + 1 };
    return this.#head.seq;
  }
}
