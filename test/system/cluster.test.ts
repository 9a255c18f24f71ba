/** The layout that operators change at run time, over a real serve: who takes new batches, and what survives. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../src/base/limits.ts";
import type { LayoutApplied, LayoutView } from "../../src/cluster/layout-view.ts";
import { connect } from "../../src/sdk/index.ts";
import { runCli, startCli } from "../support/cli.ts";
import { startServe, tempDir, type ServeProcess } from "../support/fabric.ts";
import { linesOf, readR2Objects } from "../support/r2-files.ts";
import { signToken } from "../support/tokens.ts";

const POLL_MS = 5;
const root = tempDir("selvedge-cluster");
const layout = { loggers: [{ name: "one" }, { name: "two" }] };
let serve: ServeProcess;

beforeAll(async () => {
  serve = await startServe({ state: join(root, "fabric"), layout });
});
afterAll(async () => {
  await serve.dispose();
  rmSync(root, { recursive: true, force: true });
});

const cluster = async (...args: readonly string[]) => runCli(["cluster", ...args, "--url", serve.url]);
const shipArgs = (files: readonly string[]) =>
  ["ship", ...files, "--url", serve.url, "--state", join(root, "state")] as const;

function file(name: string, text: string): string {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}

/** Records of streams with this name in front, as R2's files hold them, by logger. */
async function storedByLogger(prefix: string): Promise<Record<string, string[]>> {
  const out: Record<string, string[]> = {};
  for (const object of await readR2Objects(serve.state, "selvedge-logs")) {
    const [, stream = "", logger = ""] = /^logs\/([^/]+)\/.*\/([a-z]+)-\d+-\d+\.ndjson\.gz$/.exec(
      object.key,
    )!;
    if (stream.startsWith(prefix)) out[logger] = [...(out[logger] ?? []), ...linesOf(object)];
  }
  return out;
}

/** Four files with one record each: one batch each. */
const four = (prefix: string) =>
  [1, 2, 3, 4].map((n) => file(`${prefix}${n}.json`, `{"_path":"${prefix}${n}","n":${n}}\n`));

async function shipFour(prefix: string): Promise<Record<string, number>> {
  expect(await runCli(shipArgs(four(prefix)))).toMatchObject({ status: 0 });
  const stored = await storedByLogger(prefix);
  return Object.fromEntries(Object.entries(stored).map(([logger, records]) => [logger, records.length]));
}

/** Batches that the logger has ever taken. */
const batchesOf = async (logger: string): Promise<number> => {
  const figures = (await (await fetch(`${serve.url}/v1/logs/stat`)).json()) as {
    logger: string;
    lastId: number;
  }[];
  return figures.find((figure) => figure.logger === logger)!.lastId;
};

async function put(name: string, body: string, headers: Record<string, string> = {}, url = serve.url) {
  const response = await fetch(`${url}/v1/cluster/loggers/${name}`, { method: "PUT", body, headers });
  const { error } = (await response.json()) as { error?: { code: string } };
  return [response.status, error?.code];
}

