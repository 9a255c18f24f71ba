/** What sessions cost that are subscribed and get nothing: CPU of a fixed flow beside them, and memory. */
import { chartSvg } from "../chart.ts";
import type { LoadProcess } from "../load/load-process.ts";
import { planOf, targetOf } from "../load/rounds.ts";
import { startFabricServer, using } from "../server.ts";
import { median, spread, tableLines } from "../statistics.ts";
import { verdict, type BenchOptions, type BenchResult, type Ratio } from "../subject.ts";
import { FULL } from "./cases.ts";
import { pairCosts } from "./pair-costs.ts";
import { startWorkerRelay, WINDOW } from "./throughput.ts";

const SESSIONS = [10, 1_000, 5_000];
/** 1→10, 100 frames a second: 50,000 events delivered a second. */
const FLOW = { ...FULL, subscribers: 10, rate: 100 };
/** On the CPU of a delivered event beside so many sessions, divided by that beside the fewest. */
const CPU_RATIO_MAX = 1.2;
/** On the memory of an idle peer, divided by that of a bare socket held by a Worker with a trunk. */
const MEMORY_RATIO_MAX = 1.25;
/** Fewer take less than what the memory of a server that does nothing goes up and down by. */
const MEMORY_SESSIONS_MIN = 1_000;
const WARM_UP_MS = 4_000;
/** Long enough to measure, and short enough that a server that waits for its turn is not quiet for `checkpointMs`. */
const SLICE_MS = 400;
/** Of each pair of runs: with fewer, one collection of garbage decides. */
const PAIR_SECONDS_MIN = 2;

/** Loads a fabric of each size, and a relay as large as the largest, in turn. */
export function growth(load: LoadProcess, options: BenchOptions): Promise<BenchResult> {
  const { seconds, pairs, print } = options;
  return using([...SESSIONS.map(() => startFabricServer), startWorkerRelay], async (servers) => {
    const idleOf = (i: number) => SESSIONS[i] ?? SESSIONS.at(-1)!;
    const targets = servers.map((server, i) => ({
      ...targetOf(server, i < SESSIONS.length ? "native" : "relay"),
      shape: { idle: idleOf(i) },
    }));
    // No load before the idle sessions: what it leaves in the heap would hide what they take.
    const slices = Math.ceil((Math.max(seconds, PAIR_SECONDS_MIN) * 1000) / SLICE_MS);
    const base = planOf(targets, FLOW, WINDOW, seconds);
    const plan = { ...base, warmupMs: WARM_UP_MS, sliceMs: SLICE_MS, slices: slices * pairs };
    const results = await load.run(plan);
    const costs = results.map((result) => pairCosts(result.slices, slices));
    print("");
    for (const line of tableLines([
      ["growth", "idle sessions", "µs/event", "spread", "idle cores", "KiB/idle session", "p50 ms", "p99 ms"],
      ...results.map((r, i) => [
        i < SESSIONS.length ? "  fabric" : "  bare relay",
        String(idleOf(i)),
        median(costs[i]!).toFixed(3),
        spread(costs[i]!, 3),
        r.idleCores.toFixed(3),
        idleOf(i) < MEMORY_SESSIONS_MIN ? "" : r.idlePeerKiB.toFixed(0),
        r.p50Ms.toFixed(2),
        r.p99Ms.toFixed(2),
      ]),
    ])) {
      print(line);
    }
    const ratios: Record<string, Ratio> = {};
    const book = (name: string, values: readonly number[], max: number) => {
      const ratio = { value: median(values), max };
      ratios[name] = ratio;
      const range = values.length > 1 ? ` (${spread(values, 2)})` : "";
      print(`  ${name} ${ratio.value.toFixed(2)}${range}${verdict(ratio)}`);
    };
    for (const [i, sessions] of SESSIONS.entries()) {
      if (i === 0) continue;
      const each = costs[i]!.map((cost, pair) => cost / costs[0]![pair]!);
      book(`growth CPU at ${sessions} / at ${SESSIONS[0]}`, each, CPU_RATIO_MAX);
    }
    const [own, bare] = [results.at(-2)!, results.at(-1)!];
    book("growth memory fabric / bare", [own.idlePeerKiB / bare.idlePeerKiB], MEMORY_RATIO_MAX);
    const figures = results.flatMap((r, i) => {
      const name = `growth ${idleOf(i)} ${i < SESSIONS.length ? "fabric" : "bare relay"}`;
      return [
        [`${name} ServerUsPerEvent`, median(costs[i]!)],
        [`${name} IdleCores`, r.idleCores],
        [`${name} IdlePeerKiB`, r.idlePeerKiB],
      ] as const;
    });
    const lost = results.reduce((n, r) => n + r.lost + r.disordered, 0);
    return { figures: Object.fromEntries(figures), ratios, lost };
  });
}

/** CPU of a delivered event by sessions. */
export function growthChart({ figures }: BenchResult): string {
  const bar = (series: string, sessions: number) => ({
    series,
    value: figures[`growth ${sessions} ${series} ServerUsPerEvent`] ?? 0,
  });
  const groups = SESSIONS.map((sessions, i) => ({
    label: `${sessions} sessions`,
    bars: [bar("fabric", sessions), ...(i === SESSIONS.length - 1 ? [bar("bare relay", sessions)] : [])],
  }));
  const format = (value: number) => value.toFixed(2);
  return chartSvg({
    title: "Server CPU beside idle sessions",
    unit: "µs per delivered event",
    groups,
    format,
  });
}
