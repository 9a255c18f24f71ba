/** Scripts in processes, over a real fabric: the examples, nodes that come and go, the command. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import managerToWorkers from "../../examples/manager-to-workers.ts";
import workerToManager from "../../examples/worker-to-manager.ts";
import workerToProxies from "../../examples/worker-to-proxies.ts";
import workerToWorkers from "../../examples/worker-to-workers.ts";
import type { Fabric } from "../../src/cli/fabric.ts";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import { joinCluster, type ClusterProcess } from "../../src/node/join-cluster.ts";
import { defineScript, type Script } from "../../src/script/define.ts";
import { connect, count, type Client } from "../../src/sdk/index.ts";
import { CLI, startInProcess } from "../support/fabric.ts";
import { RunningCluster, WITHIN } from "../support/running-cluster.ts";

const layout: unknown = JSON.parse(readFileSync(join(PACKAGE_ROOT, "examples/cluster.json"), "utf8"));
const NAMES = ["manager", "proxy-1", "proxy-2", "worker-1", "worker-2"];

let fabric: Fabric;
let operator: Client;
beforeAll(async () => {
  fabric = await startInProcess({ layout });
  operator = await connect(fabric.url);
});
afterAll(async () => {
  await operator.close();
  await fabric.close();
});

/** All nodes of the layout, each with this script. */
const clusterOf = async (script: Script) => RunningCluster.of(fabric.url, NAMES, script);

describe("patterns", () => {
  it("[A59] manager to workers: plain, by node name, by node type, by a static condition", async () => {
    await using cluster = await clusterOf(managerToWorkers);
    await cluster.tell("Example::start");
    // Each of the two workers is ready, so v0 comes twice.
    const each = ["hello v0", "hello v0", "hello v1", "hello v2", "hello v3"];
    const wanted = ["worker-1", "worker-2"].flatMap((name) => each.map((text) => `${name} got ${text}`));
    await expect.poll(() => cluster.said.toSorted(), WITHIN).toEqual(wanted.toSorted());
    expect(cluster.reports).toEqual([]);
  });

  it("[A60] worker to manager: the manager gets the names of the workers", async () => {
    await using cluster = await clusterOf(workerToManager);
    await cluster.tell("Example::start");
    await expect
      .poll(() => cluster.said.toSorted(), WITHIN)
      .toEqual(["manager heard of worker-1", "manager heard of worker-2"]);
  });

  it("[A61] [A62] [B17] worker to all workers through the manager, and through proxies in turn", async () => {
    await using cluster = await clusterOf(workerToWorkers);
    await cluster.tell("Example::start", ["worker-1"]);
    const relays = ["1 from worker-1 (via proxy-1)", "2 from worker-1 (via proxy-2)"];
    const again = ["3 from worker-1 (via proxy-1)", "4 from worker-1 (via proxy-2)"];
    const texts = ["hello from worker-1 (via manager)", ...relays, ...again];
    const wanted = ["worker-1", "worker-2"].flatMap((name) => texts.map((text) => `${name} got ${text}`));
    await expect.poll(() => cluster.said.toSorted(), WITHIN).toEqual(wanted.toSorted());
  });

  it("[A64] work spread over proxies by the hash of its key: near even, and the same from every worker", async () => {
    await using cluster = await clusterOf(workerToProxies);
    await cluster.tell("Example::start");
    // A report that comes behind all keys of both workers: it is asked for until it counts them all.
    const counts = async () => {
      const before = cluster.said.length;
      await cluster.tell("Example::report", ["proxy-1", "proxy-2"]);
      await expect.poll(() => cluster.said.length, WITHIN).toBe(before + 2);
      return cluster.said
        .slice(before)
        .toSorted()
        .map((text) => /has (\d+) keys of (\d+) events/.exec(text)!.slice(1).map(Number));
    };
    await expect
      .poll(async () => (await counts()).reduce((sum, [, events]) => sum + events!, 0), WITHIN)
      .toBe(200);
    const [one, two] = (await counts()) as [number[], number[]];
    // A hundred keys in all, each from both workers: so each has one proxy, whoever asks.
    expect(one[0]! + two[0]!).toBe(100);
    expect([one[1], two[1]]).toEqual([2 * one[0]!, 2 * two[0]!]);
    expect(Math.min(one[0]!, two[0]!)).toBeGreaterThan(30);
  });
});

