import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { CLI, startServe, tempDir, type ServeProcess } from "../support/fabric.ts";
import { linesOf, readR2Objects } from "../support/r2-files.ts";

const root = tempDir("selvedge-ship");
const layout = (enabled: boolean) => ({ loggers: [{ name: "one" }, { name: "two", enabled }] });
let serve: ServeProcess;

beforeAll(async () => {
  serve = await startServe({ state: join(root, "fabric"), layout: layout(true) });
});
afterAll(async () => {
  await serve.dispose();
  rmSync(root, { recursive: true, force: true });
});

/** Writes the file and answers with its path. */
function file(name: string, text: string): string {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}

async function ship(
  args: readonly string[],
  url = serve.url,
): Promise<{ status: number; stdout: string; stderr: string }> {
  const all = [CLI, "ship", ...args, "--url", url, "--state", join(root, "state")];
  const child = spawn(process.execPath, all, { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [status] = (await once(child, "close")) as [number];
  return { status, stdout, stderr };
}

/** Records that R2 holds of the streams with this name in front, by logger. */
async function storedByLogger(prefix: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const object of await readR2Objects(serve.state, "selvedge-logs")) {
    const [, stream = "", logger = ""] = /^logs\/([^/]+)\/.*\/([a-z]+)-\d+-\d+\.ndjson\.gz$/.exec(
      object.key,
    )!;
    if (stream.startsWith(prefix)) counts[logger] = (counts[logger] ?? 0) + linesOf(object).length;
  }
  return counts;
}

/** Four files with one record each: one batch each. */
const four = (prefix: string) =>
  [1, 2, 3, 4].map((n) => file(`${prefix}${n}.json`, `{"_path":"${prefix}${n}","n":${n}}\n`));

describe("selvedge ship", () => {
  it("[A12] a disabled logger takes no new records; enabled again, the rotation resumes", async () => {
    expect((await ship(four("before"))).status).toBe(0);
    expect(await storedByLogger("before")).toEqual({ one: 2, two: 2 });

    await serve.stop();
    serve = await startServe({ state: serve.state, layout: layout(false) });
    expect((await ship(four("while"))).status).toBe(0);
    expect(await storedByLogger("while")).toEqual({ one: 4 });

    await serve.stop();
    serve = await startServe({ state: serve.state, layout: layout(true) });
    expect((await ship(four("after"))).status).toBe(0);
    expect(await storedByLogger("after")).toEqual({ one: 2, two: 2 });
  });

  it("[R22] reports broken lines as file:line and ends with 3", async () => {
    const path = file("broken.log", "#fields\ta\tb\n#types\tcount\tstring\n1\tx\nnonsense\n2\ty\n");
    const { status, stdout, stderr } = await ship([path, "--stream", "half"]);
    expect(status).toBe(3);
    expect(stderr).toBe(`${path}:4: skipped: it has 1 fields, the header names 2\n`);
    expect(stdout).toContain("all but the skipped lines is in R2");
    expect(await storedByLogger("half")).toEqual({ one: 2 });
  });

  it("[R22] leaves records with the loggers when told so, and flushes them in the next run", async () => {
    const path = file("later.json", '{"_path":"later"}\n');
    expect((await ship([path, "--no-flush"])).status).toBe(0);
    expect(await storedByLogger("later")).toEqual({});
    expect((await ship([path])).status).toBe(0);
    expect(await storedByLogger("later")).toEqual({ one: 1 });
  });

  it("[R22] notices another fabric under the same state, and ships to it only when told so", async () => {
    const path = file("moved.json", '{"_path":"moved"}\n');
    expect((await ship([path])).status).toBe(0);
    const other = await startServe({ state: join(root, "other"), layout: layout(true) });
    try {
      const refused = await ship([path], other.url);
      expect(refused).toMatchObject({ status: 1, stdout: "" });
      expect(refused.stderr).toContain("another one, or has lost its state");
      expect(refused.stderr).toContain("--again");
      expect(await readR2Objects(other.state, "selvedge-logs")).toEqual([]);
      expect((await ship([path, "--again"], other.url)).status).toBe(0);
      expect(await readR2Objects(other.state, "selvedge-logs")).toHaveLength(1);
    } finally {
      await other.dispose();
    }
    const nobody = await ship([path, "--patience", "1"], other.url);
    expect(nobody).toMatchObject({ status: 1, stdout: "" });
    expect(nobody.stderr).toContain(`waiting for ${other.url}`);
    expect((await ship([path, "--again"])).status).toBe(0);
  });

  it("[A2] a log record with a column of every type is read back with equal values", async () => {
    const columns: readonly (readonly [type: string, tsv: string, value: unknown])[] = [
      ["bool", "T", true],
      ["count", "42", 42],
      ["int", "-7", -7],
      ["double", "2.5", 2.5],
      ["time", "1521911720.865716", 1521911720.865716],
      ["interval", "0.25", 0.25],
      ["string", "caf\u00e9\\x09tab", "caf\u00e9\ttab"],
      ["enum", "Notice::LOG", "Notice::LOG"],
      ["port", "443", 443],
      ["addr", "2001:db8::1", "2001:db8::1"],
      ["subnet", "192.0.2.0/24", "192.0.2.0/24"],
      ["set[count]", "1,2", [1, 2]],
      ["vector[string]", "a,b", ["a", "b"]],
      ["set[addr]", "(empty)", []],
    ];
    const record = Object.fromEntries(columns.map(([, , value], i) => [`f${i}`, value]));
    const lines = [
      ["#separator", "\\x09"].join(" "),
      "#set_separator\t,",
      "#empty_field\t(empty)",
      "#unset_field\t-",
      "#path\teverytype",
      ["#fields", ...Object.keys(record), "unset"].join("\t"),
      ["#types", ...columns.map(([type]) => type), "string"].join("\t"),
      [...columns.map(([, tsv]) => tsv), "-"].join("\t"),
    ];
    expect((await ship([file("everytype.log", `${lines.join("\n")}\n`)])).status).toBe(0);
    const { stdout } = await runCli(["logs", "cat", "everytype", "--json", "--url", serve.url]);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([record]);
  });

  it("says what is wrong with the command line or a file", async () => {
    expect(await ship(["--level", "10", "x"])).toMatchObject({ status: 2 });
    const missing = await ship([join(root, "missing.log"), "--json"]);
    expect(missing).toMatchObject({ status: 1, stdout: "" });
    expect(JSON.parse(missing.stderr)).toMatchObject({ error: { code: "not_found" } });
  });
});
