/** A backend in memory whose rows stand in the order of their keys, as in SQLite's `store` table. */
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
import { compareBytes } from "../data/order.ts";
import { MarkTable } from "./mark-table.ts";
import { RowScan } from "./row-scan.ts";
import { SortedPages } from "./sorted-pages.ts";

const NOTHING = new Uint8Array();
/** What finds a row. */
const at = (key: Uint8Array): StoreRow => ({ key, value: NOTHING, expiryMs: undefined, seq: 0 });

export class TableBackend implements StoreBackend {
  readonly #rows = new SortedPages<StoreRow>((a, b) => compareBytes(a.key, b.key));
  readonly #expiring = new ExpiryIndex();
  readonly #logs = new BatchLogs();
  readonly #marks = new MarkTable();
  #head: StoreHead | undefined;

  head = (): StoreHead | undefined => this.#head;

  setHead = (head: StoreHead): void => {
    this.#head = head;
  };

  get = (key: Uint8Array): StoreRow | undefined => this.#rows.get(at(key));

  put = (row: StoreRow): void => {
    this.#expiring.changed(this.get(row.key), row);
    this.#rows.put(row);
  };

  delete = (key: Uint8Array): void => {
    this.#expiring.changed(this.get(key), undefined);
    this.#rows.delete(at(key));
  };

  clear = (): void => {
    this.#rows.clear();
    this.#expiring.clear();
  };

  scan = (after: Uint8Array | undefined, bounds: ScanBounds): Scan => {
    const scan = new RowScan(bounds);
    for (const row of this.#rows.from(after === undefined ? undefined : at(after))) {
      const isAfter = after === undefined || compareBytes(row.key, after) > 0;
      if (isAfter && !scan.look(row)) break;
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
}
