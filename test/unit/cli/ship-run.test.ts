import { appendFileSync, copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ShipFolder } from "../../../src/cli/ship-folder.ts";
import { ShipRun, type ShipReport, type ShipRunOptions } from "../../../src/cli/ship-run.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { pendingBatches } from "../../../src/logs/ship-state.ts";
import { MemoryFabric } from "./memory-fabric.ts";

let dir: string;
let fabric: MemoryFabric;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "selvedge-ship-"));
  fabric = new MemoryFabric();
});
afterEach(() => rmSync(dir, { recursive: true }));

const path = (name: string) => join(dir, name);
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `{"_path":"conn","n":${from + i}}`);
const text = (from: number, to: number) =>
  lines(from, to)
    .map((line) => `${line}\n`)
    .join("");

/** Ships with a state folder of its own name; what is left pending stays. */
async function ship(files: readonly string[], options: Partial<ShipRunOptions> = {}): Promise<ShipReport> {
  const folder = ShipFolder.open(path("state"), "w".repeat(16), Date.now());
  const run = new ShipRun({
    folder,
    state: folder.load(),
    openLink: fabric.open,
    patienceMs: 60_000,
    stream: undefined,
    level: 6,
    again: false,
    onProgress: () => {},
    ...options,
  });
  try {
    await run.ship(files.map(path));
    return run.report;
  } finally {
    run.close();
    folder.close();
  }
}

describe("[R22] a file that was shipped", () => {
  beforeEach(async () => {
    writeFileSync(path("conn.log"), text(0, 500));
    await ship(["conn.log"]);
    expect(fabric.records["conn"]).toEqual(lines(0, 500));
  });

  const expectShipped = async (files: readonly string[], to: number) => {
    const report = await ship(files);
    expect(fabric.records["conn"]).toEqual(lines(0, to));
    return report;
  };

  it("is not shipped again, also not twice in one run", async () => {
    await expectShipped(["conn.log", "conn.log"], 500);
  });

  it("is shipped from where it was when it has grown", async () => {
    appendFileSync(path("conn.log"), text(500, 700));
    await expectShipped(["conn.log"], 700);
  });

  it("is the same under another name", async () => {
    renameSync(path("conn.log"), path("conn.2024-04-19.log"));
    appendFileSync(path("conn.2024-04-19.log"), text(500, 600));
    writeFileSync(path("conn.log"), text(600, 700));
    const report = await expectShipped(["conn.2024-04-19.log", "conn.log"], 700);
    expect(report.files.map((file) => file.formerly)).toEqual([path("conn.log"), undefined]);
  });

  it("is the same when rotation has compressed it and a new file took its place", async () => {
    writeFileSync(path("conn.00-00-00.log.gz"), gzipSync(text(0, 550)));
    rmSync(path("conn.log"));
    writeFileSync(path("conn.log"), text(550, 600));
    await expectShipped(["conn.00-00-00.log.gz", "conn.log"], 600);
  });

  it("is the same when it was copied and then truncated", async () => {
    copyFileSync(path("conn.log"), path("conn.log.1"));
    writeFileSync(path("conn.log"), text(500, 510));
    await expectShipped(["conn.log.1", "conn.log"], 510);
  });

  it("is another file when it is a copy beside it", async () => {
    copyFileSync(path("conn.log"), path("copy.log"));
    await ship(["copy.log"]);
    expect(fabric.records["conn"]).toHaveLength(1_000);
  });

  it("is another file when its content was replaced", async () => {
    writeFileSync(path("conn.log"), text(500, 1_100));
    await expectShipped(["conn.log"], 1_100);
  });

  it("is shipped again when asked to", async () => {
    await ship(["conn.log"], { again: true });
    expect(fabric.records["conn"]).toHaveLength(1_000);
    await ship(["conn.log"]);
    expect(fabric.records["conn"]).toHaveLength(1_000);
  });
});

