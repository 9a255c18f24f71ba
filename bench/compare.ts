/** The table of one case: medians of several servers that were loaded in turn, and ratios of the first to others. */
import { chartSvg } from "./chart.ts";
import type { LoadResult } from "./load/plan.ts";
import { grouped, median, spread, tableLines } from "./statistics.ts";
import { verdict, type BenchResult, type Ratio } from "./subject.ts";

/** Below this something else than the server limited a figure: other work on the machine, or the generator. */
const SATURATED_CORES = 0.9;

interface ComparedSide {
  /** As in the table. */
  readonly name: string;
  /** One for each round. */
  readonly results: readonly LoadResult[];
  /** Budget on the first side's figure divided by this one's. Without one the ratio is for orientation. */
  readonly budget?: Omit<Ratio, "value">;
}

export interface Comparison {
  readonly name: string;
  /** Figures are latencies, not rates. */
  readonly isTimed: boolean;
  /** The fabric first. */
  readonly sides: readonly ComparedSide[];
  /** How many of the first sides are the fabric's, each to be compared with all others; by default 1. */
  readonly own?: number;
  readonly print: (line: string) => void;
}

/** Prints one case and returns its part of the result. */
export function compare({ name, isTimed, sides, own = 1, print }: Comparison): BenchResult {
  const heading = isTimed ? ["p50 ms", "p99 ms"] : ["events/s", "spread", "generator max/s"];
  const columns = ["server µs/event", "server cores", "generator cores", "idle MiB", "peak MiB"];
  print("");
  for (const line of tableLines([
    [name, ...heading, ...columns],
    ...sides.map((side) => row(side, isTimed)),
  ])) {
    print(line);
  }
  const ratios: Record<string, Ratio> = {};
  for (const ours of sides.slice(0, own)) {
    for (const side of sides.slice(own)) {
      const each = ours.results.map(
        (result, i) => figure(result, isTimed) / figure(side.results[i]!, isTimed),
      );
      const ratio: Ratio = { value: median(each), ...side.budget };
      ratios[own === 1 ? `${name} / ${side.name}` : `${name} ${ours.name} / ${side.name}`] = ratio;
      print(`  ${ours.name} / ${side.name} ${ratio.value.toFixed(2)} (${spread(each, 2)})${verdict(ratio)}`);
    }
  }
  return { figures: figuresOf(name, isTimed, sides), ratios, lost: reportDefects(sides, isTimed, print) };
}

function figure(result: LoadResult, isTimed: boolean): number {
  return isTimed ? result.p50Ms : result.perSecond;
}

function row({ name, results }: ComparedSide, isTimed: boolean): string[] {
  const of = (pick: (r: LoadResult) => number) => median(results.map(pick));
  const thousands = results.map((r) => r.perSecond / 1000);
  return [
    `  ${name}`,
    ...(isTimed
      ? [of((r) => r.p50Ms).toFixed(2), of((r) => r.p99Ms).toFixed(2)]
      : [
          grouped(of((r) => r.perSecond)),
          `${spread(thousands, 0)}k`,
          grouped(of((r) => r.perSecond / r.loadCores)),
        ]),
    of((r) => r.serverUsPerEvent).toFixed(2),
    of((r) => r.serverCores).toFixed(2),
    of((r) => r.loadCores).toFixed(2),
    of((r) => r.rssIdleMiB).toFixed(0),
    of((r) => r.rssPeakMiB).toFixed(0),
  ];
}

function reportDefects(
  sides: readonly ComparedSide[],
  isTimed: boolean,
  print: (line: string) => void,
): number {
  const all = sides.flatMap((side) => side.results);
  const idle = all.filter((r) => !isTimed && r.serverCores < SATURATED_CORES).length;
  if (idle > 0)
    print(
      `  warning: in ${idle} of ${all.length} runs the server had less than ${SATURATED_CORES} of a core`,
    );
  for (const text of new Set(all.flatMap((r) => r.closed))) print(`  closed by a server: ${text}`);
  const lost = all.reduce((n, r) => n + r.lost + r.disordered, 0);
  if (lost > 0) print(`  LOST or out of order: ${lost} events`);
  return lost;
}

function figuresOf(name: string, isTimed: boolean, sides: readonly ComparedSide[]): Record<string, number> {
  const all = sides.flatMap((side) => {
    const of = (pick: (r: LoadResult) => number) => Number(median(side.results.map(pick)).toFixed(3));
    const speed: [string, number][] = isTimed
      ? [
          ["P50Ms", of((r) => r.p50Ms)],
          ["P99Ms", of((r) => r.p99Ms)],
        ]
      : [["EventsPerSecond", of((r) => r.perSecond)]];
    return [
      ...speed,
      ["ServerUsPerEvent", of((r) => r.serverUsPerEvent)] as const,
      ["RssPeakMiB", of((r) => r.rssPeakMiB)] as const,
    ].map(([unit, value]) => [`${name} ${side.name} ${unit}`, value] as const);
  });
  return Object.fromEntries(all);
}

/** Rates of several cases as a chart. */
export function rateChart(
  title: string,
  { figures }: BenchResult,
  cases: readonly string[],
  sides: readonly string[],
): string {
  const groups = cases.map((label) => ({
    label,
    bars: sides.map((series) => ({ series, value: figures[`${label} ${series} EventsPerSecond`] ?? 0 })),
  }));
  return chartSvg({ title, unit: "events delivered per second", groups, format: grouped });
}
