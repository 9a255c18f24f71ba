/** Runs seeds of a world one after another, and sums up what they brought about. */
import type { Sum } from "./shards.ts";
import type { Tally, WorldOptions } from "./world.ts";

/** Stops at the first seed that fails. */
export function runSeeds(run: (options: WorldOptions) => Tally, from: number, seeds: number): Sum {
  const sum: Sum = { faults: new Map(), figures: new Map(), failedSeed: undefined };
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      const { faults, figures } = run({ seed });
      for (const [kind, count] of faults) sum.faults.set(kind, (sum.faults.get(kind) ?? 0) + count);
      for (const [kind, count] of figures) sum.figures.set(kind, (sum.figures.get(kind) ?? 0) + count);
    } catch {
      // Which check it was is found out by running it again (main.ts).
      sum.failedSeed = seed;
      break;
    }
  }
  return sum;
}
