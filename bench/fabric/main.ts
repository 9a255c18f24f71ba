/** Native events through the fabric, against a bare relay of the same frames over Worker-held sessions. See README.md. */
import { rateChart } from "../compare.ts";
import { startLoadProcess } from "../load/load-process.ts";
import { profileFabric } from "../profile/fabric.ts";
import { merged, type BenchOptions, type BenchResult } from "../subject.ts";
import { CASES } from "./cases.ts";
import { growth, growthChart } from "./growth.ts";
import { latency } from "./latency.ts";
import { WINDOW, compareCase } from "./throughput.ts";
import { TOPIC_SIDES, topics } from "./topics.ts";

/** Runs all cases whose name fits, or profiles those of throughput. */
export async function run(options: BenchOptions): Promise<BenchResult> {
  const load = startLoadProcess();
  const { profileDir: dir, seconds, print, only = "" } = options;
  const results: BenchResult[] = [];
  try {
    for (const subject of CASES.filter((c) => c.name.includes(only))) {
      if (dir === undefined) {
        results.push(await compareCase(subject, load, options));
        continue;
      }
      const { name, shape } = subject;
      const profiled = { name: `fabric ${name}`, dialect: "native", shape, seconds, dir, print } as const;
      const lost = await profileFabric(load, { ...profiled, window: WINDOW });
      results.push({ figures: {}, ratios: {}, lost });
    }
    if (dir !== undefined) return merged(results);
    if ("topics".includes(only)) results.push(await topics(load, options));
    if ("latency".includes(only)) results.push(await latency(load, options));
    if ("growth".includes(only)) results.push(await growth(load, options));
  } finally {
    load.close();
  }
  const result = merged(results);
  return only === "" ? { ...result, charts: charts(result) } : result;
}

/** Of a whole run. */
function charts(result: BenchResult): Record<string, string> {
  const names = CASES.map((c) => c.name);
  return {
    "fabric-throughput.svg": rateChart("Native events", result, names, ["fabric", "bare relay"]),
    "fabric-topics.svg": rateChart("Frames over many topics", result, ["topics"], TOPIC_SIDES),
    "fabric-growth.svg": growthChart(result),
  };
}
