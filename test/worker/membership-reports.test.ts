/** What Membership reports: events that any client can subscribe to, and the cluster log. */
import { abortAllDurableObjects } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { gunzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/base/limits.ts";
import { MEMBERSHIP_NAME } from "../../src/membership/heartbeat.ts";
import type { ObjectEnv } from "../../durable/env.ts";
import { deployedLayout } from "../../src/site/deployed.ts";
import { parseDataMessage } from "../../src/protocol/data-message.ts";
import { formatValue } from "../../src/data/json.ts";
import { greeting, join, node } from "../support/membership-trunk.ts";
import { jsonPeer } from "../support/native-peer.ts";
import { Trunk } from "../support/router-trunk.ts";

const membership = () => env.MEMBERSHIP.getByName(MEMBERSHIP_NAME);
const SOON = { timeout: 10_000, interval: 20 };
vi.setConfig({ testTimeout: 40_000 });
let instances = 5_000;

/** A node that is there until its trunk closes. */
async function up(member: ReturnType<typeof node>): Promise<Trunk> {
  const trunk = await Trunk.open(membership(), greeting(++instances), join(member, "close"));
  await trunk.take("welcome");
  await trunk.take("joined");
  return trunk;
}

/** An event in short: its topic, name and arguments. */
function shortOf(text: string): string {
  const { topic, event } = parseDataMessage(text);
  const args = event.args.map((arg) => (arg.type === "string" ? String(arg.value) : formatValue(arg)));
  return `${topic} ${event.name}(${args.join(", ")})`;
}

async function records(): Promise<string[]> {
  const lines: string[] = [];
  for (const { name } of [{ name: "logger-1" }, { name: "logger-2" }]) {
    const units = await env.LOGGER.getByName(name).read("cluster", 0, Number.MAX_SAFE_INTEGER);
    for (const unit of units) {
      if (unit.type !== "batches") continue;
      lines.push(...gunzipSync(unit.bytes).toString().trim().split("\n"));
    }
  }
  return lines.map((line) => (JSON.parse(line) as { message: string }).message);
}

describe("events", () => {
  it("M-6 [E25] [E26] [E27] hello goes to the lives of nodes, node_up and node_down to every class", async () => {
    const { socket, texts } = await jsonPeer(undefined, ["zeek/cluster/manager", "zeek/cluster/nodeid/"]);
    const manager = await up(node(1, "a", "MANAGER"));
    const worker = await up(node(2));
    await expect.poll(() => texts.length, SOON).toBe(4);
    worker.close();
    await expect.poll(() => texts.length, SOON).toBe(5);
    expect(texts.map(shortOf)).toEqual([
      "zeek/cluster/manager Cluster::node_up(node-1, node-1-a)",
      "zeek/cluster/nodeid/node-1-a/ Cluster::hello(node-2, node-2-a)",
      "zeek/cluster/nodeid/node-2-a/ Cluster::hello(node-1, node-1-a)",
      "zeek/cluster/manager Cluster::node_up(node-2, node-2-a)",
      "zeek/cluster/manager Cluster::node_down(node-2, node-2-a)",
    ]);
    manager.close();
    socket.close(1000, "");
    // What it did is in the log before the next test looks there.
    await expect.poll(records, SOON).toContain("node down: node-1");
  });
});

describe("the cluster log", () => {
  it("M-14 is warned of an empty pool once in a while, by whoever finds it, and not of one that there is not", async () => {
    const warning = "warning: no node of pool worker is alive, events for it are refused";
    for (let i = 0; i < 3; i++) await membership().poolEmpty("worker");
    await membership().poolEmpty("nothing");
    await membership().poolEmpty("proxy");
    await expect.poll(records, SOON).toContain(warning.replace("worker", "proxy"));
    const warnings = (await records()).filter((message) => message.startsWith("warning"));
    expect(warnings).toEqual([warning, warning.replace("worker", "proxy")]);
  });

  it("M-7 [E21] has a record for each node that comes, goes or is taken over, exactly once", async () => {
    const before = (await records()).length;
    const told = async () => (await records()).slice(before);
    const wanted: string[] = [];
    const expectLog = async (...messages: string[]) => {
      wanted.push(...messages);
      await expect.poll(told, SOON).toEqual(wanted);
    };
    const first = await up(node(3));
    await expectLog("got hello from node-3 (node-3-a)");
    const second = await up(node(3, "b"));
    await expectLog(
      "duplicate node node-3: node-3-b takes over from node-3-a",
      "node down: node-3",
      "got hello from node-3 (node-3-b)",
    );
    first.close();
    second.close();
    await expectLog("node down: node-3");
    await expect
      .poll(async () => (await membership().stat()).reports, SOON)
      .toEqual({ waiting: 0, dropped: 0 });
  });

  it("M-7 reports that were not acknowledged before a crash go out after it, once", async () => {
    const { socket, texts } = await jsonPeer(undefined, ["zeek/cluster/worker"]);
    const before = (await records()).length;
    const { view } = await membership().stat();
    await up(node(4));
    await expect.poll(async () => (await membership().stat()).view, SOON).toBe(view + 1);
    await abortAllDurableObjects();
    expect((await membership().nodes()).map(({ name }) => name)).toEqual(["node-4"]);
    await expect.poll(async () => (await membership().stat()).reports.waiting, SOON).toBe(0);
    const got = (await records()).slice(before);
    expect(got.filter((line) => line === "got hello from node-4 (node-4-a)")).toHaveLength(1);
    socket.close(1000, "");
    expect(texts.length).toBeLessThanOrEqual(2);
    await expect
      .poll(async () => (await membership().stat()).nodes, { timeout: 2 * LIMITS.memberGraceMs })
      .toBe(0);
  });
});

describe("clients of the WebSocket API", () => {
  it("M-8 in a cluster the manager and the log hear of each that comes and goes", async () => {
    const before = (await records()).length;
    const { routers } = deployedLayout((env as ObjectEnv).LAYOUT);
    const cluster = {
      routers: routers.map(({ name, prefix }) => ({ name, prefix })),
      nodes: [{ name: "manager", nodeType: "MANAGER", place: "remote" }],
    };
    const { socket: observer, texts } = await jsonPeer(undefined, ["zeek/cluster/node/manager/"]);
    const { socket, endpoint } = await jsonPeer(undefined, ["b", "a"], cluster);
    socket.close(3_001, "enough");
    await expect.poll(() => texts.length, SOON).toBe(2);
    const events = texts.map((text) => parseDataMessage(text).event);
    expect(events.map(({ name }) => name)).toEqual([
      "Cluster::websocket_client_added",
      "Cluster::websocket_client_lost",
    ]);
    await expect
      .poll(async () => (await records()).slice(before), SOON)
      .toEqual([
        `WebSocket client '${endpoint}' (:0) subscribed to [a, b]`,
        `WebSocket client '${endpoint}' (:0) gone with code 3001 and reason 'enough'`,
      ]);
    observer.close(1000, "");
  });
});
