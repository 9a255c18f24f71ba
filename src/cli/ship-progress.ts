/** The shipper's line on a terminal and its figures at the end. */
import type { ShipProgress, ShipReport } from "./ship-run.ts";

const REDRAW_MS = 100;
const BAR_CELLS = 24;
const CLEAR_LINE = "\r\u001b[K";

/** Draws progress on one line of a terminal; silent when `stream` is none. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #startMs: number;
  #drawnMs = 0;

  constructor(stream: NodeJS.WriteStream, nowMs: number) {
    this.#stream = stream;
    this.#startMs = nowMs;
  }

  /** Redraws, if the last time is long enough ago. */
  show(progress: ShipProgress, nowMs: number): void {
    if (!this.#stream.isTTY || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    const width = (this.#stream.columns ?? 80) - 1;
    this.#stream.write(CLEAR_LINE + formatProgress(progress, nowMs - this.#startMs).slice(0, width));
  }

  /** Removes the line. */
  clear(): void {
    if (this.#stream.isTTY && this.#drawnMs > 0) this.#stream.write(CLEAR_LINE);
  }
}

/** One line: bar, share, records, rate of the files' bytes, time left. */
export function formatProgress(
  { file, bytesAll, bytesRead, records }: ShipProgress,
  elapsedMs: number,
): string {
  const share = bytesAll === 0 ? 1 : Math.min(1, bytesRead / bytesAll);
  const cells = Math.round(share * BAR_CELLS);
  const bar = "#".repeat(cells) + ".".repeat(BAR_CELLS - cells);
  const rate = elapsedMs === 0 ? 0 : bytesRead / elapsedMs;
  const leftSeconds = rate === 0 ? undefined : Math.ceil((bytesAll - bytesRead) / rate / 1000);
  const eta = leftSeconds === undefined ? "" : `, ${formatSeconds(leftSeconds)} left`;
  const percent = `${Math.floor(share * 100)} %`;
  return `[${bar}] ${percent}  ${records} records  ${(rate / 1000).toFixed(1)} MB/s${eta}  ${file}`;
}

function formatSeconds(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** What `--json` prints. */
export function jsonReport(report: ShipReport, elapsedMs: number, isFlushed: boolean): string {
  const { files, streams, skipped, skippedCount, resumed } = report;
  return JSON.stringify({
    files,
    streams: Object.fromEntries(streams),
    records: recordsOf(report),
    resumed,
    skipped,
    skippedCount,
    flushed: isFlushed,
    seconds: elapsedMs / 1000,
  });
}

/** The figures for a person. */
export function formatReport(report: ShipReport, elapsedMs: number, isFlushed: boolean): string {
  const seconds = elapsedMs / 1000;
  const bytes = report.files.reduce((sum, file) => sum + file.bytes, 0);
  const lines = [...report.streams]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([stream, records]) => `  ${stream.padEnd(24)} ${records}`);
  for (const { file, formerly, records, skipped } of report.files) {
    if (formerly !== undefined) lines.push(`  ${file} was shipped before as ${formerly}`);
    else if (records === 0 && skipped === 0) lines.push(`  ${file}: nothing new`);
  }
  const megabytes = bytes / 1e6;
  const rate = seconds > 0 ? `, ${(megabytes / seconds).toFixed(1)} MB/s` : "";
  lines.push(
    `${counted(recordsOf(report), "record")} from ${counted(report.files.length, "file")}, ` +
      `${megabytes.toFixed(1)} MB of JSON in ${seconds.toFixed(1)} s${rate}; ` +
      whereabouts(report, isFlushed),
  );
  if (report.resumed > 0) lines.push(`${report.resumed} of the records were left over from an earlier run`);
  const { skippedCount } = report;
  if (skippedCount > 0)
    lines.push(skippedCount === 1 ? "1 line was skipped" : `${skippedCount} lines were skipped`);
  return lines.join("\n");
}

function whereabouts({ skippedCount }: ShipReport, isFlushed: boolean): string {
  if (!isFlushed) return "not flushed: loggers bring it to R2 within a minute or so";
  return skippedCount === 0 ? "all of it is in R2" : "all but the skipped lines is in R2";
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function recordsOf({ streams }: ShipReport): number {
  return [...streams.values()].reduce((sum, records) => sum + records, 0);
}
