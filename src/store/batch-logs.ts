/** The two logs of a backend that holds them in memory. */
import { Fifo } from "../base/fifo.ts";
import type { Batch, BatchLog } from "./backend.ts";

export class BatchLogs {
  readonly #logs: Record<BatchLog, Fifo<Batch>> = { deltas: new Fifo(), tombstones: new Fifo() };

  append(log: BatchLog, batch: Batch): void {
    this.#logs[log].push(batch);
  }

  batchAfter(log: BatchLog, seq: number): Batch | undefined {
    const batches = this.#logs[log];
    let low = 0;
    let high = batches.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (batches.at(middle)!.last > seq) high = middle;
      else low = middle + 1;
    }
    return batches.at(low);
  }

  trim(log: BatchLog, seq: number): void {
    const batches = this.#logs[log];
    while (batches.size > 0 && batches.at(0)!.last <= seq) batches.shift();
  }
}
