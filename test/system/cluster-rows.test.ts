/** The cluster's roles, topics, pools and variables, over a real fabric with its nodes in this process. */
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import homeProxy from "../../examples/worker-home-proxy.ts";
import type { Fabric } from "../../src/cli/fabric.ts";
import { parseLayout } from "../../src/cluster/layout.ts";
import { connectsTo, nodeOf } from "../../src/cluster/roles.ts";
import { count } from "../../src/data/value.ts";
import { joinCluster } from "../../src/node/join-cluster.ts";
import type { Claims } from "../../src/protocol/access.ts";
import { defineScript } from "../../src/script/define.ts";
import { startInProcess } from "../support/fabric.ts";
import { JsonClient } from "../support/json-v1-client.ts";
import { event, string } from "../support/json-v1-event.ts";
import { RunningCluster, WITHIN } from "../support/running-cluster.ts";
import { signToken, TEST_KEY } from "../support/tokens.ts";
import vectors from "../vectors/cluster/hrw-rr-proxy-pool.json" with { type: "json" };

const nodes = [
  { name: "manager", nodeType: "MANAGER", place: "remote", ip: "10.0.0.1", port: 47_761 },
  { name: "logger-1", nodeType: "LOGGER" },
  { name: "proxy", nodeType: "PROXY", place: "remote", count: 2 },
  { name: "worker", nodeType: "WORKER", count: 3 },
];
const WORKERS = ["worker-1", "worker-2", "worker-3"];
const NAMES = ["manager", "proxy-1", "proxy-2", ...WORKERS];

let fabric: Fabric;
beforeAll(async () => {
  fabric = await startInProcess({ layout: { nodes } });
});
afterAll(async () => fabric.close());

async function recordsOf(stream: string): Promise<Record<string, unknown>[]> {
  const response = await fetch(`${fabric.url}/v1/logs/${stream}/records`);
  const text = response.ok ? gunzipSync(await response.arrayBuffer()).toString() : "";
  return text
    .split("\n")
    .flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Record<string, unknown>]));
}

