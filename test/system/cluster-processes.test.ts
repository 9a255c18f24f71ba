/** Nodes as processes of their own: killed, started before their fabric, named by the environment. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import { startCli, runCli, type CliProcess } from "../support/cli.ts";
import { startServe, tempDir, type ServeProcess } from "../support/fabric.ts";
import { linesOf, readR2Objects } from "../support/r2-files.ts";
import { RunningCluster, WITHIN } from "../support/running-cluster.ts";

const nodes = [
  { name: "manager", nodeType: "MANAGER", place: "remote" },
  { name: "logger-1", nodeType: "LOGGER" },
  { name: "proxy", nodeType: "PROXY", place: "remote", count: 3 },
  { name: "worker", nodeType: "WORKER", count: 2 },
];
const root = tempDir("selvedge-nodes");

let serve: ServeProcess;
const processes: CliProcess[] = [];
beforeAll(async () => {
  serve = await startServe({ state: join(root, "fabric"), layout: { nodes } });
});
afterAll(async () => {
  for (const child of processes) child.signal("SIGKILL");
  await serve.dispose();
});

/** A script as a file of its own. */
function script(name: string, body: string): string {
  const file = join(root, `${name}.ts`);
  const define = join(PACKAGE_ROOT, "src/script/define.ts");
  writeFileSync(
    file,
    `import { defineScript } from "${define}";\nexport default defineScript("${name}", (zeek) => {\n${body}\n});\n`,
  );
  return file;
}

const QUIET = script("quiet", "");

/** A node that runs a script; resolves when it does. */
async function node(name: string, file: string, env: Record<string, string> = {}): Promise<CliProcess> {
  const child = startCli(["node", "--name", name, "--script", file, "--url", serve.url, "--json"], { env });
  processes.push(child);
  await child.until(`${name} runs`);
  return child;
}

describe("a node that is killed", () => {
  it("[A21] gives up its keys and no others, and has them again when it is back", async () => {
    const proxies = ["proxy-1", "proxy-2", "proxy-3"];
    const [first, ...others] = await Promise.all(proxies.map(async (name) => node(name, QUIET)));
    await using cluster = await RunningCluster.of(serve.url, []);
    await cluster.join("worker-1");
    const zeek = cluster.zeek("worker-1");
    const isSeen = (n: number) => expect.poll(() => zeek.getActiveNodeCount("PROXY"), WITHIN).toBe(n);
    await isSeen(3);
    const keys = Array.from({ length: 300 }, (_, n) => `key ${n}`);
    const owners = () => keys.map((key) => zeek.hrwTopic("proxy", key));
    const gone = zeek.nodeTopic("proxy-1");
    const before = owners();
    first!.signal("SIGKILL");
    await isSeen(2);
    const without = owners();
    expect(without.map((owner, i) => owner !== before[i])).toEqual(before.map((owner) => owner === gone));
    expect(without).not.toContain(gone);
    const again = await node("proxy-1", QUIET);
    await isSeen(3);
    expect(owners()).toEqual(before);
    for (const child of [again, ...others]) child.signal("SIGTERM");
  });
});

describe("a node's name", () => {
  it("[E1] [E2] comes from CLUSTER_NODE or the command line, and one that the layout does not have stops the node", async () => {
    const table = script(
      "table",
      'zeek.on("zeek_init", () => zeek.clusterLog(`${zeek.node} ${zeek.localNodeType()} of ${[...zeek.nodes.keys()].toSorted().join(" ")}`));',
    );
    const all = "logger-1 manager proxy-1 proxy-2 proxy-3 worker-1 worker-2";
    const args = ["node", "--script", table, "--url", serve.url, "--json"];
    const named = startCli(args, { env: { CLUSTER_NODE: "manager" } });
    await named.until(`manager MANAGER of ${all}`);
    // The command line counts more than the environment.
    const chosen = startCli([...args, "--name", "worker-2"], { env: { CLUSTER_NODE: "manager" } });
    await chosen.until(`worker-2 WORKER of ${all}`);
    for (const child of [named, chosen]) {
      child.signal("SIGTERM");
      expect(await child.done()).toMatchObject({ status: 0 });
    }
    expect(await runCli(args, { env: { CLUSTER_NODE: "stranger" } })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("unknown_node"),
    });
    expect(await runCli(args)).toMatchObject({ status: 2, stderr: expect.stringContaining("CLUSTER_NODE") });
  });
});

describe("start order", () => {
  it("[D22] workers that are started before manager and fabric join when those are there", async () => {
    const { port } = serve;
    await serve.kill();
    const hello = script(
      "hello",
      `zeek.on("Cluster::node_up", (name) => {
        if (zeek.localNodeType() === "MANAGER") zeek.clusterLog("up: " + name.value);
      });`,
    );
    const retry = { ZEEK_DEFAULT_CONNECT_RETRY: "0.1" };
    const start = (name: string, env: Record<string, string>) => {
      const child = startCli(["node", "--name", name, "--script", hello, "--url", serve.url, "--json"], {
        env,
      });
      processes.push(child);
      return child;
    };
    const workers = ["worker-1", "worker-2"].map((name) => start(name, retry));
    for (const child of workers) await child.until("does the fabric run?");
    // Without an interval it is one try, as in Zeek.
    expect(await start("worker-1", { ZEEK_DEFAULT_CONNECT_RETRY: "0" }).done()).toMatchObject({ status: 1 });
    serve = await startServe({ state: serve.state, layout: { nodes }, port });
    for (const [i, child] of workers.entries()) await child.until(`worker-${i + 1} runs`);
    const manager = start("manager", retry);
    for (const n of [1, 2]) await manager.until(`up: worker-${n}`);
    for (const child of [...workers, manager]) {
      child.signal("SIGTERM");
      expect(await child.done()).toMatchObject({ status: 0 });
    }
  });
});

describe("a worker's logs", () => {
  it("[D13] are all remote: it leaves no file", async () => {
    const folder = join(root, "empty");
    mkdirSync(folder);
    const write = script(
      "write",
      'zeek.on("zeek_init", () => { for (let n = 0; n < 50; n++) zeek.log("remote_only", { text: `record ${n}` }); });',
    );
    const child = startCli(["node", "--name", "worker-1", "--script", write, "--url", serve.url], {
      cwd: folder,
      env: { HOME: folder, TMPDIR: folder, XDG_STATE_HOME: folder },
    });
    await child.until("worker-1 runs");
    child.signal("SIGTERM");
    expect(await child.done()).toMatchObject({ status: 0, stdout: "" });
    expect(await runCli(["logs", "flush", "--url", serve.url])).toMatchObject({ status: 0 });
    const objects = await readR2Objects(serve.state, "selvedge-logs");
    const stored = objects.filter(({ key }) => key.startsWith("logs/remote_only/")).flatMap(linesOf);
    expect(stored.length).toBe(50);
    expect(readdirSync(folder)).toEqual([]);
  });
});