describe("selvedge cluster", () => {
  it("[A12] [R34] a logger that is disabled takes no new batches; enabled again, the rotation resumes", async () => {
    expect(await shipFour("before")).toEqual({ one: 2, two: 2 });
    expect(await cluster("disable", "two")).toMatchObject({
      status: 0,
      stderr: expect.stringContaining("only one is enabled"),
    });
    expect(await shipFour("while")).toEqual({ one: 4 });
    expect(await cluster("enable", "two")).toMatchObject({ status: 0, stderr: "" });
    expect(await shipFour("after")).toEqual({ one: 2, two: 2 });
  });

  it("[R34] [R17] disabled while `ship` runs, each record is in R2 exactly once, the following at the other", async () => {
    const total = 400_000;
    const lines = Array.from({ length: total }, (_, i) => `{"_path":"big","n":${i}}`);
    const path = file("big.json", `${lines.join("\n")}\n`);
    const before = await batchesOf("two");
    const ship = startCli([...shipArgs([path]), "--level", "1"]);
    while ((await batchesOf("two")) === before) await sleep(POLL_MS);
    expect(await put("two", '{"enabled":false}')).toEqual([200, undefined]);
    const atDisabling = await batchesOf("two");
    expect(await ship.done()).toMatchObject({ status: 0 });
    expect(await batchesOf("two")).toBe(atDisabling);
    const { one, two } = (await storedByLogger("big")) as { one: string[]; two: string[] };
    expect(two.length).toBeGreaterThan(0);
    expect(two.length).toBeLessThan(one.length);
    expect(one.length + two.length).toBe(total);
    expect(new Set([...one, ...two])).toEqual(new Set(lines));
  });

  it("[R34] holds over a kill of everything and over another deployed layout, for sessions and loggers", async () => {
    await cluster("disable", "two");
    const client = await connect(serve.url);
    expect(client.welcome.loggers).toEqual([
      { name: "one", enabled: true },
      { name: "two", enabled: false },
    ]);
    await client.close();
    await serve.kill();
    const loggers = [{ name: "one" }, { name: "two" }, { name: "three" }];
    serve = await startServe({ state: serve.state, layout: { loggers } });
    const stat = (await (await fetch(`${serve.url}/v1/logs/stat`)).json()) as { enabled: boolean }[];
    expect(stat.map(({ enabled }) => enabled)).toEqual([true, false, true]);
    expect(await shipFour("again")).toEqual({ one: 2, three: 2 });
  });

  it("shows where each setting comes from, and the epoch", async () => {
    const table = await cluster("show");
    expect(table).toMatchObject({ status: 0, stderr: "" });
    expect(table.stdout).toMatch(/^router +main +prefix "" +LAYOUT variable$/m);
    expect(table.stdout).toMatch(/^logger +one +enabled +LAYOUT variable$/m);
    expect(table.stdout).toMatch(/^logger +two +disabled +changed at run time$/m);
    const view = JSON.parse((await cluster("show", "--json")).stdout) as LayoutView;
    expect(view.epoch).toBe(3);
    const back = JSON.parse((await cluster("enable", "two", "--json")).stdout) as LayoutView;
    expect(back.epoch).toBe(4);
    expect(back.loggers[1]).toEqual({ name: "two", enabled: true, deployed: true, source: "variable" });
  });

  it("checks a layout, given or running", async () => {
    expect(await cluster("check")).toMatchObject({
      status: 0,
      stdout: "the layout is valid: 1 routers, 3 nodes, 3 loggers, 3 pools, 0 stores\n",
    });
    expect(await cluster("check", "src/site/layout.ts", "--json")).toMatchObject({
      status: 0,
      stdout: '{"valid":true,"findings":[]}\n',
    });
    const routers = [
      { name: "main", prefix: "" },
      { name: "intel", prefix: "zeek/intel/" },
    ];
    const split = await cluster("check", file("split.json", JSON.stringify({ ...layout, routers })));
    expect(split.status).toBe(0);
    expect(split.stdout).toContain('note: router intel splits "zeek/intel/" from "" of router main');
    const bad = await cluster("check", file("bad.json", '{"loggers":[{"name":"a b"}]}'));
    expect(bad).toMatchObject({ status: 1, stdout: "" });
    expect(bad.stderr).toContain("loggers[0].name must match");
  });
});

