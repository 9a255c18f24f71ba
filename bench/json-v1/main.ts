/** The fabric against a bare Durable Object relay with the same bytes. See README.md. */
import { fileURLToPath } from "node:url";
import { startLoadProcess, type LoadProcess } from "../load/load-process.ts";
import { runRounds, targetOf } from "../load/rounds.ts";
import { profileFabric } from "../profile/fabric.ts";
import { startFabricServer, startWorkerServer } from "../server.ts";
import type { BenchOptions, BenchResult, Ratio } from "../subject.ts";
import { CASES, type Case, type Pair } from "./cases.ts";
import { reportCase } from "./report.ts";

const BARE_RELAY = fileURLToPath(import.meta.resolve("./bare-relay.ts"));

/**
 * Events on their way from all publishers together: enough that a server always finds work (64 leave it idle between
 * them in 1→1), few enough that workerd goes on accepting connections.
 */
const WINDOW = 256;

/** Runs all cases, or profiles them. */
export async function run(options: BenchOptions): Promise<BenchResult> {
  const figures: Record<string, number> = {};
  const ratios: Record<string, Ratio> = {};
  let lost = 0;
  const load = startLoadProcess();
  const { profileDir: dir, seconds, print } = options;
  try {
    for (const subject of CASES.filter((c) => c.name.includes(options.only ?? ""))) {
      if (dir !== undefined) {
        const { name, shape } = subject;
        const profiled = { name: `json-v1 ${name}`, dialect: "json-v1", shape, seconds, dir, print } as const;
        lost += await profileFabric(load, { ...profiled, window: WINDOW });
        continue;
      }
      const report = reportCase(subject, await measure(subject, load, options), options.print);
      Object.assign(figures, report.figures);
      Object.assign(ratios, report.ratios);
      lost += report.lost;
    }
  } finally {
    load.close();
  }
  return { figures, ratios, lost };
}

/** Starts both servers afresh and runs the pairs of one case. */
async function measure(subject: Case, load: LoadProcess, options: BenchOptions): Promise<Pair[]> {
  const relay = await startWorkerServer(BARE_RELAY, "RELAY", "BareRelay");
  try {
    const fabric = await startFabricServer();
    try {
      const targets = [targetOf(fabric, "json-v1"), targetOf(relay, "bare")];
      const { seconds, pairs: rounds } = options;
      const all = await runRounds(load, targets, subject.shape, { window: WINDOW, seconds, rounds });
      return all.map(([fabric, relay]) => ({ fabric: fabric!, relay: relay! }));
    } finally {
      await fabric.close();
    }
  } finally {
    await relay.close();
  }
}
