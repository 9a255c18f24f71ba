/** `selvedge ship FILE…`: Zeek logs into the fabric, each record once (docs/howto/ship-logs.md). */
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import type { CAC } from "cac";
import { FabricError } from "../base/errors.ts";
import { applyEntry, pendingBatches, type ShipState } from "../logs/ship-state.ts";
import { parseStreamName } from "../logs/stream-name.ts";
import { fromBytes } from "../protocol/topic.ts";
import { EXIT, UsageError } from "./exit.ts";
import { confirmPositions, type ConfirmOptions } from "./ship-confirm.ts";
import { flushStreams, linkTo } from "./ship-connect.ts";
import { factsOf } from "./ship-file.ts";
import { ShipFolder } from "./ship-folder.ts";
import { ProgressLine, formatReport, jsonReport } from "./ship-progress.ts";
import { ShipRun } from "./ship-run.ts";
import { isUnchanged } from "./ship-source.ts";
import { targetOf, type Target, type TargetOptions } from "./target.ts";

/** 20 % faster than gzip's own default on Zeek's logs, for 1.5 % more bytes. */
const DEFAULT_LEVEL = 5;
/** A fabric that restarts or is deployed is back within this time; nothing is lost if not. */
const DEFAULT_PATIENCE_SECONDS = 60;
/** Loggers forget a writer that was silent for long, so one with nothing pending is replaced before. */
const WRITER_AGE_MS = 24 * 3_600_000;
const EXIT_INTERRUPTED = 130;

interface ShipOptions extends TargetOptions {
  readonly state?: string;
  readonly stream?: string;
  readonly level?: number | string;
  readonly patience?: number | string;
  readonly flush: boolean;
  readonly again?: boolean;
}

/** Adds the command to the command line. */
export function registerShip(cli: CAC): void {
  cli
    .command("ship <...files>", "Ship Zeek logs (TSV or JSON, plain or .gz)")
    .option("--state <dir>", "Where to remember what was shipped, by default a folder for each URL")
    .option("--stream <name>", "Stream of all records, instead of what the files say")
    .option("--again", "Ship the files from their start, even if they were shipped before")
    .option("--no-flush", "Do not wait until R2 holds everything")
    .option("--level <n>", `Level of gzip, 1 to 9 (default: ${DEFAULT_LEVEL})`)
    .option(
      "--patience <seconds>",
      `How long to wait for a lost fabric (default: ${DEFAULT_PATIENCE_SECONDS})`,
    )
    .example("selvedge ship /opt/zeek/logs/current/*.log")
    .action((files: readonly string[], options: ShipOptions) => ship(files.map(String), options));
}

/** Runs the command and answers with its exit status. */
async function ship(files: readonly string[], options: ShipOptions): Promise<number> {
  const target = targetOf(options);
  const level = parseNumber(options.level ?? DEFAULT_LEVEL, "--level", 1, 9);
  const patienceMs =
    1000 * parseNumber(options.patience ?? DEFAULT_PATIENCE_SECONDS, "--patience", 1, 86_400);
  const stream = options.stream === undefined ? undefined : parseStreamName(String(options.stream));
  const startMs = Date.now();
  const folder = ShipFolder.open(String(options.state ?? defaultStateDir(target)), newWriter(), startMs);
  const line = new ProgressLine(process.stderr, startMs);
  let run: ShipRun | undefined;
  let state: ShipState | undefined;
  const interruption = new AbortController();
  const interrupt = () => {
    interruption.abort();
    run?.stop(new Error("interrupted"));
  };
  try {
    const again = options.again ?? false;
    const facts = await Promise.all(files.map(factsOf));
    state = folder.load();
    process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
    if (again) renewWriter(folder, state, startMs);
    const openLink = linkTo(target);
    await confirm(target, options, { state, openLink, patienceMs, signal: interruption.signal });
    // An old writer with nothing to ship stays: its positions tell whether the fabric is still the same.
    const isOld = Math.abs(startMs - state.birthMs) > WRITER_AGE_MS;
    if (isOld && facts.some((file) => !isUnchanged(file, state!))) renewWriter(folder, state, startMs);
    run = new ShipRun({
      folder,
      state,
      openLink,
      patienceMs,
      stream,
      level,
      again,
      onProgress: (progress) => line.show(progress, Date.now()),
    });
    await run.ship(files);
    run.close();
    const { unflushed } = folder;
    if (options.flush) {
      await flushStreams(target, unflushed, patienceMs, interruption.signal);
      folder.flushed(unflushed);
    }
    line.clear();
    printReport(run, options, Date.now() - startMs);
    return run.report.skippedCount > 0 ? EXIT.partial : EXIT.ok;
  } catch (error) {
    line.clear();
    if (interruption.signal.aborted) return interrupted(run, options);
    throw withHint(error, state === undefined ? 0 : pendingBatches(state).length, folder);
  } finally {
    process.removeListener("SIGINT", interrupt).removeListener("SIGTERM", interrupt);
    run?.close();
    folder.close();
  }
}

