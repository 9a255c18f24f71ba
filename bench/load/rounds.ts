/** Several rounds of load on several servers in turn: what every subject measures with. */
import type { Server } from "../server.ts";
import type { LoadProcess } from "./load-process.ts";
import type { LoadPlan, LoadResult, LoadShape, LoadTarget } from "./plan.ts";

const SLICE_MS = 250;
const WARMUP_MS = 500;
/** Full load before the rounds: the compilers of a fresh server must have seen its hot path, also where rates are low. */
const WARM_UP_SECONDS = 2;

/** A server as the load process sees it. */
export function targetOf(server: Server, dialect: LoadTarget["dialect"]): LoadTarget {
  return { dialect, origin: server.origin, pid: server.pid };
}

/** One round: each target for `seconds`, with `window` events on their way from all publishers together. */
export function planOf(
  targets: readonly LoadTarget[],
  shape: LoadShape,
  window: number,
  seconds: number,
): LoadPlan {
  return {
    targets,
    shape,
    window: window / (shape.groups * shape.publishers),
    warmupMs: WARMUP_MS,
    sliceMs: SLICE_MS,
    slices: Math.max(1, Math.round((seconds * 1000) / SLICE_MS)),
  };
}

export interface RoundOptions {
  readonly window: number;
  readonly seconds: number;
  readonly rounds: number;
}

/** Warms the servers up and runs the rounds, every other one in reverse order. Result `[round][target]`. */
export async function runRounds(
  load: LoadProcess,
  targets: readonly LoadTarget[],
  shape: LoadShape,
  { window, seconds, rounds }: RoundOptions,
): Promise<LoadResult[][]> {
  await load.run(planOf(targets, { ...shape, rate: 0 }, window, WARM_UP_SECONDS));
  const all: LoadResult[][] = [];
  for (let i = 0; i < rounds; i++) {
    const isReversed = i % 2 === 1;
    const order = isReversed ? targets.toReversed() : targets;
    const results = await load.run(planOf(order, shape, window, seconds));
    all.push(isReversed ? results.toReversed() : [...results]);
  }
  return all;
}
