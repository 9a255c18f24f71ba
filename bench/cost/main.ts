/** What a million events cost in production, from counts of real runs at several rates. See README.md. */
import { fileURLToPath } from "node:url";
import { parseLayout } from "../../src/cluster/layout.ts";
import { chartSvg } from "../chart.ts";
import { EVENT_BYTES } from "../load/batch.ts";
import { startLoadProcess, type LoadProcess } from "../load/load-process.ts";
import { planOf, targetOf } from "../load/rounds.ts";
import { startFabricServer, using } from "../server.ts";
import { merged, verdict, type BenchOptions, type BenchResult, type Ratio } from "../subject.ts";
import { billOf, totalOf } from "./bill.ts";
import { COUNTS_PATH, countsBetween, scaled, type Counts } from "./counts.ts";
import { priceLogs } from "./logs.ts";
import { sqliteStorage } from "./prices.ts";
import { printTables, type Priced } from "./tables.ts";

const COUNTED_FABRIC = fileURLToPath(import.meta.resolve("./counted-fabric.ts"));

/** Events per second of all publishers together. */
const RATES = [10, 100, 1_000, 5_000];
/** Four sensors that send each event by itself, and four readers of everything. */
const SHAPE = { groups: 1, publishers: 4, subscribers: 4, events: 1 };
const MILLION = 1e6;
/** At the slowest rate a run must still hold some dozens of events. */
const SECONDS_MIN = 5;
const WINDOW = 100_000;

interface Variant {
  readonly name: string;
  readonly dialect: "native" | "json-v1";
  readonly layout?: Readonly<Record<string, unknown>>;
  /** How long a production deployment would keep the events, s. */
  readonly keptS: number;
  /** On the dollars for a million events at the highest rate. */
  readonly max: number;
}

/** Kept so short here that what is kept is also expired within the run: what a day's retention writes, all the time. */
const RETENTION = { prefix: "zeek/bench", seconds: 1, bytes: 1e9, events: 1e7 };
const LAYOUT = { routers: [{ name: "main", prefix: "" }], loggers: [] };

const VARIANTS: readonly Variant[] = [
  { name: "native", dialect: "native", keptS: 0, max: 0.01 },
  { name: "JSON v1", dialect: "json-v1", keptS: 0, max: 0.01 },
  {
    name: "native, kept 24 h",
    dialect: "native",
    layout: { ...LAYOUT, retention: [RETENTION] },
    keptS: 86_400,
    max: 0.05,
  },
];

const startCounted = (layout?: unknown) =>
  startFabricServer({ main: COUNTED_FABRIC, ...(layout === undefined ? {} : { layout }) });

/** Runs every variant at every rate, and ships a log. */
export async function run(options: BenchOptions): Promise<BenchResult> {
  const load = startLoadProcess();
  const results: BenchResult[] = [];
  try {
    for (const variant of VARIANTS.filter((v) => v.name.includes(options.only ?? ""))) {
      if (variant.layout !== undefined && !isKnown(variant.layout)) {
        options.print(`\n${variant.name}: skipped, the layout of this release knows no retention`);
        continue;
      }
      results.push(await priceVariant(variant, load, options));
    }
    if ("logs".includes(options.only ?? "")) results.push(await priceLogs(startCounted, options));
  } finally {
    load.close();
  }
  const result = merged(results);
  return options.only === undefined ? { ...result, charts: { "cost.svg": costChart(result) } } : result;
}

function costChart({ figures }: BenchResult): string {
  const groups = RATES.map((rate) => ({
    label: `${rate} events/s`,
    bars: VARIANTS.flatMap(({ name }) => {
      const value = figures[`${name} ${rate}/s DollarsPerMillion`];
      return value === undefined ? [] : [{ series: name, value }];
    }),
  }));
  const format = (dollars: number) => `$${dollars.toFixed(4)}`;
  return chartSvg({ title: "The bill", unit: "$ for a million events", groups, format });
}

/** Whether this release's layout has a meaning for every field. */
function isKnown(layout: Readonly<Record<string, unknown>>): boolean {
  try {
    const parsed = parseLayout(layout);
    return Object.keys(layout).every((field) => field in parsed);
  } catch {
    return false;
  }
}

interface PricedRate extends Priced {
  readonly lost: number;
}

async function priceVariant(
  variant: Variant,
  load: LoadProcess,
  options: BenchOptions,
): Promise<BenchResult> {
  const priced: PricedRate[] = [];
  for (const rate of RATES) priced.push(await price(variant, rate, load, options));
  printTables(variant.name, "events", priced, options.print);
  const perMillion = (p: Priced) => totalOf(p.bill) + p.storage;
  const ratio: Ratio = { value: perMillion(priced.at(-1)!), max: variant.max };
  options.print(`  $ for a million events at ${RATES.at(-1)!}/s: ${ratio.value.toFixed(4)}${verdict(ratio)}`);
  return {
    figures: Object.fromEntries(
      priced.map((p, i) => [`${variant.name} ${RATES[i]!}/s DollarsPerMillion`, perMillion(p)]),
    ),
    ratios: { [`${variant.name}, $ per million at ${RATES.at(-1)!}/s`]: ratio },
    lost: priced.reduce((n, p) => n + p.lost, 0),
  };
}

function price(
  variant: Variant,
  rate: number,
  load: LoadProcess,
  options: BenchOptions,
): Promise<PricedRate> {
  return using([() => startCounted(variant.layout)], async ([fabric]) => {
    const target = { ...targetOf(fabric!, variant.dialect), probe: COUNTS_PATH };
    const shape = { ...SHAPE, rate: rate / SHAPE.publishers };
    const seconds = Math.max(SECONDS_MIN, options.seconds);
    const [result] = await load.run(planOf([target], shape, WINDOW, seconds));
    const { delivered, serverUsPerEvent, probed, lost, disordered } = result!;
    const [before, after] = probed as unknown as [Counts, Counts];
    const events = delivered / SHAPE.subscribers;
    const counts = scaled(countsBetween(before, after), MILLION / events);
    const cpuMs = (serverUsPerEvent * delivered * (MILLION / events)) / 1000;
    const bill = billOf(counts, cpuMs);
    const storage = sqliteStorage(MILLION * EVENT_BYTES, variant.keptS);
    return { label: `  ${rate} events/s`, counts, cpuMs, bill, storage, lost: lost + disordered };
  });
}