describe("data partitioned over proxies", () => {
  it("a proxy that goes gives up its keys and no others, and has them again when it returns", async () => {
    await using cluster = await clusterOf(workerToProxies);
    const zeek = cluster.zeeks.get("worker-1")!;
    const keys = Array.from({ length: 200 }, (_, n) => `key ${n}`);
    const owners = () => new Map(keys.map((key) => [key, zeek.hrwTopic("proxy", key)]));
    const [one, two] = ["proxy-1", "proxy-2"].map((name) => zeek.nodeTopic(name));
    const before = owners();
    expect(new Set(before.values())).toEqual(new Set([one, two]));

    await cluster.leave("proxy-2");
    await expect.poll(() => zeek.getActiveNodeCount("PROXY"), WITHIN).toBe(1);
    expect(new Set(owners().values())).toEqual(new Set([one]));

    await cluster.join("proxy-2");
    await expect.poll(() => zeek.getActiveNodeCount("PROXY"), WITHIN).toBe(2);
    expect(owners()).toEqual(before);
    // Every other node chooses the same.
    const others = [...cluster.zeeks].filter(([name]) => name !== "worker-1");
    for (const [, other] of others) {
      await expect
        .poll(() => other.getActiveNodeCount("PROXY") + (other.localNodeType() === "PROXY" ? 1 : 0), WITHIN)
        .toBe(2);
      expect(keys.map((key) => other.hrwTopic("proxy", key))).toEqual([...before.values()]);
    }
  });
});

describe("a process as a node", () => {
  it("[E26] [E27] node_up and node_down come and go with it, and its id is another in each life", async () => {
    const seen: string[] = [];
    const watch = defineScript("watch", (zeek) => {
      for (const event of ["Cluster::node_up", "Cluster::node_down"]) {
        zeek.on(event, (name, id) => void seen.push(`${event} ${String(name.value)} ${String(id.value)}`), {
          types: ["string", "string"],
        });
      }
    });
    await using manager = await joinCluster(fabric.url, { name: "manager", scripts: [watch] });
    const ids: string[] = [];
    for (const life of [1, 2]) {
      const scripts = [defineScript("id", (zeek) => void ids.push(zeek.nodeId()))];
      const worker = await joinCluster(fabric.url, { name: "worker-1", scripts });
      await expect.poll(() => seen.at(-1), WITHIN).toBe(`Cluster::node_up worker-1 ${ids.at(-1)}`);
      await worker.close();
      await expect.poll(() => seen.at(-1), WITHIN).toBe(`Cluster::node_down worker-1 ${ids.at(-1)}`);
      expect(ids.length).toBe(life);
    }
    expect(new Set(ids).size).toBe(2);
    expect(manager).toBeDefined();
  });

  it("[A39] [A41] [A42] a made event may be sent twice; autoPublish runs local handlers and sends, and does not ping-pong", async () => {
    const ran: string[] = [];
    const script = defineScript("auto", (zeek) => {
      zeek.subscribe("site/");
      zeek.autoPublish("site/auto", "Test::auto");
      zeek.on("Test::auto", (n) => void ran.push(`${zeek.node} auto ${n.value}`), { types: ["count"] });
      zeek.on("Test::made", () => void ran.push(`${zeek.node} made`));
      zeek.on("Test::go", () => {
        zeek.event("Test::auto", count(1));
        const made = zeek.makeEvent("Test::made");
        zeek.publish("site/a", made);
        zeek.publish("site/b", made);
      });
    });
    await using one = await joinCluster(fabric.url, { name: "worker-1", scripts: [script] });
    await using two = await joinCluster(fabric.url, { name: "worker-2", scripts: [script] });
    operator.publish("zeek/cluster/node/worker-1/", "Test::go");
    const wanted = ["worker-1 auto 1", "worker-2 auto 1", "worker-2 made", "worker-2 made"];
    await expect.poll(() => ran.toSorted(), WITHIN).toEqual(wanted);
    // What would come if it were sent back and forth comes before the answer to this.
    operator.publish("zeek/cluster/worker", "Test::made");
    await expect.poll(() => ran.length, WITHIN).toBe(6);
    expect(ran.filter((text) => text.includes("auto")).length).toBe(2);
    expect([one, two].length).toBe(2);
  });

  it("[A40] [B4] does not hear what it publishes itself, though it is subscribed to it", async () => {
    const ran: string[] = [];
    const script = defineScript("echo", (zeek) => {
      zeek.subscribe("site/echo");
      zeek.on("Test::echo", () => void ran.push(zeek.node));
      zeek.on("Test::go", () => {
        zeek.publish("site/echo", "Test::echo");
        zeek.publish("site/echo", "Test::end");
      });
      zeek.on("Test::end", () => zeek.publish("site/echo", "Test::echo"));
    });
    await using one = await joinCluster(fabric.url, { name: "worker-1", scripts: [script] });
    await using two = await joinCluster(fabric.url, { name: "worker-2", scripts: [script] });
    operator.publish("zeek/cluster/node/worker-1/", "Test::go");
    // The other hears it, and then answers: what would be an echo came before that.
    await expect.poll(() => ran, WITHIN).toEqual(["worker-2", "worker-1"]);
    expect([one, two].length).toBe(2);
  });

  it("[E25] [E33] [E34] says hello; is reached by its name, and by its id only in this life", async () => {
    const hellos: string[] = [];
    const got: string[] = [];
    const manager = await joinCluster(fabric.url, {
      name: "manager",
      scripts: [
        defineScript("hellos", (zeek) => {
          zeek.on(
            "Cluster::hello",
            (name, id) => void hellos.push(`${String(name.value)} ${String(id.value)}`),
            {
              types: ["string", "string"],
            },
          );
        }),
      ],
    });
    const join = async (name: string): Promise<{ node: ClusterProcess; id: string }> => {
      let id = "";
      const script = defineScript("listener", (zeek) => {
        id = zeek.nodeId();
        zeek.on("Test::at", (what) => void got.push(`${name} ${id} ${String(what.value)}`), {
          types: ["string"],
        });
      });
      return { node: await joinCluster(fabric.url, { name, scripts: [script] }), id };
    };
    const other = await join("worker-2");
    const first = await join("worker-1");
    await expect.poll(() => hellos, WITHIN).toContain(`worker-1 ${first.id}`);
    await first.node.close();
    const second = await join("worker-1");
    await expect.poll(() => hellos, WITHIN).toContain(`worker-1 ${second.id}`);
    expect(second.id).not.toBe(first.id);
    for (const id of [first.id, second.id])
      operator.publish(`zeek/cluster/nodeid/${id}/`, "Test::at", ["id"]);
    operator.publish("zeek/cluster/node/worker-1/", "Test::at", ["name"]);
    const wanted = [`worker-1 ${second.id} id`, `worker-1 ${second.id} name`];
    await expect.poll(() => got, WITHIN).toEqual(wanted);
    for (const { node } of [other, second]) await node.close();
    await manager.close();
    expect(got).toEqual(wanted);
  });

  it("logs what a handler throws, and the record is in the log stream `reporter`", async () => {
    const script = defineScript("broken", (zeek) => {
      zeek.on("Test::break", () => {
        throw new Error("broken on purpose");
      });
    });
    const worker = await joinCluster(fabric.url, { name: "worker-2", scripts: [script] });
    operator.publish("zeek/cluster/node/worker-2/", "Test::break");
    await operator.flush();
    const records = async () => {
      const response = await fetch(`${fabric.url}/v1/logs/reporter/records`);
      return gunzipSync(await response.arrayBuffer()).toString();
    };
    await expect.poll(records, WITHIN).toContain("broken on purpose");
    expect(await records()).toContain("broken, Test::break");
    await worker.close();
  });

  it("is refused under a name that the layout does not have", async () => {
    await expect(joinCluster(fabric.url, { name: "stranger", scripts: [] })).rejects.toMatchObject({
      code: "unknown_node",
    });
  });
});

