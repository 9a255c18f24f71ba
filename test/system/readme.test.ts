/** The README's own commands, as they stand there, against a fabric that `npm start` runs. */
import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import { blocksOf, commandsOf, type Block } from "../support/documents.ts";
import { tempDir } from "../support/fabric.ts";
import { startShell, stopShell, type ShellProcess } from "../support/shell-process.ts";

const DEFAULT_URL = "127.0.0.1:8787";
const folder = tempDir("selvedge-readme");
const blocks = blocksOf("README.md");
const labelled = (language: string, label: string): Block =>
  blocks.find((block) => block.language === language && block.label === label)!;

let fabric: ShellProcess;
let env: NodeJS.ProcessEnv;

const start = (command: string) => startShell(command, env);

async function shell(command: string, extra: NodeJS.ProcessEnv = {}): Promise<string> {
  const { stdout } = await promisify(execFile)("bash", ["-ec", command], {
    cwd: PACKAGE_ROOT,
    env: { ...env, ...extra },
  });
  return stdout;
}

beforeAll(async () => {
  fabric = start(`npm start -- --port 0 --state ${join(folder, "state")}`);
  const [, url] = await fabric.until(/^ready (http:\/\/\S+)$/m);
  // Ship keeps its own state per URL below the home folder.
  env = { ...process.env, SELVEDGE_URL: url!, HOME: folder, XDG_STATE_HOME: folder };
});

afterAll(async () => {
  await stopShell(fabric);
  rmSync(folder, { recursive: true, force: true });
});

describe("README", () => {
  test("the quick start does what it says", async () => {
    const sub = start(commandsOf(labelled("sh", "run=sub")).join("\n"));
    await sub.until(/subscribed/);
    const commands = commandsOf(labelled("sh", "run"));
    const output = await shell(commands.join("\n"));
    expect(output).toContain("published 1 event");
    expect(output).toMatch(/^conn +240 .*logs\/conn\/date=.*\.ndjson\.gz$/m);
    expect(output.match(/^\{"ts":.*"uid":".*\}$/gm)).toHaveLength(240);
    await sub.until(/^zeek\/hello Hello::greet\("world", 3\)$/m);
    await stopShell(sub);
  });

  test("shipping the file again ships nothing new", async () => {
    const ship = commandsOf(labelled("sh", "run")).find((command) => command.includes(" ship "))!;
    await shell(`${ship} && ${ship}`);
    expect((await shell("npx selvedge logs cat conn")).trimEnd().split("\n")).toHaveLength(240);
  });

  test("the client in JavaScript subscribes and prints what comes", async () => {
    const { body } = labelled("js", "run");
    expect(body).toContain(DEFAULT_URL);
    const file = join(folder, "client.mjs");
    writeFileSync(file, body.replace(DEFAULT_URL, new URL(env["SELVEDGE_URL"]!).host));
    const client = start(`npx node ${file}`);
    await client.until(/"type":"ack"/);
    await shell(commandsOf(labelled("sh", "run"))[0]!);
    await client.until(/"topic":"zeek\/hello".*"Hello::greet"/);
    await stopShell(client);
  });

  test("a key is made, and a token with it", async () => {
    const all = blocks.filter(({ language }) => language === "sh").flatMap(commandsOf);
    const init = all.find((command) => command.endsWith("token init"))!;
    const create = all.find((command) => command.includes("token create"))!;
    expect(create).toContain("$(cat key)");
    const key = join(folder, "key");
    const token = await shell(`${init} > ${key}\n${create.replace("cat key", `cat ${key}`)}`);
    expect(token.trim()).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  test("wrangler knows what it is told", async () => {
    const all = blocks.filter(({ language }) => language === "sh").flatMap(commandsOf);
    const wrangler = all.filter((command) => command.startsWith("npx wrangler "));
    expect(wrangler.length).toBeGreaterThan(0);
    for (const command of wrangler) {
      // Without an account only its own help can be asked; an unknown command has the help of all commands.
      const help = await shell(`${command} --help`, { WRANGLER_SEND_METRICS: "false" });
      expect(help).toMatch(new RegExp(`^wrangler ${command.split(" ").slice(2, 4).join(" ")}`, "m"));
    }
  });
});
