/** One pair of runs: all targets connected, then loaded in turn. */
import type { LoadPlan, LoadResult } from "./plan.ts";
import { Side } from "./side.ts";

/** Runs `plan`; results stand in the order of its targets. A loss is a figure of the result, not an error. */
export async function runLoad(plan: LoadPlan): Promise<LoadResult[]> {
  const sides: Side[] = [];
  for (const target of plan.targets) sides.push(await Side.open(target, plan));
  for (const side of sides) await side.slice(plan.warmupMs, false);
  for (let i = 0; i < plan.slices; i++) {
    for (const side of i % 2 === 0 ? sides : sides.toReversed()) await side.slice(plan.sliceMs, true);
  }
  const results: LoadResult[] = [];
  for (const side of sides) results.push(await side.finish());
  return results;
}