function run(...args: string[]): { readonly child: ChildProcess; readonly output: () => string } {
  const child = spawn(process.execPath, args, { cwd: PACKAGE_ROOT });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => (output += text));
  }
  return { child, output: () => output };
}

describe("the example that runs a whole cluster", () => {
  it("prints what its nodes say in the cluster log, and ends", async () => {
    const { child, output } = run("examples/run-cluster.ts", fabric.url, "examples/worker-to-manager.ts");
    const [status] = (await once(child, "exit")) as [number];
    expect([status, output()]).toEqual([0, expect.stringContaining("heard of worker-1")]);
    expect(output()).toContain("heard of worker-2");
  });
});

describe("selvedge node", () => {
  it("runs the scripts of a file until a signal, and prints what they log", async () => {
    const args = ["node", "--name", "manager", "--script", "examples/worker-to-manager.ts", "--json"];
    const { child, output } = run(CLI, ...args, "--url", fabric.url);
    await expect.poll(output, WITHIN).toContain("manager runs worker-to-manager");
    operator.publish("zeek/cluster/manager", "Example::worker_to_manager", ["worker-9"]);
    await expect.poll(output, WITHIN).toContain('"_path":"cluster"');
    expect(output()).toContain("heard of worker-9");
    child.kill("SIGTERM");
    const [status] = (await once(child, "exit")) as [number];
    expect(status).toBe(0);
  });
});
