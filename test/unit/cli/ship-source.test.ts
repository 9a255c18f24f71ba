import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { factsOf } from "../../../src/cli/ship-file.ts";
import { beginningOf } from "../../../src/cli/ship-source.ts";
import { newShipState } from "../../../src/logs/ship-state.ts";

const dir = mkdtempSync(join(tmpdir(), "selvedge-source-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** The name of the source for a file under a path of this many bytes. */
async function nameAt(bytes: number): Promise<string> {
  writeFileSync(join(dir, "conn.log"), "{}\n");
  const path = `${dir}${"/".repeat(bytes - dir.length - "conn.log".length)}conn.log`;
  return (await beginningOf(await factsOf(path), newShipState("w".repeat(16), 0))).source;
}

it("a source is named by its path, and by the path's hash when it would not fit a batch", async () => {
  const fits = await nameAt(LIMITS.logSourceBytesMax - 64);
  expect(fits.startsWith(dir)).toBe(true);
  expect(fits.length).toBeLessThanOrEqual(LIMITS.logSourceBytesMax);
  expect(await nameAt(LIMITS.logSourceBytesMax - 63)).toMatch(/^sha256:[0-9a-f]{64}#\d+:\d+$/);
});
