/**
 * `npm run demo`: the whole fabric on real input. Starts a fabric on an empty folder, ships real Zeek logs with the
 * command line, plays frames that a real Zeek exchanged with its WebSocket clients from two plain sensors to a third
 * client, and counts at both ends: records in R2's own files, events at the subscriber. Exit status 1 when anything
 * is lost. Input is ../shared/data/zeek-logs where present, else (or with --sample) the samples of this project.
 */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { startFabric } from "../src/cli/fabric.ts";
import { linesOf, readR2Objects } from "../test/support/r2-files.ts";
import { playFrames, recordedFrames, type Played } from "./demo-frames.ts";

const ROOT = join(import.meta.dirname, "..");
const REAL = join(ROOT, "../shared/data/zeek-logs");
const BUCKET = "selvedge-logs";
/** Events that each of the two sensors sends. */
const EVENTS_PER_SENSOR = 5_000;

/** From one public capture, CC BY-SA 4.0: see the README beside them. */
const REAL_LOGS = [
  "wrccdc/tsv/dns.log.gz",
  "wrccdc/json/ssl.json.gz",
  "wrccdc/tsv/weird.log.gz",
  "wrccdc/json/x509.json.gz",
  "wrccdc/tsv/notice.log.gz",
].map((name) => join(REAL, name));
const SAMPLE_LOGS = ["conn.log", "dns.json"].map((name) => join(ROOT, "test/samples/demo", name));
/** From Zeek's own tests, BSD 3-Clause. */
const REAL_TRANSCRIPTS = join(REAL, "zeek-baselines/websocket");
const SAMPLE_TRANSCRIPTS = join(ROOT, "test/samples/websocket");

interface Shipped {
  readonly stream: string;
  readonly recordsIn: number;
  readonly recordsInR2: number;
}

process.exitCode = await main();

async function main(): Promise<number> {
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({ options: { json: flag, sample: flag } });
  const isReal = !values.sample && REAL_LOGS.every((file) => existsSync(file));
  const folder = await mkdtemp(join(tmpdir(), "selvedge-demo-"));
  const start = performance.now();
  const fabric = await startFabric({ port: 0, stateDir: join(folder, "fabric"), open: true });
  try {
    const streams = await shipAndCount(isReal ? REAL_LOGS : SAMPLE_LOGS, fabric.url, folder);
    const frames = recordedFrames(isReal ? REAL_TRANSCRIPTS : SAMPLE_TRANSCRIPTS);
    const events = await playFrames(fabric.url, frames, EVENTS_PER_SENSOR);
    return report(streams, events, (performance.now() - start) / 1000, values.json);
  } finally {
    await fabric.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Ships the files as a user would, then counts records in them and in R2's files, by stream. */
async function shipAndCount(files: readonly string[], url: string, folder: string): Promise<Shipped[]> {
  const args = [
    join(ROOT, "src/cli/main.ts"),
    "ship",
    ...files,
    "--url",
    url,
    "--state",
    join(folder, "ship"),
  ];
  await promisify(execFile)(process.execPath, args);
  const inR2 = new Map<string, number>();
  for (const object of await readR2Objects(join(folder, "fabric"), BUCKET)) {
    const [, stream] = /^logs\/([^/]+)\/.*\.ndjson\.gz$/.exec(object.key) ?? [];
    if (stream !== undefined) inR2.set(stream, (inR2.get(stream) ?? 0) + linesOf(object).length);
  }
  return files.map((file) => {
    const { stream, records } = countRecords(file);
    return { stream, recordsIn: records, recordsInR2: inR2.get(stream) ?? 0 };
  });
}

/** Stream and number of records of a Zeek log, TSV or JSON: lines that are neither empty nor headers. */
function countRecords(file: string): { stream: string; records: number } {
  const bytes = readFileSync(file);
  const lines = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("latin1").split("\n");
  const stream =
    lines.find((line) => line.startsWith("#path\t"))?.slice("#path\t".length) ??
    /"_path":"([^"]+)"/.exec(lines[0]!)?.[1];
  if (stream === undefined) throw new Error(`${file} names no stream`);
  return { stream, records: lines.filter((line) => line !== "" && !line.startsWith("#")).length };
}

function report(streams: readonly Shipped[], events: Played, seconds: number, isJson: boolean): number {
  const sum = (pick: (s: Shipped) => number) => streams.reduce((n, s) => n + pick(s), 0);
  const totals = { recordsIn: sum((s) => s.recordsIn), recordsInR2: sum((s) => s.recordsInR2) };
  const isComplete =
    streams.every((s) => s.recordsIn === s.recordsInR2) && events.lost === 0 && events.unexpected === 0;
  if (isJson) {
    console.log(
      JSON.stringify({ streams, ...totals, events, seconds: Number(seconds.toFixed(1)), isComplete }),
    );
    return isComplete ? 0 : 1;
  }
  const row = (name: string, a: number | string, b: number | string) =>
    console.log(`${name.padEnd(22)}${String(a).padStart(12)}${String(b).padStart(16)}`);
  row("log stream", "records in", "records in R2");
  for (const s of streams) row(s.stream, s.recordsIn, s.recordsInR2);
  row("all", totals.recordsIn, totals.recordsInR2);
  console.log(`\nevents sent      ${String(events.sent).padStart(8)}`);
  console.log(`events delivered ${String(events.delivered).padStart(8)}`);
  console.log(`events lost      ${String(events.lost).padStart(8)}`);
  if (events.unexpected > 0) console.log(`not sent so      ${String(events.unexpected).padStart(8)}`);
  console.log(`seconds          ${seconds.toFixed(1).padStart(8)}`);
  return isComplete ? 0 : 1;
}
