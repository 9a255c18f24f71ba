/** The figures of one case: medians over its pairs, beside budgets and the reference figures. */
import type { LoadResult } from "../load/plan.ts";
import { grouped, median, spread, tableLines } from "../statistics.ts";
import { verdict, type BenchResult, type Ratio } from "../subject.ts";
import type { Case, Pair } from "./cases.ts";

/** Below this something else than the server limited the figure: other work on the machine, or the generator. */
const SATURATED_CORES = 0.9;

/** Prints one case and returns its part of the result. */
export function reportCase(
  subject: Case,
  pairs: readonly Pair[],
  print: (line: string) => void,
): BenchResult {
  const isTimed = subject.shape.rate > 0;
  const figure = (result: LoadResult) => (isTimed ? result.p50Ms : result.perSecond);
  const ratios = pairs.map(({ fabric, relay }) => figure(fabric) / figure(relay));
  const ratio: Ratio = { value: median(ratios), ...subject.budget };
  const fabrics = pairs.map((p) => p.fabric);
  const relays = pairs.map((p) => p.relay);
  const lost = [...fabrics, ...relays].reduce((n, r) => n + r.lost + r.disordered, 0);
  print("");
  const heading = isTimed ? ["p50 ms", "p99 ms"] : ["events/s", "spread"];
  const row = (name: string, results: readonly LoadResult[]) => {
    const of = (pick: (r: LoadResult) => number) => median(results.map(pick));
    const main = isTimed
      ? [of((r) => r.p50Ms).toFixed(2), of((r) => r.p99Ms).toFixed(2)]
      : [
          grouped(of((r) => r.perSecond)),
          spread(
            results.map((r) => r.perSecond / 1000),
            0,
          ) + "k",
        ];
    return [
      `  ${name}`,
      ...main,
      of((r) => r.serverUsPerEvent).toFixed(1),
      of((r) => r.serverCores).toFixed(2),
      of((r) => r.loadCores).toFixed(2),
      ...(isTimed ? [] : [grouped(of((r) => r.perSecond / r.loadCores))]),
      of((r) => r.rssIdleMiB).toFixed(0),
      of((r) => r.rssPeakMiB).toFixed(0),
    ];
  };
  const ceiling = isTimed ? [] : ["generator max/s"];
  const columns = ["server µs/event", "server cores", "generator cores", ...ceiling, "idle MiB", "peak MiB"];
  for (const line of tableLines([
    [subject.name, ...heading, ...columns],
    row("fabric", fabrics),
    row("bare relay", relays),
  ])) {
    print(line);
  }
  print(`  fabric / relay ${ratio.value.toFixed(2)} (${spread(ratios, 2)})${verdict(ratio)}`);
  const cpu = pairs.map(({ fabric, relay }) => fabric.serverUsPerEvent / relay.serverUsPerEvent);
  if (!isTimed) print(`  CPU per event, fabric / relay ${median(cpu).toFixed(2)} (${spread(cpu, 2)})`);
  if (subject.referencePerSecond !== undefined) {
    const share = median(relays.map((r) => r.perSecond)) / subject.referencePerSecond;
    print(
      `  the bare relay made ${share.toFixed(2)} of ${grouped(subject.referencePerSecond)}/s, its reference`,
    );
  }
  const idle = [...fabrics, ...relays].filter((r) => !isTimed && r.serverCores < SATURATED_CORES).length;
  if (idle > 0)
    print(
      `  warning: in ${idle} of ${2 * pairs.length} runs the server had less than ${SATURATED_CORES} of a core`,
    );
  for (const text of new Set([...fabrics, ...relays].flatMap((r) => r.closed)))
    print(`  closed by a server: ${text}`);
  if (lost > 0) print(`  LOST or out of order: ${lost} events`);
  return {
    figures: figuresOf(subject.name, isTimed, fabrics, relays),
    ratios: { [subject.name]: ratio },
    lost,
  };
}

function figuresOf(
  name: string,
  isTimed: boolean,
  fabrics: readonly LoadResult[],
  relays: readonly LoadResult[],
): Record<string, number> {
  const sides = { fabric: fabrics, relay: relays };
  const all = Object.entries(sides).flatMap(([side, results]) => {
    const of = (pick: (r: LoadResult) => number) => Number(median(results.map(pick)).toFixed(3));
    const speed: [string, number][] = isTimed
      ? [
          ["P50Ms", of((r) => r.p50Ms)],
          ["P99Ms", of((r) => r.p99Ms)],
        ]
      : [["EventsPerSecond", of((r) => r.perSecond)]];
    const rest: [string, number][] = [
      ["ServerUsPerEvent", of((r) => r.serverUsPerEvent)],
      ["RssPeakMiB", of((r) => r.rssPeakMiB)],
    ];
    return [...speed, ...rest].map(([unit, value]) => [`${name} ${side}${unit}`, value] as const);
  });
  return Object.fromEntries(all);
}
