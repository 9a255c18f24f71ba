/** What a million log records cost: `selvedge ship` of a Zeek log in JSON, and its way to R2. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { cpuSeconds } from "../load/process.ts";
import { using, type Server } from "../server.ts";
import type { BenchOptions, BenchResult } from "../subject.ts";
import { billOf, totalOf } from "./bill.ts";
import { COUNTS_PATH, countsBetween, scaled, type Counts } from "./counts.ts";
import { printTables, type Priced } from "./tables.ts";

const CLI = join(import.meta.dirname, "../../src/cli/main.ts");
const RECORDS = 100_000;
const MILLION = 1e6;

/** A connection as Zeek logs it in JSON, about 320 bytes, no two alike. */
function record(i: number): string {
  const uid = `C${(i * 2_654_435_761).toString(36).padStart(12, "0")}`;
  return JSON.stringify({
    ts: 1_700_000_000 + i / 1000,
    uid,
    "id.orig_h": `10.0.${(i >> 8) & 255}.${i & 255}`,
    "id.orig_p": 1024 + (i % 60_000),
    "id.resp_h": `192.0.2.${i % 250}`,
    "id.resp_p": i % 3 === 0 ? 53 : 443,
    proto: i % 3 === 0 ? "udp" : "tcp",
    service: i % 3 === 0 ? "dns" : "ssl",
    duration: (i % 1000) / 777,
    orig_bytes: (i * 31) % 5_000,
    resp_bytes: (i * 131) % 90_000,
    conn_state: "SF",
    history: "ShADadfF",
    orig_pkts: i % 40,
    resp_pkts: i % 90,
  });
}

/** Ships a log to a counted fabric and prices it. */
export function priceLogs(start: () => Promise<Server>, { print }: BenchOptions): Promise<BenchResult> {
  return using([start], async ([fabric]) => {
    const dir = await mkdtemp(join(tmpdir(), "selvedge-cost-"));
    try {
      const file = join(dir, "conn.log");
      await writeFile(file, Array.from({ length: RECORDS }, (_, i) => `${record(i)}\n`).join(""));
      const counts = async () => (await fetch(fabric!.origin + COUNTS_PATH)).json() as Promise<Counts>;
      const before = { counts: await counts(), cpu: cpuSeconds(fabric!.pid) };
      await selvedge("ship", file, "--url", fabric!.origin);
      await selvedge("logs", "flush", "--url", fabric!.origin);
      const counted = countsBetween(before.counts, await counts());
      const cpuMs = (cpuSeconds(fabric!.pid) - before.cpu) * 1000;
      const factor = MILLION / RECORDS;
      const bill = billOf(scaled(counted, factor), cpuMs * factor);
      const label = `  ${RECORDS.toLocaleString("en-US")} records`;
      const priced: Priced = {
        label,
        counts: scaled(counted, factor),
        cpuMs: cpuMs * factor,
        bill,
        storage: 0,
      };
      printTables("logs", "records", [priced], print);
      return { figures: { "logs DollarsPerMillion": totalOf(bill) }, ratios: {}, lost: 0 };
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
}

async function selvedge(...args: string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [CLI, ...args]);
}
