/** A thread of the simulator: runs the seeds that it is sent, one shard after another. */
import { parentPort, workerData } from "node:worker_threads";
import { WORLDS } from "../worlds.ts";
import { runSeeds } from "./seeds.ts";
import type { Shard } from "./shards.ts";

const run = WORLDS[workerData as string]!;
parentPort!.on("message", ({ from, seeds }: Shard) => {
  parentPort!.postMessage(runSeeds(run, from, seeds));
});
