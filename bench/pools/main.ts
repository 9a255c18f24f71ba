/** HRW and round-robin choices per second in one JavaScript thread. See README.md. */
import { keyDigest } from "../../src/cluster/key-digest.ts";
import { layoutPools } from "../../src/cluster/layout-pools.ts";
import { parseLayout } from "../../src/cluster/layout.ts";
import { PoolViews } from "../../src/cluster/pool-views.ts";
import { Pools } from "../../src/cluster/pools.ts";
import { parseAddress } from "../../src/data/address.ts";
import { count, string, type Value } from "../../src/data/value.ts";
import { stepNs } from "../machine.ts";
import { grouped, median, tableLines } from "../statistics.ts";
import { verdict, type BenchOptions, type BenchResult, type Ratio } from "../subject.ts";

const SIZES = [4, 64, 1_000];
/** Choices a second that a pool of four owes (one thread). */
const CHOICES_MIN = 1e6;
const KEYS = 4_096;

const KINDS: Readonly<Record<string, (i: number) => Value>> = {
  string: (i) => string(`example_key${i}`),
  count: (i) => count(BigInt(i)),
  addr: (i) => parseAddress(`10.${(i >> 8) & 0xff}.${i & 0xff}.${(i * 7) & 0xff}`),
};

interface Case {
  readonly name: string;
  readonly size: number;
  /** Makes KEYS choices; returns how many found a node. */
  readonly run: () => number;
  readonly min: number | undefined;
}

/** Measures every kind of key in every size of pool; the cases take turns, so that all see the same machine. */
export async function run(options: BenchOptions): Promise<BenchResult> {
  const cases = SIZES.flatMap(casesOf).filter(({ name }) => name.includes(options.only ?? ""));
  for (const one of cases) measure(one, options.seconds / 10); // until the compiler has seen it
  const rates = new Map(cases.map(({ name }) => [name, [] as number[]]));
  const missing = { count: 0 };
  for (let pair = 0; pair < options.pairs; pair++) {
    for (const one of cases) {
      const { rate, missed } = measure(one, options.seconds / cases.length);
      rates.get(one.name)!.push(rate);
      missing.count += missed;
    }
  }
  const figures: Record<string, number> = {};
  const ratios: Record<string, Ratio> = {};
  const rows = [["pool and key", "choices/s", "ns each"]];
  for (const { name, min } of cases) {
    const rate = median(rates.get(name)!);
    figures[`${name} choices/s`] = Math.round(rate);
    if (min !== undefined) ratios[`${name} of ${grouped(min)}/s`] = { value: rate / min, min: 1 };
    rows.push([name, grouped(rate), (1e9 / rate).toFixed(0)]);
  }
  for (const line of tableLines(rows)) options.print(line);
  options.print(`now ${Number(stepNs()).toFixed(2)} ns a step`);
  for (const [name, ratio] of Object.entries(ratios)) {
    options.print(`${name}: ${ratio.value.toFixed(2)}${verdict(ratio)}`);
  }
  return { figures, ratios, lost: missing.count };
}

function casesOf(size: number): readonly Case[] {
  const layout = parseLayout({ nodes: [{ name: "proxy", nodeType: "PROXY", count: size }] });
  const pools = new Pools(new PoolViews(layoutPools(layout)));
  pools.views.advance(
    { life: "bench", number: 1 },
    layout.nodes.map(({ name }) => name),
  );
  const hrw = Object.entries(KINDS).map(([kind, keyOf]): Case => {
    const keys = Array.from({ length: KEYS }, (_, i) => keyOf(i));
    const min = size === SIZES[0] ? CHOICES_MIN : undefined;
    return {
      name: `hrw ${size} ${kind}`,
      size,
      min,
      run: () => chosen(keys, (key) => pools.hrwTopic("proxy", key)),
    };
  });
  const digests = Array.from({ length: KEYS }, (_, i) => keyDigest(string(`example_key${i}`)));
  return [
    ...hrw,
    {
      name: `hrw ${size} digest`,
      size,
      min: undefined,
      run: () => chosen(digests, (digest) => pools.hrwNode("proxy", digest)),
    },
    {
      name: `rr ${size}`,
      size,
      min: undefined,
      run: () => chosen(digests, () => pools.rrTopic("proxy", "Cluster::rr_log_topic")),
    },
  ];
}

function chosen<T>(keys: readonly T[], choose: (key: T) => unknown): number {
  let found = 0;
  for (const key of keys) if (choose(key)) found++;
  return found;
}

function measure({ run: choose }: Case, seconds: number): { readonly rate: number; readonly missed: number } {
  let choices = 0;
  let found = 0;
  const start = performance.now();
  let elapsed = 0;
  while (elapsed < seconds * 1_000) {
    found += choose();
    choices += KEYS;
    elapsed = performance.now() - start;
  }
  return { rate: (choices / elapsed) * 1_000, missed: choices - found };
}