describe("trouble on the way", () => {
  const big = 150_000;
  beforeEach(() => writeFileSync(path("conn.log"), text(0, big)));
  const numbers = () => fabric.records["conn"]!.map((line) => (JSON.parse(line) as { n: number }).n);
  const expectAll = () => expect(numbers().toSorted((a, b) => a - b)).toEqual([...Array(big).keys()]);

  it("[R18] sends the same bytes under the same number after lost connections", async () => {
    fabric.dropFrames = 5;
    await ship(["conn.log"]);
    expectAll();
  });

  it("[R18] goes on in the next run, and with batches whose file is gone", async () => {
    fabric.refusal = "forbidden";
    await expect(ship(["conn.log"])).rejects.toMatchObject({ code: "forbidden" });
    const folder = ShipFolder.open(path("state"), "x".repeat(16), 0);
    const state = folder.load();
    const left = pendingBatches(state);
    folder.close();
    expect(left.length).toBeGreaterThan(0);
    expect(state.writer).toBe("w".repeat(16));

    fabric.refusal = undefined;
    renameSync(path("conn.log"), path("gone.log"));
    writeFileSync(path("empty.log"), "");
    const report = await ship(["empty.log"]);
    expect(report.resumed).toBe(left.reduce((sum, { records }) => sum + records, 0));
    await ship(["gone.log"]);
    expectAll();
    expect(fabric.batches.every((batch) => batch.writer === "w".repeat(16))).toBe(true);
  });

  it("stops when told, and goes on afterwards", async () => {
    const stopping = ship(["conn.log"], {
      openLink: (events) => fabric.open({ ...events, logAck: () => events.closed(undefined) }),
    });
    await expect(stopping).rejects.toThrow();
    await ship(["conn.log"]);
    expectAll();
  });

  it("ends with the fabric's refusal", async () => {
    const shipping = ship(["conn.log"]);
    setImmediate(() => fabric.refuse());
    await expect(shipping).rejects.toMatchObject({ code: "token_expired" });
  });

  it("gives up after its patience", async () => {
    const never: ShipRunOptions["openLink"] = () => ({ send: () => {}, close: () => {} });
    await expect(ship(["conn.log"], { openLink: never, patienceMs: 1 })).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  it("[R18] stops when the loggers have lost what they had acknowledged", async () => {
    await ship(["conn.log"]);
    fabric = new MemoryFabric();
    await expect(ship(["conn.log"])).rejects.toMatchObject({ code: "conflict" });
    expect(fabric.batches).toEqual([]);
  });

  it("[R18] keeps a second shipper out of the folder", () => {
    const first = ShipFolder.open(path("state"), "w".repeat(16), 0);
    expect(() => ShipFolder.open(path("state"), "w".repeat(16), 0)).toThrow(/another ship uses/);
    first.close();
    ShipFolder.open(path("state"), "w".repeat(16), 0).close();
  });
});

describe("broken input", () => {
  it("skips broken lines and names them", async () => {
    writeFileSync(path("conn.log"), `${text(0, 2)}broken\n${text(2, 3)}`);
    const report = await ship(["conn.log"]);
    expect(fabric.records["conn"]).toEqual(lines(0, 3));
    expect(report).toMatchObject({
      skippedCount: 1,
      skipped: [{ file: path("conn.log"), line: 3, reason: "it is not valid JSON" }],
    });
  });

  it.each([
    ["cut off", 39_900, (gz: Buffer) => gz.subarray(0, -50)],
    [
      "overwritten",
      38_500,
      (gz: Buffer) => Buffer.concat([gz.subarray(0, -2_000), Buffer.alloc(2_000, 0xff)]),
    ],
    ["wrong in its checksum", 39_999, (gz: Buffer) => Buffer.concat([gz.subarray(0, -8), Buffer.alloc(8)])],
  ])("ships what stands before the damage of a gzip that is %s", async (_, atLeast, damage) => {
    writeFileSync(path("conn.log.gz"), damage(gzipSync(text(0, 40_000))));
    const report = await ship(["conn.log.gz"]);
    const taken = fabric.records["conn"]!;
    const found = new Set(taken);
    expect(lines(0, atLeast).filter((line) => !found.has(line))).toEqual([]);
    expect(report.skipped.at(-1)).toMatchObject({ reason: expect.stringContaining("damaged") as string });

    const again = await ship(["conn.log.gz"]);
    expect(fabric.records["conn"]).toHaveLength(taken.length);
    expect(again.skipped).toMatchObject([{ reason: expect.stringContaining("damaged") as string }]);
  });

  it("ships what compresses badly in batches within the bound", async () => {
    let seed = 1;
    const noise = () => (seed = (seed * 48_271) % 2_147_483_647).toString(36);
    const record = (i: number) => `{"n":${i},"x":"${Array.from({ length: 100 }, noise).join("")}"}`;
    const records = Array.from({ length: 5_000 }, (_, i) => record(i));
    writeFileSync(path("noise.log"), `${records.join("\n")}\n`);
    await ship(["noise.log"], { level: 1 });
    expect(fabric.records["noise"]!.toSorted()).toEqual(records.toSorted());
    const ranges = fabric.batches.map(({ range }) => range?.from);
    expect(new Set(ranges).size).toBeLessThan(ranges.length);
    expect(Math.max(...fabric.batches.map(({ bytes }) => bytes.length))).toBeLessThan(
      LIMITS.logBatchBytesMax,
    );
  });

  it("takes files of several streams, and one stream when told so", async () => {
    writeFileSync(path("mix.json"), '{"@stream":"a"}\n{"@stream":"b"}\n{"n":1}\n');
    await ship(["mix.json"]);
    expect(Object.keys(fabric.records).toSorted()).toEqual(["a", "b", "mix"]);
  });

  it("skips a file that is no log with one word, and ships the others", async () => {
    writeFileSync(path("stderr.log"), "warning: listening on eth0\n".repeat(1_000));
    writeFileSync(path("conn.log"), text(0, 3));
    const report = await ship(["stderr.log", "conn.log"]);
    expect(report).toMatchObject({ skippedCount: 1, skipped: [{ file: path("stderr.log"), line: 1 }] });
    expect(report.skipped[0]?.reason).toContain("no Zeek log");
    expect(fabric.records).toEqual({ conn: lines(0, 3) });
  });

  it("refuses what is no file before anything is sent", async () => {
    await expect(ship(["."])).rejects.toThrow();
    await expect(ship(["missing.log"])).rejects.toThrow(/ENOENT/);
    expect(fabric.batches).toEqual([]);
  });
});
