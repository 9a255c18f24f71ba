/** `selvedge logs ls|cat|stat|flush`: what the loggers hold and what is in R2. */
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { CAC } from "cac";
import { EXIT } from "./exit.ts";
import { formatTable } from "./table.ts";
import { request, targetOf, type TargetOptions } from "./target.ts";

/** One object in R2, or one run of buffered batches (src/worker/logs-routes.ts). */
interface LogEntry {
  readonly stream: string;
  /** Null for what is in no object yet. */
  readonly key: string | null;
  readonly logger: string;
  readonly records: number;
  readonly bytes: number;
  readonly buffered: boolean;
}

export function registerLogs(cli: CAC): void {
  cli
    .command("logs ls", "List objects of log records, and what is still buffered")
    .example("selvedge logs ls")
    .example("selvedge logs ls --json | jq 'map(.records) | add'")
    .action(list);
  cli
    .command("logs cat <stream>", "Print the records of a stream as NDJSON, buffered ones included")
    .example("selvedge logs cat conn | jq .id.orig_h")
    .action(cat);
  cli
    .command("logs stat", "Print the figures of each logger")
    .example("selvedge logs stat --json")
    .action(stat);
  cli
    .command("logs flush [...streams]", "Bring what is buffered to R2 now, and wait until it is there")
    .example("selvedge logs flush")
    .example("selvedge logs flush conn dns")
    .action(flush);
}

async function list(options: TargetOptions): Promise<number> {
  const entries = (await (await request(targetOf(options), "GET", "/v1/logs")).json()) as LogEntry[];
  if (options.json) {
    console.log(JSON.stringify(entries));
    return EXIT.ok;
  }
  const rows = entries.map((e) => [e.stream, e.records, e.bytes, e.logger, e.key ?? "(buffered)"]);
  console.log(formatTable(["stream", "records", "bytes", "logger", "key"], rows));
  return EXIT.ok;
}

async function cat(stream: string, options: TargetOptions): Promise<number> {
  const path = `/v1/logs/${encodeURIComponent(stream)}/records`;
  const response = await request(targetOf(options), "GET", path);
  try {
    // One gzip member for each batch: node:zlib reads them all (rules.md, 21).
    await pipeline(response.body!, createGunzip(), process.stdout as Writable, {
      end: false,
    });
  } catch (error) {
    // A reader such as head has seen enough when it closes the pipe.
    if (!(error instanceof Error && "code" in error && error.code === "EPIPE")) throw error;
  }
  return EXIT.ok;
}

async function stat(options: TargetOptions): Promise<number> {
  const figures = (await (await request(targetOf(options), "GET", "/v1/logs/stat")).json()) as Record<
    string,
    unknown
  >[];
  if (options.json) {
    console.log(JSON.stringify(figures));
    return EXIT.ok;
  }
  const columns = Object.keys(figures[0] ?? {});
  console.log(
    formatTable(
      columns,
      figures.map((row) => columns.map((column) => String(row[column]))),
    ),
  );
  return EXIT.ok;
}

async function flush(streams: readonly string[], options: TargetOptions): Promise<number> {
  const query = new URLSearchParams(streams.map((stream) => ["stream", stream]));
  await request(targetOf(options), "POST", `/v1/logs/flush?${query.toString()}`);
  console.log(
    options.json ? JSON.stringify({ flushed: true }) : "flushed: everything accepted so far is in R2",
  );
  return EXIT.ok;
}
