/**
 * `npm run sim -- --seeds N --from S [--world logs]`: runs the simulator over N seeds from S on and prints the faults
 * it brought about. For a seed that fails: what does not hold, the end of its trace, and the command that repeats it.
 */
import { parseArgs } from "node:util";
import { Violation, type WorldOptions } from "./kit/world.ts";
import { WORLDS } from "./worlds.ts";

const TRACE_LINES = 80;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    world: { type: "string" },
    trace: { type: "boolean", default: false },
  },
});

const seeds = Number(values.seeds);
const from = Number(values.from);
const names = values.world === undefined ? Object.keys(WORLDS) : [values.world];
let failed = false;
for (const name of names) {
  const run = WORLDS[name];
  if (run === undefined || !Number.isSafeInteger(seeds) || !Number.isSafeInteger(from)) {
    console.error(
      `usage: npm run sim -- [--seeds N] [--from S] [--world ${Object.keys(WORLDS).join("|")}] [--trace]`,
    );
    process.exit(2);
  }
  failed = !runWorld(name, run) || failed;
}
process.exit(failed ? 1 : 0);

function runWorld(name: string, run: (options: WorldOptions) => ReadonlyMap<string, number>): boolean {
  const faults = new Map<string, number>();
  const startMs = performance.now();
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      const counts = run(values.trace ? { seed, trace: (line) => console.log(line) } : { seed });
      for (const [kind, count] of counts) faults.set(kind, (faults.get(kind) ?? 0) + count);
    } catch (error) {
      report(name, run, seed, error);
      return false;
    }
  }
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${name}: ${seeds} seeds from ${from} pass in ${seconds} s; faults brought about:`);
  for (const [kind, count] of [...faults].toSorted(([a], [b]) => a.localeCompare(b))) {
    console.log(`  ${String(count).padStart(9)}  ${kind}`);
  }
  return true;
}

/** Runs the seed again, with a trace. */
function report(name: string, run: (options: WorldOptions) => unknown, seed: number, error: unknown): void {
  const lines: string[] = [];
  try {
    run({ seed, trace: (line) => lines.push(line) });
  } catch {
    // The same error again: it is reported below.
  }
  for (const line of lines.slice(-TRACE_LINES)) console.log(line);
  const text =
    error instanceof Violation ? error.message : error instanceof Error ? error.stack : String(error);
  console.error(`\n${name}: seed ${seed} fails: ${text}`);
  console.error(`repeat: npm run sim -- --world ${name} --from ${seed} --seeds 1 --trace`);
}