describe("selvedge cluster apply", () => {
  const three = { loggers: [{ name: "one" }, { name: "two" }, { name: "three" }] };
  beforeAll(async () => {
    await serve.dispose();
    serve = await startServe({ state: join(root, "apply"), layout: three });
  });

  const nodes = [
    { name: "manager", nodeType: "MANAGER" },
    { name: "two", nodeType: "LOGGER", enabled: false },
    { name: "one", nodeType: "LOGGER" },
    { name: "three", nodeType: "LOGGER" },
    { name: "proxy", nodeType: "PROXY", count: 2 },
  ];
  const wanted = { nodes, pools: [{ name: "intel", nodeType: "PROXY", exclusive: true, maxNodes: 1 }] };
  const difference = "+ node manager\n~ node two (enabled)\n+ node proxy-1\n+ node proxy-2\n+ pool intel\n";
  const view = async () => (await (await fetch(`${serve.url}/v1/cluster`)).json()) as LayoutView;
  const membersOf = ({ pools }: LayoutView) =>
    Object.fromEntries(pools.map(({ name, nodes: members }) => [name, members]));

  it("H-12 [R34] shows what a layout would change, and with --dry-run changes nothing", async () => {
    const before = await view();
    const path = file("wanted.json", JSON.stringify(wanted));
    const dry = await cluster("apply", path, "--dry-run");
    expect(dry).toMatchObject({ status: 0, stdout: `${difference}nothing was changed: a dry run\n` });
    expect(await view()).toEqual(before);
    const json = JSON.parse((await cluster("apply", path, "--dry-run", "--json")).stdout) as LayoutApplied;
    expect(json).toMatchObject({ applied: false, epoch: before.epoch });
    expect(json.difference).toHaveLength(5);
    expect(membersOf(json)["intel"]).toEqual(["proxy-1"]);
    expect(await view()).toEqual(before);
  });

  it("H-12 [R34] puts it in force, for sessions too, and over a kill of everything", async () => {
    const { epoch } = await view();
    const args = ["cluster", "apply", "--url", serve.url];
    const applied = await runCli(args, { input: JSON.stringify(wanted) });
    expect(applied).toMatchObject({ status: 0, stdout: `${difference}in force, epoch ${epoch + 1}\n` });
    await serve.kill();
    serve = await startServe({ state: serve.state, layout: three });
    const now = await view();
    expect(membersOf(now)).toEqual({
      intel: ["proxy-1"],
      logger: ["one", "three", "two"],
      proxy: ["proxy-2"],
      worker: [],
    });
    expect(now.nodes.map(({ name, source }) => `${name} ${source}`)).toEqual([
      "one variable",
      "two operator",
      "three variable",
      "manager operator",
      "proxy-1 operator",
      "proxy-2 operator",
    ]);
    const client = await connect(serve.url);
    expect(client.welcome.loggers.filter(({ enabled }) => !enabled)).toEqual([
      { name: "two", enabled: false },
    ]);
    await client.close();
    const stat = (await (await fetch(`${serve.url}/v1/logs/stat`)).json()) as { enabled: boolean }[];
    expect(stat.map(({ enabled }) => enabled)).toEqual([true, false, true]);
    expect(await cluster("apply", file("wanted.json", JSON.stringify(wanted)))).toMatchObject({
      status: 0,
      stdout: `nothing differs (epoch ${epoch + 1})\n`,
    });
    const shown = (await cluster("show")).stdout;
    expect(shown).toMatch(/^proxy +proxy-2 +edge +changed at run time$/m);
    expect(shown).toMatch(
      /^pool +intel +1 of PROXY, at most 1, exclusive under \S+pool\/intel: proxy-1 +changed/m,
    );
  });

  it("H-12 [A23] [A24] takes a node out of the layout, and its pools do without", async () => {
    await cluster("apply", file("wanted.json", JSON.stringify(wanted)));
    const without = { ...wanted, nodes: nodes.with(4, { name: "proxy-2", nodeType: "PROXY" }) };
    const applied = await cluster("apply", file("without.json", JSON.stringify(without)), "--json");
    const { difference: changes, ...now } = JSON.parse(applied.stdout) as LayoutApplied;
    expect(changes).toEqual([{ section: "nodes", name: "proxy-1", change: "removed", fields: [] }]);
    expect(membersOf(now)).toMatchObject({ intel: ["proxy-2"], proxy: [] });
  });

  it("H-12 R8 refuses what only a deploy changes, and what contradicts itself, and changes nothing", async () => {
    const before = await view();
    const refused = async (input: object, message: string) => {
      const result = await cluster("apply", file("refused.json", JSON.stringify(input)));
      expect(result).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining(message) });
    };
    const routers = [{ name: "other", prefix: "" }];
    await refused({ routers }, "routers is not as deployed, and changes only by a deploy (R8)");
    await refused({ loggers: [{ name: "one" }] }, "loggers at the edge come and go with a deploy");
    await refused({ pools: [{ name: "p", nodeType: "PROXY", exclusive: true }] }, "so must have maxNodes");
    await refused({ pool: [] }, "layout has no field pool");
    const send = async (body: string) => {
      const response = await fetch(`${serve.url}/v1/cluster`, { method: "PUT", body });
      return [response.status, ((await response.json()) as { error?: { code: string } }).error?.code];
    };
    expect(await send("{")).toEqual([400, "invalid_data"]);
    expect(await send("[]")).toEqual([400, "invalid_data"]);
    expect(await send("{}".padEnd(LIMITS.layoutApplyBytesMax + 1))).toEqual([413, "too_large"]);
    expect(await send("{}".padEnd(LIMITS.layoutApplyBytesMax))).toEqual([200, undefined]);
    expect(await view()).toEqual(before);
  });
});

