/** A backend in memory for stores that are read by key: a Map, and the order of its keys when a scan asks for it. */
import { fromBytes } from "../protocol/topic.ts";
import type {
  Batch,
  BatchLog,
  Scan,
  ScanBounds,
  StoreBackend,
  StoreHead,
  StoreRow,
  StoredMark,
} from "./backend.ts";
import { BatchLogs } from "./batch-logs.ts";
import { ExpiryIndex } from "./expiry-index.ts";
import { MarkTable } from "./mark-table.ts";
import { RowScan } from "./row-scan.ts";

const byBytes = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

export class MemoryBackend implements StoreBackend {
  readonly #rows = new Map<string, StoreRow>();
  /** The keys in order, as of the last scan: some may be gone, others are not in it yet. */
  #order: readonly string[] = [];
  #unordered: string[] = [];
  readonly #expiring = new ExpiryIndex();
  readonly #logs = new BatchLogs();
  readonly #marks = new MarkTable();
  #head: StoreHead | undefined;

  head = (): StoreHead | undefined => this.#head;

  setHead = (head: StoreHead): void => {
    this.#head = head;
  };

  get = (key: Uint8Array): StoreRow | undefined => this.#rows.get(fromBytes(key));

  put = (row: StoreRow): void => {
    const key = fromBytes(row.key);
    const before = this.#rows.get(key);
    if (before === undefined) this.#unordered.push(key);
    this.#rows.set(key, row);
    this.#expiring.changed(before, row);
  };

  delete = (key: Uint8Array): void => {
    const text = fromBytes(key);
    this.#expiring.changed(this.#rows.get(text), undefined);
    this.#rows.delete(text);
  };

  clear = (): void => {
    this.#rows.clear();
    this.#expiring.clear();
    this.#order = [];
    this.#unordered = [];
  };

  scan = (after: Uint8Array | undefined, bounds: ScanBounds): Scan => {
    const order = this.#ordered();
    const scan = new RowScan(bounds);
    for (let i = after === undefined ? 0 : indexBehind(order, fromBytes(after)); i < order.length; i++) {
      const row = this.#rows.get(order[i]!);
      if (row !== undefined && !scan.look(row)) break;
    }
    return scan.result;
  };

  due = (nowMs: number, rowsMax: number): readonly StoreRow[] =>
    this.#expiring.due(nowMs, rowsMax).map((key) => this.get(key)!);

  nextExpiryMs = (): number | undefined => this.#expiring.nextMs();

  append = (log: BatchLog, batch: Batch): void => this.#logs.append(log, batch);
  batchAfter = (log: BatchLog, seq: number): Batch | undefined => this.#logs.batchAfter(log, seq);
  trim = (log: BatchLog, seq: number): void => this.#logs.trim(log, seq);

  mark = (instance: string): StoredMark | undefined => this.#marks.mark(instance);
  setMark = (mark: StoredMark): void => this.#marks.setMark(mark);
  forgetMarks = (beforeMs: number, marksMax: number): number | undefined =>
    this.#marks.forgetMarks(beforeMs, marksMax);

  #ordered(): readonly string[] {
    if (this.#unordered.length > 0) {
      // A key that went and came back is there twice.
      const keys = new Set([...this.#order, ...this.#unordered].filter((key) => this.#rows.has(key)));
      this.#order = [...keys].sort(byBytes);
      this.#unordered = [];
    }
    return this.#order;
  }
}

/** The first index whose key comes behind `key`. */
function indexBehind(order: readonly string[], key: string): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (order[middle]! <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}
