/** Events delivered per second, beside the bare relay. */
import { fileURLToPath } from "node:url";
import { compare } from "../compare.ts";
import type { LoadProcess } from "../load/load-process.ts";
import { runRounds, targetOf } from "../load/rounds.ts";
import { startFabricServer, startWorkerServer, using, type Server } from "../server.ts";
import type { BenchOptions, BenchResult } from "../subject.ts";
import type { Case } from "./cases.ts";

const WORKER_RELAY = fileURLToPath(import.meta.resolve("./worker-relay.ts"));

/** Events on their way from all publishers together: 256 frames of 50. */
export const WINDOW = 12_800;

/** Starts the bare relay over Worker-held sessions. */
export function startWorkerRelay(): Promise<Server> {
  return startWorkerServer(WORKER_RELAY, "RELAY", "BareRelay");
}

/** Runs one case on two fresh servers. */
export function compareCase(subject: Case, load: LoadProcess, options: BenchOptions): Promise<BenchResult> {
  const { name, shape, budget } = subject;
  const { seconds, pairs: rounds, print } = options;
  return using([startFabricServer, startWorkerRelay], async ([fabric, relay]) => {
    const targets = [targetOf(fabric!, "native"), targetOf(relay!, "relay")];
    const results = await runRounds(load, targets, shape, { window: WINDOW, seconds, rounds });
    const sides = [
      { name: "fabric", results: results.map((round) => round[0]!) },
      { name: "bare relay", results: results.map((round) => round[1]!), ...(budget && { budget }) },
    ];
    return compare({ name, isTimed: false, sides, print });
  });
}
