/** What a subject of the bench takes and gives. */

export interface BenchOptions {
  /** Measured seconds of each server in each pair. */
  readonly seconds: number;
  /** Pairs of runs; the figures are their medians. */
  readonly pairs: number;
  /** Write CPU profiles of the fabric to this folder instead of measuring. */
  readonly profileDir: string | undefined;
  /** Only the cases whose name contains this. */
  readonly only: string | undefined;
  /** Takes a line of the report. */
  readonly print: (line: string) => void;
}

/** A ratio with its budget: at least `min`, or at most `max`. */
export interface Ratio {
  readonly value: number;
  readonly min?: number;
  readonly max?: number;
}

export interface BenchResult {
  /** Medians; each name ends with its unit. */
  readonly figures: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, Ratio>>;
  /** SVG by file name. */
  readonly charts?: Readonly<Record<string, string>>;
  /** Events lost, repeated or out of order in all runs. Anything but 0 is a defect. */
  readonly lost: number;
}

/** Runs one subject, printing its report as it goes. */
export type Subject = (options: BenchOptions) => Promise<BenchResult>;

/** Whether a ratio keeps its budget. */
export function isWithin(ratio: Ratio): boolean {
  return ratio.value >= (ratio.min ?? -Infinity) && ratio.value <= (ratio.max ?? Infinity);
}

/** The budget of a ratio and whether it is kept, as the end of a line; empty without a budget. */
export function verdict(ratio: Ratio): string {
  if (ratio.min === undefined && ratio.max === undefined) return "";
  const bound = ratio.min === undefined ? `at most ${ratio.max}` : `at least ${ratio.min}`;
  return `, budget ${bound}: ${isWithin(ratio) ? "ok" : "FAIL"}`;
}

/** Several results as one, without their charts. */
export function merged(results: readonly BenchResult[]): BenchResult {
  return {
    figures: Object.assign({}, ...results.map((r) => r.figures)) as BenchResult["figures"],
    ratios: Object.assign({}, ...results.map((r) => r.ratios)) as BenchResult["ratios"],
    lost: results.reduce((n, r) => n + r.lost, 0),
  };
}
