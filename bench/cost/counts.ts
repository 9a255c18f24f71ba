/** What a bill counts, as the counted fabric answers it. */

/** Where the counted fabric answers with its `Counts`. */
export const COUNTS_PATH = "/bench/counts";

/** All since the start of the server. */
export interface Counts {
  /** Requests at the Worker: upgrades and HTTP. */
  readonly workerRequests: number;
  /** At objects: upgrades of trunks, alarms; RPC sessions of the loggers' readers are not among them. */
  readonly objectRequests: number;
  /** WebSocket frames that came in at objects. */
  readonly objectFrames: number;
  readonly rowsRead: number;
  /** As SQLite counts them: index entries, deletes and alarms among them. */
  readonly rowsWritten: number;
  /** Of all objects together: from each input to the next, at most 10 s. */
  readonly awakeMs: number;
  /** R2: puts and lists, and gets. Deletes are free. */
  readonly classA: number;
  readonly classB: number;
}

/** What was counted between two answers. */
export function countsBetween(before: Counts, after: Counts): Counts {
  const names = Object.keys(after) as (keyof Counts)[];
  return Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as unknown as Counts;
}

/** Counts times a factor. */
export function scaled(counts: Counts, factor: number): Counts {
  return Object.fromEntries(Object.entries(counts).map(([k, v]) => [k, v * factor])) as unknown as Counts;
}
