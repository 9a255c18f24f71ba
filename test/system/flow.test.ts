/** `selvedge flow` as users run it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../support/cli.ts";
import { tempDir } from "../support/fabric.ts";

const LOG = "test/samples/demo/conn.log";
const WORKERS = ["worker-1", "worker-2", "worker-3", "worker-4"];

test("[D2] split gives every record of a log to one worker, whole flows each, with the header", async () => {
  const out = tempDir("selvedge-split");
  const { status, stdout } = await runCli(["flow", "split", LOG, "--out", out, "--json"]);
  expect(status).toBe(0);
  const lines = readFileSync(LOG, "utf8").trimEnd().split("\n");
  const header = lines.filter((line) => line.startsWith("#"));
  const parts = WORKERS.map((worker) =>
    readFileSync(join(out, worker, "conn.log"), "utf8")
      .trimEnd()
      .split("\n"),
  );
  for (const part of parts) expect(part.filter((line) => line.startsWith("#"))).toEqual(header);
  const records = parts.map((part) => part.filter((line) => !line.startsWith("#")));
  expect(records.flat().toSorted()).toEqual(lines.filter((line) => !line.startsWith("#")).toSorted());
  expect(JSON.parse(stdout)).toEqual({
    records: records.flat().length,
    broken: 0,
    workers: Object.fromEntries(WORKERS.map((worker, i) => [worker, records[i]!.length])),
  });
});

test("[D14] size says cores and hosts; what is no number is a usage error", async () => {
  expect((await runCli(["flow", "size", "2048"])).stdout).toBe(
    "8 cores for 2048 Mbit/s: 2 hosts with 4 cores\n",
  );
  expect((await runCli(["flow", "size", "much"])).status).toBe(2);
});

test("a log that is not there is an error that names it", async () => {
  const { status, stderr } = await runCli(["flow", "split", "no-such.log"]);
  expect(status).toBe(1);
  expect(stderr).toContain("no-such.log");
});
