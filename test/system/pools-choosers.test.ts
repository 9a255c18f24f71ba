/** Who chooses nodes of pools over a real fabric: scripts, sessions and clients, which must agree. */
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Fabric } from "../../src/cli/fabric.ts";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import { joinCluster, type ClusterProcess } from "../../src/node/join-cluster.ts";
import { defineScript } from "../../src/script/define.ts";
import type { Zeek } from "../../src/script/zeek.ts";
import { connect, count, type Client } from "../../src/sdk/index.ts";
import { startNode, type CliProcess } from "../support/cli.ts";
import { startInProcess } from "../support/fabric.ts";
import vectors from "../vectors/cluster/hrw-rr-proxy-pool.json" with { type: "json" };

const MEMBER = join(PACKAGE_ROOT, "test/support/pool-member.ts");
/** Views come once a second; a node that is killed is found out within six. */
const WITHIN = { timeout: 30_000, interval: 20 };

const remote = (name: string, nodeType: string) => ({ name, nodeType, place: "remote" });
const layoutOf = (...nodes: readonly object[]) => ({ nodes, loggers: [{ name: "logger-1" }] });

async function clusterLog(fabric: Fabric): Promise<readonly string[]> {
  const answer = await fetch(`${fabric.url}/v1/logs/cluster/records`);
  const text = gunzipSync(Buffer.from(await answer.arrayBuffer())).toString();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as { message: string }).message);
}

describe("scripts", () => {
  it("R33 [A62] events of a script that go to proxies in turn, and by key, outlive the proxy that had them", async () => {
    const proxies = ["proxy-1", "proxy-2"];
    const fabric = await startInProcess({
      layout: layoutOf(...proxies.map((name) => remote(name, "PROXY")), remote("worker-1", "WORKER")),
    });
    const members = proxies.map((name) => startNode(MEMBER, [fabric.url, name]));
    const handled = (one: CliProcess) =>
      [...one.stdout().matchAll(/^handled (\d+)$/gm)].map(([, id]) => Number(id));
    try {
      await Promise.all(members.map(async (one) => one.until("joined")));
      const warnings: string[] = [];
      let zeek: Zeek;
      const script = defineScript("sender", (own) => {
        zeek = own;
        own.on("Test::turns", () => {
          for (let id = 0; id < 10; id++) own.publishRr("proxy", "example_key", "Pool::work", count(id));
        });
        own.on("Test::keys", () => {
          for (let id = 100; id < 400; id++) own.publishHrw("proxy", count(id), "Pool::work", count(id));
          for (let id = 400; id < 500; id++) own.publishRr("proxy", "more", "Pool::work", count(id));
        });
      });
      await using worker = await joinCluster(fabric.url, {
        name: "worker-1",
        scripts: [script],
        report: ({ message }) => void warnings.push(message),
      });
      await expect.poll(() => zeek.getActiveNodeCount("PROXY"), WITHIN).toBe(2);
      worker.raise("Test::turns");
      await expect.poll(() => members.map((one) => handled(one).length), WITHIN).toEqual([5, 5]);
      expect(handled(members[0]!).toSorted((a, b) => a - b)).toEqual([0, 2, 4, 6, 8]);
      worker.raise("Test::keys");
      members[1]!.signal("SIGKILL");
      const all = () => new Set(members.flatMap(handled)).size;
      await expect.poll(all, WITHIN).toBe(10 + 400);
      await worker.flush();
      expect(warnings).toEqual([]);
    } finally {
      for (const one of members) one.signal("SIGKILL");
      await fabric.close();
    }
  });
});