/** Nodes that tell who hears what is published to a topic. */
class Listeners {
  readonly heard: string[] = [];
  #ends = 0;
  readonly script = defineScript("listener", (zeek) => {
    zeek.on("Test::at", () => void this.heard.push(zeek.node));
    zeek.on("Test::end", () => void this.#ends++);
  });

  /** Who hears it; what is published behind it to every node, by the same publisher, comes after it. */
  async of(cluster: RunningCluster, topic: string): Promise<readonly string[]> {
    this.heard.length = 0;
    this.#ends = 0;
    cluster.operator.publish(topic, "Test::at");
    await cluster.tell("Test::end");
    await expect.poll(() => this.#ends, WITHIN).toBe(cluster.nodes.size);
    return this.heard.toSorted();
  }
}

describe("topics", () => {
  it("[A7] [A8] [A9] [A29] [C8] of a class reach exactly that class, of a node exactly that node", async () => {
    const listeners = new Listeners();
    await using cluster = await RunningCluster.of(fabric.url, NAMES, listeners.script);
    const who = async (topic: string) => listeners.of(cluster, topic);
    expect(await who("zeek/cluster/worker")).toEqual(WORKERS);
    expect(await who("zeek/cluster/proxy")).toEqual(["proxy-1", "proxy-2"]);
    expect(await who("zeek/cluster/manager")).toEqual(["manager"]);
    for (const name of NAMES) expect(await who(cluster.zeek(name).nodeTopic(name))).toEqual([name]);
    // All workers agree on who has a key.
    const zeeks = WORKERS.map((name) => cluster.zeek(name));
    const owners = Array.from({ length: 50 }, (_, n) =>
      zeeks.map((zeek) => zeek.hrwTopic("proxy", `key ${n}`)),
    );
    for (const [first, ...others] of owners) expect(others).toEqual([first, first]);
    expect(new Set(owners.flat()).size).toBe(2);
  });

  it("[A22] of a pool that scripts register reach its members only", async () => {
    const listeners = new Listeners();
    const pool = {
      name: "intel",
      topic: "site/intel",
      nodeType: "WORKER",
      maxNodes: 2,
      exclusive: false,
    } as const;
    const script = defineScript("pool", (zeek) => void zeek.registerPool(pool as never));
    await using cluster = await RunningCluster.of(fabric.url, NAMES, listeners.script, script);
    const members = WORKERS.slice(0, 2);
    expect(await listeners.of(cluster, "site/intel")).toEqual(members);
    const turns = [1, 2, 3].map(() => cluster.zeek("manager").rrTopic("intel"));
    expect(turns).toEqual([members[0], members[1], members[0]].map((name) => `zeek/cluster/node/${name}/`));
  });

  it("[E36] a topic that a layout calls otherwise is used by all parts: nodes, pools, reports, JSON v1 clients", async () => {
    const topicNames = {
      workerTopic: "site/crew",
      managerTopic: "site/boss",
      nodeTopicPrefix: "site/by-name/",
      nodeidTopicPrefix: "site/by-id/",
      poolTopicPrefix: "site/by-pool/",
    };
    await using other = closing(await startInProcess({ layout: { nodes, topicNames } }));
    const listeners = new Listeners();
    const boss = await JsonClient.subscribed(other.url, ["site/boss"]);
    await using cluster = await RunningCluster.of(other.url, NAMES, listeners.script);
    const who = async (topic: string) => listeners.of(cluster, topic);
    expect(await who("zeek/cluster/worker")).toEqual([]);
    expect(await who("site/crew")).toEqual(WORKERS);
    expect(await who("site/by-name/worker-2/")).toEqual(["worker-2"]);
    const id = cluster.zeek("worker-3").nodeId();
    expect(await who(`site/by-id/${id}/`)).toEqual(["worker-3"]);
    expect(await who("site/by-pool/proxy")).toEqual(["proxy-1", "proxy-2"]);
    expect(cluster.zeek("worker-1").hrwTopic("proxy", "key")).toMatch(/^site\/by-name\/proxy-[12]\/$/);
    // Membership reports to the manager under its new name, and a JSON v1 client reaches nodes under theirs.
    expect(await boss.next()).toContain("Cluster::node_up");
    boss.send(event("site/crew", "Test::at", [string("json")]));
    await expect.poll(() => listeners.heard.length, WITHIN).toBeGreaterThan(0);
    await boss.close();
  });
});

describe("pools", () => {
  it("[A20] [B18] choose as Zeek does while nodes die, in a script over the fabric", async () => {
    await using cluster = await RunningCluster.of(fabric.url, ["manager", "proxy-1", "proxy-2"]);
    const zeek = cluster.zeek("manager");
    const chosen = () =>
      Object.fromEntries(vectors.keys.map((key) => [key, zeek.hrwTopic("proxy", count(key))]));
    for (const { alive, hrw, rr, hrwAgain } of vectors.generations["v7.1+"].phases) {
      for (const name of ["proxy-1", "proxy-2"]) {
        if (cluster.nodes.has(name) && !(alive as string[]).includes(name)) await cluster.leave(name);
      }
      await cluster.settled();
      expect(chosen()).toEqual(hrw);
      expect(vectors.keys.map(() => zeek.rrTopic("proxy", vectors.rrKey))).toEqual(rr);
      expect(chosen()).toEqual(hrwAgain);
    }
  });

  it("R34 a proxy that operators take out of the layout gives up its keys and turns, until it is put back", async () => {
    await using cluster = await RunningCluster.of(fabric.url, ["manager", "proxy-1", "proxy-2", "worker-1"]);
    const apply = async (count: number) => {
      const body = JSON.stringify({
        nodes: nodes.map((node) => (node.name === "proxy" ? { ...node, count } : node)),
      });
      expect((await fetch(`${fabric.url}/v1/cluster`, { method: "PUT", body })).status).toBe(200);
    };
    const zeeks = ["manager", "worker-1"].map((name) => cluster.zeek(name));
    const chosen = () =>
      zeeks.map((zeek) => Array.from({ length: 50 }, (_, n) => zeek.hrwTopic("proxy", `key ${n}`)));
    const before = chosen();
    const first = cluster.zeek("proxy-1").nodeTopic("proxy-1");
    expect(before.map((topics) => new Set(topics).size)).toEqual([2, 2]);
    await apply(1);
    await expect
      .poll(
        () =>
          chosen()
            .flat()
            .every((topic) => topic === first),
        WITHIN,
      )
      .toBe(true);
    expect(zeeks.map((zeek) => [1, 2].map(() => zeek.rrTopic("proxy")))).toEqual([
      [first, first],
      [first, first],
    ]);
    expect(zeeks.map((zeek) => zeek.nodes.has("proxy-2"))).toEqual([false, false]);
    await apply(2);
    await expect.poll(chosen, WITHIN).toEqual(before);
    expect(cluster.reports).toEqual([]);
  });

  it("[D11] workers are spread evenly over the proxies, and those of one that goes find another", async () => {
    await using cluster = await RunningCluster.of(fabric.url, ["manager", "proxy-1", "proxy-2"], homeProxy);
    for (const name of WORKERS) await cluster.join(name);
    const workersAt = () =>
      ["proxy-1", "proxy-2"].map(
        (proxy) =>
          cluster
            .logsOf("cluster")
            .filter(({ node }) => node === proxy)
            .map(({ record }) => String(record["message"])).length,
      );
    await expect.poll(() => workersAt().toSorted((a, b) => a - b), WITHIN).toEqual([1, 2]);
    const before = workersAt();
    await cluster.leave("proxy-1");
    await expect.poll(workersAt, WITHIN).toEqual([before[0], 3]);
  });
});

describe("what a script knows", () => {
  it("[A65] [E13] its name and type, and the table of nodes by name", async () => {
    await using cluster = await RunningCluster.of(fabric.url, NAMES);
    const types = { manager: "MANAGER", proxy: "PROXY", worker: "WORKER" } as const;
    for (const name of NAMES) {
      const zeek = cluster.zeek(name);
      const type = types[name.split("-")[0] as keyof typeof types];
      expect([zeek.node, zeek.localNodeType(), zeek.isEnabled()]).toEqual([name, type, true]);
      expect([...zeek.nodes.keys()].toSorted()).toEqual([...NAMES, "logger-1"].toSorted());
      const id = cluster.zeek("manager").nodeId();
      expect(zeek.nodes.get("manager")).toEqual({
        nodeType: "MANAGER",
        place: "remote",
        ip: "10.0.0.1",
        port: 47_761,
        id,
      });
    }
  });

  it("[E20] worker_count is the number of connected workers", async () => {
    await using cluster = await RunningCluster.of(fabric.url, ["manager", "worker-1"]);
    const zeek = cluster.zeek("manager");
    expect(zeek.workerCount()).toBe(1);
    await Promise.all(["worker-2", "worker-3"].map(async (name) => cluster.join(name)));
    await expect.poll(() => zeek.workerCount(), WITHIN).toBe(3);
    await cluster.leave("worker-2");
    await expect.poll(() => zeek.workerCount(), WITHIN).toBe(2);
    expect([zeek.getNodeCount("WORKER"), zeek.getActiveNodeCount("WORKER")]).toEqual([3, 2]);
  });
});

describe("a fabric with a key", () => {
  it("[C6] trusts a node as far as its token says: its own name, its own type, what it may publish", async () => {
    await using closed = closing(await startInProcess({ layout: { nodes }, key: TEST_KEY, open: false }));
    const join = async (name: string, claims?: Claims) =>
      joinCluster(closed.url, {
        name,
        scripts: [],
        token: claims === undefined ? undefined : await signToken(claims),
      });
    const grant = { publish: ["zeek/"], subscribe: ["zeek/"], logs: ["*"] };
    await expect(join("worker-1")).rejects.toMatchObject({ code: "no_token" });
    const refused = { code: "forbidden" };
    await expect(join("worker-1", { sub: "worker-2", ...grant })).rejects.toMatchObject(refused);
    await expect(join("worker-1", { sub: "worker-1", node_type: "PROXY", ...grant })).rejects.toMatchObject(
      refused,
    );
    await expect(join("worker-1", { sub: "worker-1", publish: ["zeek/"] })).rejects.toMatchObject(refused);
    const node = await join("worker-1", { sub: "worker-1", node_type: "WORKER", ...grant });
    await node.close();
  });
});

describe("logs", () => {
  it("[D3] [D8] [E32] of all workers are one stream at the logger; the manager has none of it", async () => {
    const script = defineScript("writer", (zeek) => {
      zeek.on("Test::write", () => {
        for (let n = 0; n < 20; n++) zeek.log("merged", { worker: zeek.node, n: count(n) });
        zeek.clusterLog("has written");
      });
    });
    await using cluster = await RunningCluster.of(fabric.url, ["manager", ...WORKERS], script);
    const atManager: string[] = [];
    const topics = ["zeek/logs/", "zeek/cluster/manager", cluster.zeek("manager").nodeTopic("manager")];
    await cluster.operator.subscribe(topics, ({ name }) => void atManager.push(name));
    await cluster.tell("Test::write", WORKERS);
    await expect.poll(async () => (await recordsOf("merged")).length, WITHIN).toBe(60);
    const all = (await recordsOf("merged")).map(({ worker, n }) => `${String(worker)} ${String(n)}`);
    const wanted = WORKERS.flatMap((name) => Array.from({ length: 20 }, (_, n) => `${name} ${n}`));
    expect(all.toSorted()).toEqual(wanted.toSorted());
    const said = (await recordsOf("cluster")).filter(({ message }) => message === "has written");
    expect(said.map(({ node }) => String(node)).toSorted()).toEqual(WORKERS);
    expect(typeof said[0]!["ts"]).toBe("number");
    expect(atManager).toEqual([]);
    const layout = parseLayout({ nodes });
    expect(connectsTo(layout, nodeOf(layout, "logger-1")!)).toEqual([]);
  });
});

function closing(of: Fabric): Fabric & AsyncDisposable {
  return Object.assign(of, { [Symbol.asyncDispose]: async () => of.close() });
}
