/**
 * Real Zeek logs through the whole fabric: the command line, workerd, Durable Objects, R2; and the same while server
 * and shipper are killed at moments drawn from a seed. `SEEDS=20` runs more of them, `FROM=7` begins with seed 7.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CLI, startServe, tempDir, type ServeProcess } from "../support/fabric.ts";
import { readR2Objects, type R2File } from "../support/r2-files.ts";
import { countOf, difference, expectedLines, filesIn, storedLines, zeekLogs } from "./zeek-files.ts";

const BUCKET = "selvedge-logs";
const SEEDS = Number(process.env["SEEDS"] ?? 2);
const FROM = Number(process.env["FROM"] ?? 1);

interface ShipJson {
  readonly records: number;
  readonly streams: Record<string, number>;
  readonly skippedCount: number;
}

interface Shipper {
  readonly child: ChildProcess;
  /** Exit status, or the signal that ended it, and what it printed. */
  readonly ended: Promise<{ status: number | NodeJS.Signals | null; stdout: string; stderr: string }>;
}

const root = tempDir("selvedge-ship");
let serve: ServeProcess;
/** Objects that were checked already. */
const seen = new Set<string>();

beforeAll(async () => {
  serve = await startServe({ state: join(root, "fabric") });
});

afterAll(async () => {
  await serve.dispose();
  rmSync(root, { recursive: true, force: true });
});

function startShip(files: readonly string[], state: string): Shipper {
  const args = [CLI, "ship", ...files, "--url", serve.url, "--state", join(root, state), "--json"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => (printed[name] += text));
  }
  const ended = once(child, "close").then(([code, signal]) => ({
    status: (code ?? signal) as number | NodeJS.Signals | null,
    ...printed,
  }));
  return { child, ended };
}

async function ship(files: readonly string[], state: string): Promise<ShipJson> {
  const { status, stdout, stderr } = await startShip(files, state).ended;
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as ShipJson;
}

/** Objects that no earlier check has seen. */
async function newObjects(): Promise<R2File[]> {
  const objects = await readR2Objects(serve.state, BUCKET);
  const fresh = objects.filter(({ key }) => !seen.has(key));
  for (const { key } of fresh) seen.add(key);
  return fresh;
}

/** Fails unless R2's new objects hold exactly the records of the files. */
async function expectExactly(files: readonly string[], note = ""): Promise<number> {
  const expected = expectedLines(files);
  expect(difference(storedLines(await newObjects()), expected), note).toBeUndefined();
  return countOf(expected);
}

describe("ship, with an independent reader over R2's files", () => {
  const logs = zeekLogs();

  it.each([
    ["wrccdc, JSON byte for byte", filesIn(join(logs, "wrccdc/json"), ".gz"), 40_687],
    ["wrccdc, TSV by the written mapping", filesIn(join(logs, "wrccdc/tsv"), ".gz"), 40_687],
    ["rita, a cluster's rotated files", filesIn(join(logs, "rita/rotated/2024-04-19"), ".gz"), 19_796],
    ["apt29, many streams in one file", filesIn(join(logs, "apt29"), ".gz"), 4_924],
  ])("[R20] [R22] each record once: %s", async (name, files, records) => {
    const shipped = await ship(files, name);
    expect(shipped).toMatchObject({ records, skippedCount: 0 });
    expect(await expectExactly(files)).toBe(records);

    const again = await ship(files, name);
    expect(again.records).toBe(0);
    expect(await newObjects()).toEqual([]);
  });
});

it("the comparison sees records that come twice, or not at all", async () => {
  const [day1 = "", day2 = ""] = filesIn(join(zeekLogs(), "apt29"), ".gz");
  await ship([day1], "once");
  await ship([day1], "with another state folder, again");
  const stored = storedLines(await newObjects());
  expect(difference(stored, expectedLines([day1]))).toMatch(/0 missing, \d+ too many/);
  expect(difference(stored, expectedLines([day1, day1]))).toBeUndefined();
  expect(difference(stored, expectedLines([day1, day1, day2]))).toMatch(/[1-9]\d* missing, 0 too many/);
});

describe("ship under SIGKILL", () => {
  const logs = zeekLogs();
  const files = filesIn(join(logs, "wrccdc/json"), ".gz");
  const seeds = Array.from({ length: SEEDS }, (_, i) => FROM + i);
  /** How long an undisturbed run takes here and now; kills fall into its length. */
  let runMs: number;

  beforeAll(async () => {
    const startMs = performance.now();
    await ship(files, "undisturbed");
    runMs = performance.now() - startMs;
    await expectExactly(files);
  });

  it.each(seeds)("[R17] [R18] [R20] of the whole server, seed %i", async (seed) => {
    const random = randomSource(seed);
    const shipper = startShip(files, `server-${seed}`);
    for (let kills = 1 + Math.floor(random() * 2); kills > 0; kills--) {
      await sleep(random() * runMs);
      await serve.kill();
      serve = await startServe({ state: serve.state, port: serve.port });
    }
    const { status, stderr } = await shipper.ended;
    expect(status, stderr).toBe(0);
    await expectExactly(files, `seed ${seed}`);
  });

  it.each(seeds)("[R17] [R18] [R20] of the shipper, seed %i", async (seed) => {
    const random = randomSource(seed);
    for (let kills = 1 + Math.floor(random() * 3); kills > 0; kills--) {
      const { child, ended } = startShip(files, `shipper-${seed}`);
      await sleep(random() * runMs);
      child.kill("SIGKILL");
      await ended;
    }
    await ship(files, `shipper-${seed}`);
    await expectExactly(files, `seed ${seed}`);
  });
});

it("[R22] Ctrl-C stops the shipper, and the same command goes on", async () => {
  const logs = zeekLogs();
  const files = ["wrccdc/json", "rita/rotated/2024-04-19"].flatMap((dir) => filesIn(join(logs, dir), ".gz"));
  const { child, ended } = startShip(files, "interrupted");
  await untilStored();
  child.kill("SIGINT");
  const { status, stderr } = await ended;
  expect(status).toBe(130);
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: "interrupted" } });
  await ship(files, "interrupted");
  await expectExactly(files);
});

/** Resolves when the shipper that runs now has brought something to the loggers. */
async function untilStored(): Promise<void> {
  const buffered = async () => {
    const answer = await fetch(`${serve.url}/v1/logs`);
    return ((await answer.json()) as { buffered: boolean }[]).some((entry) => entry.buffered);
  };
  while (!(await buffered())) await sleep(10);
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function randomSource(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
