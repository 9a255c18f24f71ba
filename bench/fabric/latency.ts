/** From publish to delivery: frames of one event at an idle fabric, frames of 50 at half of what it can. */
import { compare } from "../compare.ts";
import type { LoadProcess } from "../load/load-process.ts";
import type { LoadShape } from "../load/plan.ts";
import { planOf, runRounds, targetOf } from "../load/rounds.ts";
import { startFabricServer, using } from "../server.ts";
import { merged, verdict, type BenchOptions, type BenchResult, type Ratio } from "../subject.ts";
import { EVENTS, FULL } from "./cases.ts";
import { startWorkerRelay, WINDOW } from "./throughput.ts";

const IDLE_FRAMES_PER_SECOND = 200;
const CEILING_SECONDS = 2;
/** The design's budgets on an idle fabric, ms. */
const IDLE_BUDGET = { P50Ms: 1, P99Ms: 5 } as const;

/** Measures latency beside the bare relay's at the same rate. */
export function latency(load: LoadProcess, options: BenchOptions): Promise<BenchResult> {
  return using([startFabricServer, startWorkerRelay], async ([fabric, relay]) => {
    const targets = [targetOf(fabric!, "native"), targetOf(relay!, "relay")];
    const { seconds, pairs: rounds, print } = options;
    const measure = async (name: string, shape: LoadShape) => {
      const results = await runRounds(load, targets, shape, { window: WINDOW, seconds, rounds });
      const sides = ["fabric", "bare relay"].map((side, i) => ({
        name: side,
        results: results.map((round) => round[i]!),
      }));
      return compare({ name, isTimed: true, sides, print });
    };
    const idle = await measure("latency idle", { ...FULL, rate: IDLE_FRAMES_PER_SECOND, events: 1 });
    const [full] = await load.run(planOf([targets[0]!], FULL, WINDOW, CEILING_SECONDS));
    const rate = Math.floor(full!.perSecond / EVENTS / 2);
    const half = await measure(`latency at half load`, { ...FULL, rate });
    return merged([idle, half, budgets(idle, print)]);
  });
}

function budgets(idle: BenchResult, print: (line: string) => void): BenchResult {
  const ratios = Object.entries(IDLE_BUDGET).map(([quantile, max]): [string, Ratio] => {
    const ratio = { value: idle.figures[`latency idle fabric ${quantile}`] ?? NaN, max };
    print(`  idle ${quantile} ${ratio.value.toFixed(2)}${verdict(ratio)}`);
    return [`latency idle ${quantile}`, ratio];
  });
  return { figures: {}, ratios: Object.fromEntries(ratios), lost: 0 };
}
