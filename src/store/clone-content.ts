/**
 * What a clone shows: all entries by key. A snapshot is gathered beside it and takes its place at once; the events of
 * that are found by comparing. Values stay bytes until somebody reads them.
 */
import { decodeValue } from "../data/cbor-value.ts";
import { canonicalKey, compareBytes } from "../data/order.ts";
import type { Value } from "../data/value.ts";
import type { InstanceId } from "../protocol/frame.ts";
import type { Change } from "./change.ts";
import type { Encoded } from "./command.ts";

/** What happened to one entry; Broker's store events. `publisher`: undefined: the master, by expiry or snapshot. */
export type StoreEvent =
  | {
      readonly type: "insert";
      readonly key: Value;
      readonly value: Value;
      readonly expiryMs: number | undefined;
      readonly publisher: InstanceId | undefined;
    }
  | {
      readonly type: "update";
      readonly key: Value;
      readonly old: Value;
      readonly value: Value;
      readonly expiryMs: number | undefined;
      readonly publisher: InstanceId | undefined;
    }
  | {
      readonly type: "erase";
      readonly key: Value;
      readonly old: Value;
      readonly publisher: InstanceId | undefined;
    }
  | { readonly type: "expire"; readonly key: Value; readonly old: Value };

/** Takes the events of a clone, in order. */
export type EventSink = (event: StoreEvent) => void;

/** One entry; its value is made when it is first read. */
class Entry {
  readonly key: Value;
  readonly bytes: Encoded;
  #value: Value | undefined;

  /** @param bytes A view of something larger, maybe. */
  constructor(key: Value, bytes: Encoded) {
    this.key = key;
    this.bytes = bytes.slice();
  }

  get value(): Value {
    return (this.#value ??= decodeValue(this.bytes));
  }
}

/** A snapshot that is coming in: all entries, or those that differ from what is shown; undefined: gone. */
interface Staged {
  isAll: boolean;
  readonly entries: Map<string, Entry | undefined>;
}

export class CloneContent {
  #entries = new Map<string, Entry>();
  #staged: Staged | undefined;
  readonly #emit: EventSink | undefined;

  /** @param emit Without it no events are made. */
  constructor(emit: EventSink | undefined) {
    this.#emit = emit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The value of a key. */
  get(key: Value): Value | undefined {
    return this.#entries.get(canonicalKey(key))?.value;
  }

  has(key: Value): boolean {
    return this.#entries.has(canonicalKey(key));
  }

  /** All keys, in no order. */
  *keys(): Generator<Value> {
    for (const { key } of this.#entries.values()) yield key;
  }

  /** All entries, in no order. */
  *entries(): Generator<readonly [Value, Value]> {
    for (const entry of this.#entries.values()) yield [entry.key, entry.value];
  }

  /** Begins or goes on with a snapshot. `isAll`: it begins anew and replaces everything. */
  stage(
    isAll: boolean,
    erased: readonly Encoded[],
    rows: readonly { readonly key: Encoded; readonly value: Encoded }[],
  ): void {
    if (isAll || this.#staged === undefined) this.#staged = { isAll, entries: new Map() };
    const { entries } = this.#staged;
    for (const key of erased) entries.set(canonicalKey(decodeValue(key)), undefined);
    for (const row of rows) {
      const key = decodeValue(row.key);
      entries.set(canonicalKey(key), new Entry(key, row.value));
    }
  }

  /** Whether changes are held back behind a snapshot. */
  get isStaging(): boolean {
    return this.#staged !== undefined;
  }

  /** What has come of a snapshot does not count. */
  unstage(): void {
    this.#staged = undefined;
  }

  /** Carries out a change: on the snapshot that is coming in, or else on what is shown. */
  apply(change: Change): void {
    if (this.#staged !== undefined) return stageChange(this.#staged, change);
    switch (change.type) {
      case "put": {
        const key = decodeValue(change.key);
        return this.#put(canonicalKey(key), new Entry(key, change.value), change.expiryMs, change.publisher);
      }
      case "erase":
        return this.#erase(canonicalKey(decodeValue(change.key)), change.publisher);
      case "expire": {
        const id = canonicalKey(decodeValue(change.key));
        const old = this.#entries.get(id);
        this.#entries.delete(id);
        if (old !== undefined) this.#emit?.({ type: "expire", key: old.key, old: old.value });
        return;
      }
      case "clear":
        for (const id of this.#entries.keys()) this.#erase(id, change.publisher);
    }
  }

  /** The snapshot is complete: it is shown, with the events of what differs. */
  commit(): void {
    const staged = this.#staged;
    if (staged === undefined) return;
    this.#staged = undefined;
    if (staged.isAll) {
      for (const id of this.#entries.keys()) {
        if (staged.entries.get(id) === undefined) this.#erase(id, undefined);
      }
    }
    for (const [id, entry] of staged.entries) {
      if (entry === undefined) this.#erase(id, undefined);
      else this.#putStaged(id, entry);
    }
  }

  /** An entry that is as it was is no event. */
  #putStaged(id: string, entry: Entry): void {
    const old = this.#entries.get(id);
    if (old !== undefined && compareBytes(old.bytes, entry.bytes) === 0) return;
    this.#put(id, entry, undefined, undefined);
  }

  #put(id: string, entry: Entry, expiryMs: number | undefined, publisher: InstanceId | undefined): void {
    const old = this.#entries.get(id);
    this.#entries.set(id, entry);
    if (this.#emit === undefined) return;
    const { key, value } = entry;
    if (old === undefined) this.#emit({ type: "insert", key, value, expiryMs, publisher });
    else this.#emit({ type: "update", key, old: old.value, value, expiryMs, publisher });
  }

  #erase(id: string, publisher: InstanceId | undefined): void {
    const old = this.#entries.get(id);
    if (old === undefined) return;
    this.#entries.delete(id);
    this.#emit?.({ type: "erase", key: old.key, old: old.value, publisher });
  }
}

function stageChange(staged: Staged, change: Change): void {
  if (change.type === "clear") {
    staged.isAll = true;
    return staged.entries.clear();
  }
  const key = decodeValue(change.key);
  staged.entries.set(canonicalKey(key), change.type === "put" ? new Entry(key, change.value) : undefined);
}