describe("who chooses", () => {
  const { keys, rrKey, generations } = vectors;
  const { phases } = generations["v7.1+"];
  let fabric: Fabric;
  let client: Client;
  const members = new Map<string, ClusterProcess>();
  const zeeks = new Map<string, Zeek>();
  /** What nodes have handled, as "node key". */
  const handled: string[] = [];

  async function join(name: string): Promise<void> {
    const script = defineScript("work", (zeek) => {
      zeeks.set(name, zeek);
      zeek.on("Pool::key", (key) => void handled.push(`${name} ${key.value}`), { types: ["count"] });
    });
    members.set(name, await joinCluster(fabric.url, { name, scripts: [script] }));
  }

  beforeAll(async () => {
    const proxies = ["proxy-1", "proxy-2"].map((name) => remote(name, "PROXY"));
    fabric = await startInProcess({ layout: layoutOf(remote("manager", "MANAGER"), ...proxies) });
    await join("manager");
    client = await connect(fabric.url);
  });
  afterAll(async () => {
    client.abort();
    await Promise.all([...members.values()].map(async (node) => node.close()));
    await fabric.close();
  });

  const nameOf = (topic: string) => topic.split("/").at(-2)!;

  it.each(phases)(
    "[A20] [B18] a session, a client and a script choose the same nodes as Zeek: $phase",
    async ({ alive, hrw, rr }) => {
      for (const name of ["proxy-1", "proxy-2"]) {
        const isWanted = (alive as readonly string[]).includes(name);
        if (isWanted && !members.has(name)) await join(name);
        if (isWanted || !members.has(name)) continue;
        await members.get(name)!.close();
        members.delete(name);
      }
      const manager = zeeks.get("manager")!;
      await expect.poll(() => manager.getActiveNodeCount("PROXY"), WITHIN).toBe(alive.length);
      const owners = Object.fromEntries(keys.map((key) => [key, manager.hrwTopic("proxy", count(key))]));
      expect(owners).toEqual(hrw);
      expect(keys.map(() => manager.rrTopic("proxy", rrKey))).toEqual(rr);
      const publish = async (key: number) =>
        client.pools.publishHrw("proxy", count(key), "Pool::key", [count(key)]);
      const turn = async (key: number) => client.pools.publishRr("proxy", rrKey, "Pool::key", [count(key)]);
      // The session of the client has the view when it chooses as the script does.
      const outcome = async (publishing: Promise<{ handledBy: string }>) =>
        publishing.then(
          ({ handledBy }) => handledBy,
          (error: { code: string }) => error.code,
        );
      const wanted = alive.length === 0 ? "no_receiver" : nameOf(owners["0"]!);
      await expect.poll(async () => outcome(publish(0)), WITHIN).toBe(wanted);
      const acks = await Promise.all(keys.map(async (key) => outcome(publish(key))));
      const topics = Object.values(hrw) as readonly string[];
      expect(acks).toEqual(topics.map((topic) => (topic === "" ? "no_receiver" : nameOf(topic))));
      const turns: string[] = [];
      for (const key of keys) turns.push(await outcome(turn(key)));
      expect(turns).toEqual(
        (rr as readonly string[]).map((topic) => (topic === "" ? "no_receiver" : nameOf(topic))),
      );
    },
  );

  it("M-14 an empty pool is refused, warned of in the cluster log, and counted", async () => {
    await expect(client.pools.publishRr("worker", "", "Pool::key", [count(1)])).rejects.toMatchObject({
      code: "no_receiver",
    });
    await expect
      .poll(async () => clusterLog(fabric), WITHIN)
      .toContainEqual("warning: no node of pool worker is alive, events for it are refused");
    const metrics = await (await fetch(`${fabric.url}/metrics`)).text();
    expect(metrics).toMatch(/selvedge_pool_empty_choices_total\{isolate="[^"]+",pool="worker"\} 1/);
  });

  it("§7.4 a client of Zeek's WebSocket API publishes by topic; errors come back", async () => {
    for (const name of ["proxy-1", "proxy-2"]) if (!members.has(name)) await join(name);
    const manager = zeeks.get("manager")!;
    await expect.poll(() => manager.getActiveNodeCount("PROXY"), WITHIN).toBe(2);
    const plain = await connect(`${fabric.url}/v1/messages/json`);
    handled.length = 0;
    const wanted = keys.map((key) => `${nameOf(manager.hrwTopic("proxy", count(key)))} ${key}`);
    for (const key of keys) plain.publish("selvedge/pool/proxy/hrw", "Pool::key", [count(key)]);
    await expect.poll(() => handled.toSorted(), WITHIN).toEqual(wanted.toSorted());
    handled.length = 0;
    for (const key of keys) plain.publish("selvedge/pool/proxy/rr/one", "Pool::key", [count(key)]);
    const turns = keys.map((key, i) => `proxy-${(i % 2) + 1} ${key}`);
    await expect.poll(() => handled.toSorted(), WITHIN).toEqual(turns.toSorted());
    const refused: string[] = [];
    plain.on("refused", ({ error }) => void refused.push(error.code));
    plain.publish("selvedge/pool/worker/rr", "Pool::key", [count(1)]);
    await expect.poll(() => refused, WITHIN).toEqual(["no_receiver"]);
    plain.abort();
  });
});
