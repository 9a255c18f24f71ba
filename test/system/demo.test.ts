// The demo is what a newcomer runs first: on the project's own samples it must come out complete.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("the demo ships, routes and counts without loss", async () => {
  const script = join(import.meta.dirname, "../../scripts/demo.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [script, "--sample", "--json"]);
  const result = JSON.parse(stdout.trim().split("\n").at(-1)!) as Record<string, unknown>;
  expect(result).toMatchObject({
    streams: [
      { stream: "conn", recordsIn: 240, recordsInR2: 240 },
      { stream: "dns", recordsIn: 120, recordsInR2: 120 },
    ],
    events: { sent: 10_000, delivered: 10_000, lost: 0, unexpected: 0 },
    isComplete: true,
  });
});
