/** Thousands of nodes that join one fabric: how long it takes, what watchers are sent, and what it costs. See README.md. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { billOf, totalOf } from "../cost/bill.ts";
import { COUNTS_PATH, countsBetween, type Counts } from "../cost/counts.ts";
import { cpuSeconds } from "../load/process.ts";
import { startFabricServer, using, type Server } from "../server.ts";
import { grouped, tableLines } from "../statistics.ts";
import { merged, verdict, type BenchOptions, type BenchResult, type Ratio } from "../subject.ts";
import type { JoinPlan, JoinResult } from "./plan.ts";

const COUNTED_FABRIC = fileURLToPath(import.meta.resolve("../cost/counted-fabric.ts"));

const NODES = 5_000;
/** All must be joined, and seen by all, within it. */
const SECONDS_MAX = 60;
const PROCESSES = 2;
const WATCHERS = 10;
/** Processes start and watchers connect. */
const LEAD_MS = 3_000;
/** Past the budget, so that a run that misses it still says by how much. */
const LIMIT_MS = 180_000;

interface Case {
  readonly name: string;
  readonly overMs: number;
}

const CASES: readonly Case[] = [
  { name: "over 50 s, 10 watch", overMs: 50_000 },
  { name: "all at once, 10 watch", overMs: 0 },
];

const LAYOUT = {
  nodes: [
    { name: "logger-1", nodeType: "LOGGER" },
    { name: "worker", nodeType: "WORKER", count: NODES },
  ],
};

interface Measured {
  readonly results: readonly JoinResult[];
  readonly startMs: number;
  readonly counts: Counts;
  readonly cpuSeconds: number;
}

/** Runs every case on a fabric of its own. */
export async function run(options: BenchOptions): Promise<BenchResult> {
  const results: BenchResult[] = [];
  for (const one of CASES.filter(({ name }) => name.includes(options.only ?? ""))) {
    const start = () => startFabricServer({ main: COUNTED_FABRIC, layout: LAYOUT });
    results.push(report(one, await using([start], ([fabric]) => measure(one, fabric!)), options));
  }
  return merged(results);
}

async function measure({ overMs }: Case, fabric: Server): Promise<Measured> {
  const counts = async () => (await fetch(fabric.origin + COUNTS_PATH)).json() as Promise<Counts>;
  const processes = Array.from({ length: PROCESSES }, () => fork(join(import.meta.dirname, "load.ts")));
  try {
    const before = { counts: await counts(), cpu: cpuSeconds(fabric.pid) };
    const startMs = Date.now() + LEAD_MS;
    const results = await Promise.all(
      processes.map((child, i) =>
        answerOf(child, {
          origin: fabric.origin,
          nodes: NODES,
          first: i,
          step: PROCESSES,
          startMs,
          overMs,
          watchers: WATCHERS / PROCESSES,
          endMs: startMs + LIMIT_MS,
        }),
      ),
    );
    const cpu = cpuSeconds(fabric.pid) - before.cpu;
    return { results, startMs, counts: countsBetween(before.counts, await counts()), cpuSeconds: cpu };
  } finally {
    for (const child of processes) child.disconnect();
  }
}

async function answerOf(child: ChildProcess, plan: JoinPlan): Promise<JoinResult> {
  child.send(plan);
  const [answer] = (await once(child, "message")) as [{ result: JoinResult } | { error: string }];
  if ("error" in answer) throw new Error(answer.error);
  return answer.result;
}

function report(
  { name }: Case,
  { results, startMs, counts, cpuSeconds: cpu }: Measured,
  { print }: BenchOptions,
) {
  const sum = (field: "joined" | "seen" | "watchers" | "frames" | "bytes" | "departures") =>
    results.reduce((n, result) => n + result[field], 0);
  const last = (field: "lastJoinedMs" | "lastSeenMs") =>
    Math.max(...results.map((result) => (result[field] - startMs) / 1000));
  const took = results.flatMap(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  const quantile = (q: number) => took[Math.min(took.length - 1, Math.floor(took.length * q))] ?? NaN;
  const closed = results.flatMap((result) => result.closed);
  const bill = totalOf(billOf(counts, cpu * 1000));
  const lost = NODES - sum("joined") + sum("watchers") - sum("seen") + sum("departures") + closed.length;
  const seconds: Ratio = { value: last("lastSeenMs"), max: SECONDS_MAX };
  const rows: readonly (readonly [string, string])[] = [
    [`${grouped(sum("joined"))} nodes, ${name}`, ""],
    ["  s until all are joined", last("lastJoinedMs").toFixed(1)],
    [`  s until ${grouped(sum("seen"))} watchers see all`, seconds.value.toFixed(1)],
    ["  ms from connecting to joined, median", quantile(0.5).toFixed(0)],
    ["  ms from connecting to joined, 99 %", quantile(0.99).toFixed(0)],
    ["  frames to watchers", grouped(sum("frames"))],
    ["  KiB in them", grouped(sum("bytes") / 1024)],
    ["  rows written", grouped(counts.rowsWritten)],
    ["  requests: Worker", grouped(counts.workerRequests)],
    ["  requests: objects", grouped(counts.objectRequests)],
    ["  frames in at objects", grouped(counts.objectFrames)],
    ["  s awake, all objects", (counts.awakeMs / 1000).toFixed(0)],
    ["  CPU s of the server", cpu.toFixed(1)],
    ["  $", bill.toFixed(4)],
  ];
  print("");
  for (const line of tableLines(rows)) print(line);
  print(`  ${name}: ${seconds.value.toFixed(1)} s${verdict(seconds)}`);
  for (const why of closed.slice(0, 5)) print(`  closed: ${why}`);
  return {
    figures: {
      [`${name} joinedSeconds`]: last("lastJoinedMs"),
      [`${name} seenSeconds`]: seconds.value,
      [`${name} framesToWatchers`]: sum("frames"),
      [`${name} rowsWritten`]: counts.rowsWritten,
      [`${name} Dollars`]: bill,
    },
    ratios: { [`${name}, s until all see all`]: seconds },
    lost,
  };
}
