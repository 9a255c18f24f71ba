/** One scan under way: takes rows in order until a bound is met. For backends that step through their rows. */
import type { Scan, ScanBounds, StoreRow } from "./backend.ts";

export class RowScan {
  readonly #bounds: ScanBounds;
  readonly #rows: StoreRow[] = [];
  #looked = 0;
  #bytes = 0;
  #last: Uint8Array | undefined;
  #isOver = false;

  constructor(bounds: ScanBounds) {
    this.#bounds = bounds;
  }

  /** Looks at the next row; false when it does not fit any more and the scan is over. */
  look(row: StoreRow): boolean {
    const { rowsMax, bytesMax, newerThan = 0 } = this.#bounds;
    const isTaken = row.seq > newerThan;
    const bytes = isTaken ? row.key.length + row.value.length : 0;
    this.#isOver =
      this.#looked > 0 && (this.#looked >= rowsMax || (isTaken && this.#bytes + bytes > bytesMax));
    if (this.#isOver) return false;
    this.#looked++;
    this.#bytes += bytes;
    this.#last = row.key;
    if (isTaken) this.#rows.push(row);
    return true;
  }

  get result(): Scan {
    return { rows: this.#rows, next: this.#isOver ? this.#last : undefined };
  }
}
