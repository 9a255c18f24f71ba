/** Runs many seeds of a world, in as many threads as there are processors, a few seeds at a time. */
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

/** What many seeds brought about, and the lowest seed that failed. */
export interface Sum {
  readonly faults: Map<string, number>;
  readonly figures: Map<string, number>;
  failedSeed: number | undefined;
}

export interface Shard {
  readonly from: number;
  readonly seeds: number;
}

const SHARD_SEEDS = 50;

/** Stops early when a seed fails. */
export async function runShards(
  world: string,
  { from, seeds, jobs }: Shard & { readonly jobs: number },
): Promise<Sum> {
  const sum: Sum = { faults: new Map(), figures: new Map(), failedSeed: undefined };
  let next = from;
  const take = (): Shard | undefined => {
    if (next >= from + seeds || sum.failedSeed !== undefined) return undefined;
    const shard = { from: next, seeds: Math.min(SHARD_SEEDS, from + seeds - next) };
    next += shard.seeds;
    return shard;
  };
  await Promise.all(Array.from({ length: jobs }, () => runThread(world, take, sum)));
  return sum;
}

async function runThread(world: string, take: () => Shard | undefined, sum: Sum): Promise<void> {
  const thread = new Worker(fileURLToPath(new URL("./shard-thread.ts", import.meta.url).href), {
    workerData: world,
  });
  const done = Promise.withResolvers<void>();
  const next = () => {
    const shard = take();
    if (shard === undefined) done.resolve();
    else thread.postMessage(shard);
  };
  thread.on("error", done.reject);
  thread.on("message", (part: Sum) => {
    add(sum, part);
    next();
  });
  next();
  await done.promise;
  await thread.terminate();
}

function add(sum: Sum, part: Sum): void {
  for (const [kind, count] of part.faults) sum.faults.set(kind, (sum.faults.get(kind) ?? 0) + count);
  for (const [kind, count] of part.figures) sum.figures.set(kind, (sum.figures.get(kind) ?? 0) + count);
  if (part.failedSeed !== undefined) {
    sum.failedSeed = Math.min(part.failedSeed, sum.failedSeed ?? Infinity);
  }
}
