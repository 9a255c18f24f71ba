import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { PeerStateFile } from "../../../src/cli/peer-state.ts";
import { tempDir } from "../../support/fabric.ts";

const BETWEEN = ["http://a.example:8787", "https://b.example"] as const;
const STATE = { left: [{ router: "main", incarnation: 1, seq: 7 }], right: [] };
const opened: PeerStateFile[] = [];

function open(folder: string, between: readonly [string, string] = BETWEEN): PeerStateFile {
  const file = new PeerStateFile(folder, between);
  opened.push(file);
  return file;
}

afterEach(() => {
  for (const file of opened.splice(0)) file.close();
});

test("a later life reads what was written last, whichever way its addresses are written", () => {
  const folder = tempDir();
  const first = open(folder);
  expect(first.read()).toEqual({ left: [], right: [] });
  first.write({ left: [], right: [] });
  first.write(STATE);
  opened.pop()!.close();
  expect(open(folder, ["http://a.example:8787/", "https://b.example/"]).read()).toEqual(STATE);
});

test("one peering at a time holds it", () => {
  const folder = tempDir();
  open(folder);
  expect(() => open(folder)).toThrow(/in use by another peering/);
  opened.pop()!.close();
  expect(() => open(folder)).not.toThrow();
});

test("what is there of other fabrics, or no positions at all, is refused", () => {
  const folder = tempDir();
  const file = open(folder);
  file.write(STATE);
  opened.pop()!.close();
  const other = open(folder, [BETWEEN[0], "https://c.example"]);
  expect(() => other.read()).toThrow(/between http:\/\/a.example:8787\/ and https:\/\/b.example\//);
  writeFileSync(join(folder, "peering.json"), '{"left":[]}');
  expect(() => other.read()).toThrow(/holds no positions/);
});