describe("the operator's routes", () => {
  it("H-9 refuse what is no change, and change nothing", async () => {
    const before = await (await fetch(`${serve.url}/v1/cluster`)).json();
    for (const body of ["", "null", "[]", "{}", '{"enabled":1}', '{"enabled":"false"}']) {
      expect(await put("one", body)).toEqual([400, "invalid_data"]);
    }
    expect(await put("nobody", '{"enabled":false}')).toEqual([404, "unknown_logger"]);
    expect(await put("main", '{"enabled":false}')).toEqual([404, "unknown_logger"]);
    const body = '{"enabled":false}';
    expect(await put("one", body.padEnd(LIMITS.layoutBodyBytesMax + 1))).toEqual([413, "too_large"]);
    expect(await (await fetch(`${serve.url}/v1/cluster`)).json()).toEqual(before);
    expect(await put("one", body.padEnd(LIMITS.layoutBodyBytesMax))).toEqual([200, undefined]);
    expect(await put("one", '{"enabled":true}')).toEqual([200, undefined]);
  });

  it("H-8 H-9 H-12 are the operator's", async () => {
    const locked = await startServe({ env: { SELVEDGE_KEY: "k".repeat(LIMITS.keyBytesMin) } });
    try {
      const headers = async (claims: Parameters<typeof signToken>[0]) => ({
        Authorization: `Bearer ${await signToken(claims, "k".repeat(LIMITS.keyBytesMin))}`,
      });
      const sensor = await headers({ logs: ["*"], publish: [""], subscribe: [""] });
      const operator = await headers({ admin: true });
      const show = async (with_: Record<string, string>) =>
        (await fetch(`${locked.url}/v1/cluster`, { headers: with_ })).status;
      expect([await show({}), await show(sensor), await show(operator)]).toEqual([401, 403, 200]);
      const apply = async (with_: Record<string, string>) =>
        (await fetch(`${locked.url}/v1/cluster`, { method: "PUT", body: "{}", headers: with_ })).status;
      expect([await apply({}), await apply(sensor), await apply(operator)]).toEqual([401, 403, 200]);
      const change = async (with_: Record<string, string>) =>
        put("logger-1", '{"enabled":false}', with_, locked.url);
      expect(await change({})).toEqual([401, "no_token"]);
      expect(await change(sensor)).toEqual([403, "forbidden"]);
      expect(await change(operator)).toEqual([200, undefined]);
    } finally {
      await locked.dispose();
    }
  });
});
