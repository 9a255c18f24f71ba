/** `selvedge flow split|size`: traffic over workers, by flows. Needs no connection. */
import type { CAC } from "cac";
import { once } from "node:events";
import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { HrwBalancer } from "../flow/balancer.ts";
import { ConnLines } from "../flow/conn-lines.ts";
import { sizeCluster } from "../flow/sizing.ts";
import { EXIT, UsageError } from "./exit.ts";
import { openLog } from "./open-log.ts";
import { formatTable } from "./table.ts";

/** Broken lines that are named; more are only counted. */
const BROKEN_SHOWN = 10;

interface SplitOptions {
  readonly workers: unknown;
  readonly out?: string;
  readonly json?: boolean;
}

interface SizeOptions {
  readonly coresPerHost: unknown;
  readonly json?: boolean;
}

export function registerFlow(cli: CAC): void {
  cli
    .command(
      "flow split <file>",
      "Split a log with connections (conn.log, TSV or JSON, .gz too) over workers, whole flows each",
    )
    .option("--workers <names>", "Names with commas between them", {
      default: "worker-1,worker-2,worker-3,worker-4",
    })
    .option("--out <dir>", "Write a file for each worker here; without it only the counts are printed")
    .example("selvedge flow split conn.log --workers worker-1,worker-2 --out split/")
    .action(split);
  cli
    .command("flow size <mbps>", "Say how many cores and hosts traffic of so many Mbit/s needs")
    .option("--cores-per-host <n>", "Cores of one host", { default: 4 })
    .example("selvedge flow size 2048")
    .action(size);
}

async function split(file: string, options: SplitOptions): Promise<number> {
  const workers = String(options.workers)
    .split(",")
    .filter((name) => name !== "");
  if (workers.length === 0 || new Set(workers).size < workers.length) {
    throw new UsageError("--workers must be different names with commas between them");
  }
  const parts = new Parts(workers, options.out, basename(file).replace(/\.gz$/, ""));
  const balancer = new HrwBalancer(workers);
  const lines = new ConnLines();
  let number = 0;
  let broken = 0;
  for await (const line of createInterface({ input: openLog(file), crlfDelay: Infinity })) {
    number++;
    const read = lines.read(line);
    if (read.type === "header") await parts.toAll(line);
    else if (read.type === "record") await parts.to(balancer.workerOf(read.flow)!, line);
    else if (++broken <= BROKEN_SHOWN) console.error(`selvedge: ${file}:${number}: ${read.reason}`);
  }
  await parts.end();
  parts.print(options.json ?? false, broken);
  return broken > 0 ? EXIT.partial : EXIT.ok;
}

/** The files of the workers, and what went to each. */
class Parts {
  readonly #counts: Map<string, number>;
  readonly #files = new Map<string, WriteStream>();

  constructor(workers: readonly string[], folder: string | undefined, name: string) {
    this.#counts = new Map(workers.map((worker) => [worker, 0]));
    if (folder === undefined) return;
    for (const worker of workers) {
      mkdirSync(join(folder, worker), { recursive: true });
      this.#files.set(worker, createWriteStream(join(folder, worker, name)));
    }
  }

  async to(worker: string, line: string): Promise<void> {
    this.#counts.set(worker, this.#counts.get(worker)! + 1);
    const file = this.#files.get(worker);
    if (file !== undefined && !file.write(`${line}\n`)) await once(file, "drain");
  }

  async toAll(line: string): Promise<void> {
    for (const file of this.#files.values()) if (!file.write(`${line}\n`)) await once(file, "drain");
  }

  async end(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => once(file.end(), "close")));
  }

  print(isJson: boolean, broken: number): void {
    const records = [...this.#counts.values()].reduce((sum, n) => sum + n, 0);
    if (isJson) {
      console.log(JSON.stringify({ records, broken, workers: Object.fromEntries(this.#counts) }));
      return;
    }
    const share = (n: number) => `${((100 * n) / Math.max(1, records)).toFixed(1)} %`;
    const rows = [...this.#counts].map(([worker, n]) => [worker, String(n), share(n)]);
    console.log(formatTable(["worker", "records", "share"], rows));
  }
}

function size(mbps: string, options: SizeOptions): number {
  const [traffic, coresPerHost] = [Number(mbps), Number(options.coresPerHost)];
  if (!(traffic > 0)) throw new UsageError(`the traffic must be a number of Mbit/s above 0, got ${mbps}`);
  if (!Number.isInteger(coresPerHost) || coresPerHost < 1) {
    throw new UsageError(
      `--cores-per-host must be a whole number from 1 on, got ${String(options.coresPerHost)}`,
    );
  }
  const { cores, hosts } = sizeCluster(traffic, coresPerHost);
  if (options.json) console.log(JSON.stringify({ mbps: traffic, cores, hosts }));
  else
    console.log(
      `${cores} cores for ${traffic} Mbit/s: ${hosts} ${hosts === 1 ? "host" : "hosts"} with ${coresPerHost} cores`,
    );
  return EXIT.ok;
}