/** Makes sure that the fabric answers, lets this client in, and still has what it had acknowledged. */
async function confirm(
  { url }: Target,
  { json }: ShipOptions,
  options: Omit<ConfirmOptions, "onWait">,
): Promise<void> {
  const onWait = (reason: string) => {
    if (!json) console.error(`waiting for ${url}: ${reason}`);
  };
  const unsure = await confirmPositions({ ...options, onWait });
  if (unsure.length === 0 || json) return;
  const why = "it is out of reach, has left the layout, or has not heard of this state for weeks";
  for (const logger of unsure) console.error(`${logger} cannot confirm what it took in earlier runs: ${why}`);
}

function printReport(run: ShipRun, options: ShipOptions, elapsedMs: number): void {
  if (options.json) {
    console.log(jsonReport(run.report, elapsedMs, options.flush));
    return;
  }
  const { skipped, skippedCount } = run.report;
  for (const { file, line, reason } of skipped) console.error(`${file}:${line}: skipped: ${reason}`);
  if (skippedCount > skipped.length) console.error(`and ${skippedCount - skipped.length} more lines`);
  console.log(formatReport(run.report, elapsedMs, options.flush));
}

function interrupted(run: ShipRun | undefined, options: ShipOptions): number {
  const pending = run?.pending.length ?? 0;
  if (options.json) console.error(JSON.stringify({ error: { code: "interrupted", pending } }));
  else {
    const left = pending === 0 ? "" : `${pending} batches have no answer yet. `;
    console.error(`Interrupted; nothing is lost. ${left}The same command goes on where this one stopped.`);
  }
  return EXIT_INTERRUPTED;
}

/** A new writer instance where the old one may be forgotten by the loggers; never while batches wait for an answer. */
function renewWriter(folder: ShipFolder, state: ShipState, nowMs: number): void {
  if (pendingBatches(state).length > 0) return;
  const entry = { type: "writer", writer: newWriter(), birthMs: nowMs } as const;
  folder.record(entry, () => new Uint8Array());
  applyEntry(state, entry);
}

/** What to do about errors that are about the state; others explain themselves. */
function withHint(error: unknown, pending: number, folder: ShipFolder): unknown {
  if (!(error instanceof FabricError)) return error;
  const { code, message } = error;
  if (code === "conflict" || code === "unknown_writer") {
    const hint =
      pending === 0
        ? "`--again` ships the files from their start as a new writer"
        : `${pending} batches wait for an answer that cannot come: to give them up, remove ${folder.path}`;
    return new FabricError(code, `${message}; ${hint}`, { cause: error });
  }
  if (code === "unavailable") {
    return new FabricError(code, `${message}; nothing is lost, the same command goes on`, { cause: error });
  }
  return error;
}

function parseNumber(value: number | string, option: string, min: number, max: number): number {
  const n = Number(value);
  if (Number.isInteger(n) && n >= min && n <= max) return n;
  throw new UsageError(`${option} must be a whole number from ${min} to ${max}, got ${value}`);
}

function defaultStateDir({ url }: Target): string {
  const base = process.env["XDG_STATE_HOME"] || join(homedir(), ".local", "state");
  return join(
    base,
    "selvedge",
    "ship",
    createHash("sha256").update(new URL(url).href).digest("hex").slice(0, 16),
  );
}

function newWriter(): string {
  return fromBytes(crypto.getRandomValues(new Uint8Array(16)));
}
