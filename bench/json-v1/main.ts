/** The fabric against a bare Durable Object relay with the same bytes. See README.md. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startLoadProcess, type LoadProcess } from "../load/load-process.ts";
import { startFabricServer, startWorkerServer } from "../server.ts";
import type { BenchOptions, BenchResult, Ratio } from "../subject.ts";
import { CASES, type Case } from "./cases.ts";
import { planOf, targetOf, type Pair } from "./pair.ts";
import { profileCase } from "./profile.ts";
import { reportCase } from "./report.ts";

const BARE_RELAY = fileURLToPath(import.meta.resolve("./bare-relay.ts"));

/** Full load before the pairs: the compilers of a fresh server must have seen its hot path, also at 200 events/s. */
const WARM_UP_SECONDS = 2;

/** Runs all cases, or profiles them. */
export async function run(options: BenchOptions): Promise<BenchResult> {
  const figures: Record<string, number> = {};
  const ratios: Record<string, Ratio> = {};
  let lost = 0;
  const load = startLoadProcess();
  try {
    for (const subject of CASES.filter((c) => c.name.includes(options.only ?? ""))) {
      if (options.profileDir !== undefined) {
        const file = join(options.profileDir, `json-v1-${subject.name.replace(/\W+/g, "-")}.cpuprofile`);
        lost += await profileCase(subject, load, file, options);
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
      const warmUp = { ...subject, shape: { ...subject.shape, rate: 0 } };
      await load.run(planOf(warmUp, targets, WARM_UP_SECONDS));
      const pairs: Pair[] = [];
      for (let i = 0; i < options.pairs; i++) {
        // Every other pair begins with the other server.
        const order = i % 2 === 0 ? targets : targets.toReversed();
        const results = await load.run(planOf(subject, order, options.seconds));
        const [first, second] = i % 2 === 0 ? results : results.toReversed();
        pairs.push({ fabric: first!, relay: second! });
      }
      return pairs;
    } finally {
      await fabric.close();
    }
  } finally {
    await relay.close();
  }
}
