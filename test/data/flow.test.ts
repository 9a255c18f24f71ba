/** Real connection logs over four workers: no flow is torn, and the shares are even. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { filesIn, zeekLogs } from "./zeek-files.ts";
import { runCli } from "../support/cli.ts";
import { tempDir } from "../support/fabric.ts";

test("[D2] the flows of a real network over four workers, each whole at one", async () => {
  const files = filesIn(join(zeekLogs(), "rita/rotated/2024-04-19"), ".gz").filter((file) =>
    file.includes("/conn."),
  );
  expect(files.length).toBeGreaterThan(3);
  const out = tempDir("selvedge-split");
  const workers = ["worker-1", "worker-2", "worker-3", "worker-4"];
  const owners = new Map<string, string>();
  let records = 0;
  for (const file of files) {
    const { status, stdout } = await runCli(["flow", "split", file, "--out", out, "--json"]);
    expect(status).toBe(0);
    records += (JSON.parse(stdout) as { records: number }).records;
    for (const worker of workers) {
      const part = join(out, worker, file.split("/").at(-1)!.replace(/\.gz$/, ""));
      for (const key of flowsOf(readFileSync(part, "latin1"))) {
        expect(owners.get(key) ?? worker).toBe(worker);
        owners.set(key, worker);
      }
    }
  }
  expect(records).toBeGreaterThan(10_000);
  const shares = Map.groupBy(owners.values(), (worker) => worker);
  for (const worker of workers) {
    expect((shares.get(worker)?.length ?? 0) / owners.size).toBeGreaterThan(0.2);
  }
});

/** The end points of each record, the smaller one in front. */
function flowsOf(text: string): string[] {
  const lines = text.split("\n");
  const fields = lines
    .find((line) => line.startsWith("#fields"))!
    .split("\t")
    .slice(1);
  const at = ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto"].map((field) =>
    fields.indexOf(field),
  );
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const values = line.split("\t");
      const [from, fromPort, to, toPort, proto] = at.map((i) => values[i]!);
      return [[from, fromPort].join(" "), [to, toPort].join(" ")].toSorted().join(" ") + ` ${proto}`;
    });
}
