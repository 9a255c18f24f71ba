/**
 * `npm run sim -- --seeds N --from S [--world logs|fabric] [--jobs N]`: runs the simulator over N seeds from S on and
 * prints what it brought about. For a seed that fails: what does not hold, the fewest happenings with which a check
 * still fails, the trace of these, and the command that repeats it.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { failureOf, shrink } from "./kit/shrink.ts";
import { formatNumbers, parseNumbers } from "./kit/numbers.ts";
import { runShards, type Sum } from "./kit/shards.ts";
import { Violation } from "./kit/world.ts";
import { WORLDS } from "./worlds.ts";

const TRACE_LINES = 120;
const SHRINK_TRIES = 500;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    world: { type: "string" },
    jobs: { type: "string", default: String(Math.min(availableParallelism(), 8)) },
    only: { type: "string" },
    trace: { type: "boolean", default: false },
  },
});
const [seeds, from, jobs] = [values.seeds, values.from, values.jobs].map(Number) as [number, number, number];
const names = values.world === undefined ? Object.keys(WORLDS) : [values.world];
if (![seeds, from, jobs].every(Number.isSafeInteger) || !names.every((name) => name in WORLDS)) {
  console.error(
    `usage: npm run sim -- [--seeds N] [--from S] [--world ${Object.keys(WORLDS).join("|")}] [--jobs N] [--only NUMBERS] [--trace]`,
  );
  process.exit(2);
}
let hasFailed = false;
for (const name of names) {
  hasFailed ||= !(values.trace || values.only !== undefined ? traceOne(name) : await runAll(name));
}
process.exit(hasFailed ? 1 : 0);

/** Runs all seeds of a world. Answers whether they pass. */
async function runAll(name: string): Promise<boolean> {
  const startMs = performance.now();
  const sum = await runShards(name, { from, seeds, jobs });
  const seconds = (performance.now() - startMs) / 1000;
  if (sum.failedSeed !== undefined) {
    report(name, sum.failedSeed);
    return false;
  }
  const rate = Math.round(seeds / seconds);
  console.log(`${name}: ${seeds} seeds from ${from} pass in ${seconds.toFixed(1)} s, ${rate} a second`);
  print("faults", sum.faults);
  print("besides", sum.figures);
  return true;
}

function print(title: string, counts: Sum["faults"]): void {
  if (counts.size === 0) return;
  console.log(`${title}:`);
  for (const [kind, count] of [...counts].toSorted(([a], [b]) => a.localeCompare(b))) {
    console.log(`  ${String(count).padStart(10)}  ${kind}`);
  }
}

/** Runs one seed and prints its trace. */
function traceOne(name: string): boolean {
  const only = values.only === undefined ? {} : { only: parseNumbers(values.only) };
  const failure = failureOf(WORLDS[name]!, { seed: from, trace: (line) => console.log(line), ...only });
  if (failure === undefined) return true;
  console.error(`\n${name}: seed ${from} fails: ${textOf(failure)}`);
  return false;
}

/** Makes a failing seed small, and prints what is left of it. */
function report(name: string, seed: number): void {
  const run = WORLDS[name]!;
  console.error(`${name}: seed ${seed} fails: ${textOf(failureOf(run, { seed }))}`);
  const { only, before, tries } = shrink(run, seed, SHRINK_TRIES);
  const lines: string[] = [];
  const failure = failureOf(run, { seed, only: new Set(only), trace: (line) => lines.push(line) });
  console.error(
    `${only.length} of its ${before} happenings are enough (${tries} tries); the trace of these:\n`,
  );
  if (lines.length > TRACE_LINES) console.error(`(${lines.length - TRACE_LINES} lines before)`);
  for (const line of lines.slice(-TRACE_LINES)) console.error(line);
  console.error(`\n${name}: seed ${seed} fails: ${textOf(failure)}`);
  console.error(
    `repeat: npm run sim -- --world ${name} --from ${seed} --only ${formatNumbers(only)} --trace`,
  );
}

function textOf(failure: unknown): string {
  if (failure instanceof Violation) return failure.message;
  return failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
}
