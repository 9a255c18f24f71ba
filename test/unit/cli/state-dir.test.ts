import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { holderOf, openStateDir } from "../../../src/cli/state-dir.ts";

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), "selvedge-state-"))));
afterEach(() => rmSync(root, { recursive: true }));

test("a folder is held once; the error names the holder", async () => {
  const first = await openStateDir(root, false);
  first.hold("http://127.0.0.1:1", []);
  await expect(openStateDir(root, false)).rejects.toMatchObject({
    code: "in_use",
    message: expect.stringContaining(`pid ${process.pid} at http://127.0.0.1:1`) as string,
  });
  first.release();
  expect(holderOf(root)).toBeUndefined();
  (await openStateDir(root, false)).release();
});

test("a folder that is missing is made", async () => {
  const path = join(root, "a/b");
  (await openStateDir(path, false)).release();
  expect(existsSync(path)).toBe(true);
});

test("what a killed serve left does not count: neither its note nor a note that is broken", async () => {
  for (const note of ['{"pid":1,"url":"http://127.0.0.1:1","runtime":[1]}', '{"pid":']) {
    writeFileSync(join(root, "serve.json"), note);
    (await openStateDir(root, false)).release();
  }
});

test("fresh empties the folder, but only for its holder", async () => {
  const first = await openStateDir(root, false);
  writeFileSync(join(root, "data"), "x");
  await expect(openStateDir(root, true)).rejects.toMatchObject({ code: "in_use" });
  expect(existsSync(join(root, "data"))).toBe(true);
  first.release();
  (await openStateDir(root, true)).release();
  expect(readdirSync(root)).toEqual(["serve.lock"]);
});
