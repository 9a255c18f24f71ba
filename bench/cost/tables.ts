/** The two tables of a variant: what was counted, and what it costs. */
import { tableLines } from "../statistics.ts";
import { totalOf, type Bill } from "./bill.ts";
import type { Counts } from "./counts.ts";

/** What a run has cost, all for a million events or records. */
export interface Priced {
  readonly label: string;
  readonly counts: Counts;
  readonly cpuMs: number;
  readonly bill: Bill;
  /** $ for keeping them. */
  readonly storage: number;
}

/** Prints both. `what` is counted in millions: events or records. */
export function printTables(
  name: string,
  what: string,
  priced: readonly Priced[],
  print: (line: string) => void,
): void {
  const thousands = (n: number) => (n / 1000).toFixed(n < 10_000 ? 2 : 0);
  const dollars = (n: number) => n.toFixed(4);
  const counted = ["frames in", "requests", "rows read", "rows written", "R2 puts", "awake s", "CPU ms"];
  const items = ["Worker", "object requests", "duration", "rows", "R2", "storage", "total"];
  const tables = [
    [
      [`${name}: thousands for a million ${what}`, ...counted],
      ...priced.map(({ label, counts, cpuMs }) => [
        label,
        thousands(counts.objectFrames),
        thousands(counts.workerRequests + counts.objectRequests),
        thousands(counts.rowsRead),
        thousands(counts.rowsWritten),
        thousands(counts.classA),
        thousands(counts.awakeMs / 1000),
        thousands(cpuMs),
      ]),
    ],
    [
      [`${name}: $ for a million ${what}`, ...items],
      ...priced.map(({ label, bill, storage }) => [
        label,
        dollars(bill.workerCpu + bill.workerRequests),
        dollars(bill.objectRequests),
        dollars(bill.objectDuration),
        dollars(bill.rows),
        dollars(bill.r2),
        dollars(storage),
        dollars(totalOf(bill) + storage),
      ]),
    ],
  ];
  for (const table of tables) {
    print("");
    for (const line of tableLines(table)) print(line);
  }
}
