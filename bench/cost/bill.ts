/** Counts and CPU as a bill. */
import type { Counts } from "./counts.ts";
import { PRICES } from "./prices.ts";

/** Dollars by item. */
export interface Bill {
  readonly workerRequests: number;
  readonly workerCpu: number;
  readonly objectRequests: number;
  readonly objectDuration: number;
  readonly rows: number;
  readonly r2: number;
}

/**
 * Prices what was counted. `cpuMs` is the CPU of the whole runtime: of that, the objects' part is not billed by CPU, so
 * the bill is rather too high.
 */
export function billOf(counts: Counts, cpuMs: number): Bill {
  const requests = counts.objectRequests + counts.objectFrames / PRICES.framesPerRequest;
  return {
    workerRequests: counts.workerRequests * PRICES.workerRequest,
    workerCpu: cpuMs * PRICES.workerCpuMs,
    objectRequests: requests * PRICES.objectRequest,
    objectDuration: (counts.awakeMs / 1000) * PRICES.objectGB * PRICES.objectGBSecond,
    rows: counts.rowsRead * PRICES.rowRead + counts.rowsWritten * PRICES.rowWritten,
    r2: counts.classA * PRICES.classA + counts.classB * PRICES.classB,
  };
}

/** The sum of all items. */
export function totalOf(bill: Bill): number {
  return Object.values(bill).reduce((sum: number, dollars: number) => sum + dollars, 0);
}
