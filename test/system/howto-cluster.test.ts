/** The commands of docs/howto/cluster.md, as they stand there. */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import { blocksOf, commandsOf } from "../support/documents.ts";
import { tempDir } from "../support/fabric.ts";
import { startShell, stopShell, type ShellProcess } from "../support/shell-process.ts";

const folder = tempDir("selvedge-howto");
const blocks = blocksOf("docs/howto/cluster.md").filter(({ language }) => language === "sh");
/** What the document writes to stands in a folder of this test. */
const commands = (label: string) =>
  commandsOf(blocks.find((block) => block.label === label)!).map((command) =>
    command.replaceAll("/tmp/split", join(folder, "split")),
  );

const started: ShellProcess[] = [];
afterAll(async () => {
  for (const child of started.toReversed()) await stopShell(child);
  rmSync(folder, { recursive: true, force: true });
});

test("a cluster, step by step", async () => {
  expect(blocks.map(({ label }) => label)).toEqual([
    "fabric",
    "proxy",
    "split",
    "worker-1",
    "worker-2",
    "look",
    "change",
  ]);
  const start = (label: string, env: NodeJS.ProcessEnv, more = ""): ShellProcess => {
    const child = startShell(`${commands(label)[0]}${more}`, env);
    started.push(child);
    return child;
  };
  const serve = start("fabric", process.env, ` --port 0 --state ${join(folder, "state")}`);
  const [, url] = await serve.until(/^ready (http:\/\/\S+)$/m);
  const env = { ...process.env, SELVEDGE_URL: url!, NO_COLOR: "1" };
  const shell = async (command: string): Promise<string> => {
    const { stdout } = await promisify(execFile)("bash", ["-ec", command], { cwd: PACKAGE_ROOT, env });
    return stdout;
  };
  await start("proxy", env).until(/proxy-3 runs known_hosts, known_services, scan, notice/);
  await shell(commands("split").join("\n"));
  const workers = ["worker-1", "worker-2"].map((label) => start(label, env));
  for (const worker of workers) await worker.until(/has fed \d+ connections/);
  const [hosts, services, log, show] = commands("look");
  // The proxies log what they were told last a moment later.
  const recordsOf = async (command: string) => (await shell(command)).trimEnd().split("\n");
  await expect.poll(async () => recordsOf(hosts!), { timeout: 30_000, interval: 500 }).toHaveLength(65);
  expect(await recordsOf(services!)).toHaveLength(37);
  expect(await shell(log!)).toContain("got hello from worker-2");
  expect(await shell(show!)).toMatch(/^proxy +proxy-3 +remote/m);
  const [out, back] = commands("change");
  expect(await shell(out!)).toContain("- node proxy-2");
  expect(await shell(back!)).toContain("+ node proxy-2");
});
