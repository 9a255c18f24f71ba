/** Scripts on nodes at the edge, over a real fabric whose runtime is killed; with processes beside them as workers. */
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import workerToWorkers from "../../examples/worker-to-workers.ts";
import type { Fabric } from "../../src/cli/fabric.ts";
import { joinCluster } from "../../src/node/join-cluster.ts";
import { connect, toJs, type Client, type ReceivedEvent } from "../../src/sdk/index.ts";
import type { LedgerView } from "../../src/worker/ledger-route.ts";
import { startInProcess } from "../support/fabric.ts";

const WITHIN = { timeout: 30_000, interval: 50 };
const layout = {
  routers: [
    { name: "main", prefix: "" },
    { name: "site", prefix: "site/" },
  ],
  nodes: [
    { name: "manager", nodeType: "MANAGER" },
    { name: "logger-1", nodeType: "LOGGER" },
    { name: "proxy", nodeType: "PROXY", count: 2 },
    { name: "worker", nodeType: "WORKER", count: 2 },
  ],
};

const EDGE = ["manager", "proxy-1", "proxy-2"];

let fabric: Fabric;
let operator: Client;
beforeAll(async () => {
  fabric = await startInProcess({ layout, main: "test/support/scripts-worker.ts" });
  operator = await connect(fabric.url);
  await atTheEdge();
});
afterAll(async () => {
  await operator.close();
  await fabric.close();
});

/** A node at the edge hears what is published after it has subscribed: that is soon after the fabric's first start. */
async function atTheEdge(): Promise<void> {
  const lives = new Set<string>();
  await using _ = await operator.subscribe("site/lives", ({ args }) => void lives.add(JSON.stringify(args)));
  await vi.waitFor(() => {
    for (const name of EDGE) operator.publish(`zeek/cluster/node/${name}/`, "Test::lives");
    expect(lives.size).toBe(EDGE.length);
  }, WITHIN);
}

/** Every key that a node has kept. */
async function keysOf(node: string): Promise<readonly string[]> {
  const answers: ReceivedEvent[] = [];
  await using _ = await operator.subscribe("site/kept", (event) => void answers.push(event));
  operator.publish(`zeek/cluster/node/${node}/`, "Test::keys");
  const mine = () => answers.find(({ args }) => toJs(args[0]!) === node);
  await expect.poll(mine, WITHIN).toBeDefined();
  return toJs(mine()!.args[1]!) as readonly string[];
}

describe("scripts at the edge", () => {
  it("a manager and proxies of the fabric relay for workers that are processes", async () => {
    const said: string[] = [];
    const workers = await Promise.all(
      ["worker-1", "worker-2"].map(async (name) =>
        joinCluster(fabric.url, {
          name,
          scripts: [workerToWorkers],
          logged: (stream, line) => void said.push(`${name} ${stream} ${String(JSON.parse(line).message)}`),
        }),
      ),
    );
    operator.publish("zeek/cluster/node/worker-2/", "Example::start");
    const wanted = ["worker-1", "worker-2"].map(
      (name) => `${name} cluster got hello from worker-2 (via manager)`,
    );
    await expect.poll(() => said, WITHIN).toEqual(expect.arrayContaining(wanted));
    for (const worker of workers) await worker.close();
  });

  it("R31 what is acknowledged is handled, whatever is killed; the node's life and state go on", async () => {
    const acknowledged: string[] = [];
    const publishing = (async () => {
      for (let n = 0; n < 300; n++) {
        const key = `key ${n}`;
        await operator.publishAcked(`zeek/cluster/node/proxy-${(n % 2) + 1}/`, "Test::keep", [key]);
        acknowledged.push(key);
      }
    })();
    for (const kills of [50, 150]) {
      await expect.poll(() => acknowledged.length, { ...WITHIN, interval: 1 }).toBeGreaterThan(kills);
      for (const pid of fabric.pids) process.kill(pid, "SIGKILL");
    }
    await publishing;
    const kept = [...(await keysOf("proxy-1")), ...(await keysOf("proxy-2"))];
    expect(new Set(kept)).toEqual(new Set(acknowledged));
    expect(kept.length).toBe(300);
  });

  it("a proxy that is taken out of the layout has no keys any more, and its own again when it is back", async () => {
    const keys = Array.from({ length: 20 }, (_, n) => `key ${n}`);
    const owners = new Map<string, string>();
    await using _ = await operator.subscribe("site/owners", ({ args }) => {
      const [key, owner] = args.map((value) => toJs(value) as string);
      owners.set(key!, owner!);
    });
    const asked = (): ReadonlySet<string> => {
      for (const key of keys) operator.publish("zeek/cluster/node/manager/", "Test::owner", [key]);
      return owners.size < keys.length ? new Set() : new Set(owners.values());
    };
    const apply = async (nodes: readonly object[]): Promise<void> => {
      const body = JSON.stringify({ ...layout, nodes });
      expect((await fetch(`${fabric.url}/v1/cluster`, { method: "PUT", body })).status).toBe(200);
    };
    const both = new Set(["proxy-1", "proxy-2"].map((name) => `zeek/cluster/node/${name}/`));
    await expect.poll(asked, WITHIN).toEqual(both);
    const before = new Map(owners);
    await apply(layout.nodes.map((node) => (node.name === "proxy" ? { ...node, count: 1 } : node)));
    await expect.poll(asked, WITHIN).toEqual(new Set(["zeek/cluster/node/proxy-1/"]));
    await apply(layout.nodes);
    await expect.poll(asked, WITHIN).toEqual(both);
    await expect.poll(() => (asked(), [...owners]), WITHIN).toEqual([...before]);
  });

  it("R38 the ledgers of the routers balance, nodes at the edge included", async () => {
    const ledger = async () => {
      const { routers } = (await (await fetch(`${fabric.url}/v1/ledger`)).json()) as LedgerView;
      return routers.flatMap(({ problems }) => problems);
    };
    await keysOf("proxy-1");
    expect(await ledger()).toEqual([]);
  });

  it("an exception in a handler is in the log stream `reporter`, with script, event and node", async () => {
    operator.publish("zeek/cluster/node/proxy-1/", "Test::throw");
    await operator.flush();
    const records = async () => {
      const response = await fetch(`${fabric.url}/v1/logs/reporter/records`);
      return response.ok ? gunzipSync(await response.arrayBuffer()).toString() : "";
    };
    await expect.poll(records, WITHIN).toContain("broken on purpose");
    expect(await records()).toContain('"node":"proxy-1"');
    expect(await records()).toContain('"location":"keeper, Test::throw"');
  });

  it("what is scheduled goes on over a kill", async () => {
    const ticks: bigint[] = [];
    await operator.subscribe("site/ticks", ({ args }) => void ticks.push(toJs(args[0]!) as bigint));
    operator.publish("zeek/cluster/node/proxy-1/", "Test::tick");
    await expect.poll(() => ticks.length, WITHIN).toBeGreaterThan(2);
    for (const pid of fabric.pids) process.kill(pid, "SIGKILL");
    // A variable of the script begins anew; its schedule does not.
    const before = ticks.length;
    await expect.poll(() => ticks.slice(before).includes(1n) && ticks.length > before + 2, WITHIN).toBe(true);
  });
});
