/** Remote logging over the real runtime: where records go by layout and topic. R2 is counted by its files. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Fabric } from "../../src/cli/fabric.ts";
import { count } from "../../src/data/value.ts";
import { parseObjectKey } from "../../src/logs/object-key.ts";
import { joinCluster } from "../../src/node/join-cluster.ts";
import type { Client } from "../../src/sdk/client.ts";
import { connect } from "../../src/sdk/connect.ts";
import { toJs } from "../../src/sdk/values.ts";
import { startInProcess } from "../support/fabric.ts";
import { JsonClient } from "../support/json-v1-client.ts";
import { linesOf, readR2Objects } from "../support/r2-files.ts";

const node = (name: string, nodeType: string, place = "remote") => ({ name, nodeType, place });
const MANAGER = node("manager", "MANAGER", "edge");
const WORKERS = ["worker-1", "worker-2", "worker-3"].map((name) => node(name, "WORKER"));

/** A fabric with this layout, and what R2 has of a stream: the numbers `n` by logger. */
function fabricOf(layout: unknown) {
  const state = mkdtempSync(join(tmpdir(), "selvedge-logs-"));
  let fabric: Fabric;
  beforeAll(async () => {
    fabric = await startInProcess({ layout, stateDir: state });
  });
  afterAll(async () => {
    await fabric.close();
    rmSync(state, { recursive: true, force: true });
  });
  return {
    url: () => fabric.url,
    client: async () => connect(fabric.url),
    stored: async (stream: string): Promise<Record<string, number[]>> => {
      const flush = await fetch(`${fabric.url}/v1/logs/flush`, { method: "POST" });
      expect(flush.status).toBe(200);
      const numbers: Record<string, number[]> = {};
      for (const file of await readR2Objects(state, "selvedge-logs")) {
        const parts = parseObjectKey(file.key);
        if (parts?.stream !== stream) continue;
        const found = linesOf(file).map((line) => (JSON.parse(line) as { n: number }).n);
        (numbers[parts.logger] ??= []).push(...found);
      }
      return numbers;
    },
  };
}

const range = (from: number, to: number, step = 1) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);

/** Writes records n = from … to and waits until they are stored. */
async function write(client: Client, stream: string, from: number, to: number): Promise<void> {
  for (const n of range(from, to)) client.logs.write(stream, { n: count(n) });
  await client.logs.flush();
}

describe("two loggers and a manager", () => {
  const { client, stored, url } = fabricOf({
    nodes: [MANAGER, ...WORKERS],
    loggers: [{ name: "logger-1" }, { name: "logger-10" }],
  });

  it("[A11] [A30] 100 records alternate: odd ones at the first, even ones at the second", async () => {
    await using worker = await client();
    await write(worker, "Alternate::LOG", 1, 100);
    expect(await stored("alternate")).toEqual({
      "logger-1": range(1, 100, 2),
      "logger-10": range(2, 100, 2),
    });
  });

  it("[A11] also when each record is sent by itself", async () => {
    await using worker = await client();
    for (const n of range(1, 20)) await write(worker, "single", n, n);
    expect(await stored("single")).toEqual({
      "logger-1": range(1, 20, 2),
      "logger-10": range(2, 20, 2),
    });
  });

  it("[D3] [D13] logs of three workers are one stream; [D4] [D8] the manager has none of them", async () => {
    const workers = await Promise.all(WORKERS.map(async () => client()));
    await Promise.all(workers.map(async (worker, i) => write(worker, "merged", i * 1000, i * 1000 + 499)));
    await Promise.all(workers.map(async (worker) => worker.close()));
    const found = await stored("merged");
    expect(Object.keys(found)).toEqual(["logger-1", "logger-10"]);
    expect(
      Object.values(found)
        .flat()
        .toSorted((a, b) => a - b),
    ).toEqual([0, 1000, 2000].flatMap((from) => range(from, from + 499)));
  });

  it("[A45] off: nothing is sent; on again: records arrive", async () => {
    await using worker = await client();
    const stream = worker.logs.stream("toggled", { remote: false });
    stream.write({ n: count(1) });
    await stream.flush();
    expect(await stored("toggled")).toEqual({});
    stream.isRemote = true;
    stream.write({ n: count(2) });
    await stream.flush();
    expect(Object.values(await stored("toggled"))).toEqual([[2]]);
  });

  it("[A12] a disabled logger gets nothing of what follows; enabled again, the rotation resumes", async () => {
    const set = async (enabled: boolean) =>
      fetch(`${url()}/v1/cluster/loggers/logger-10`, { method: "PUT", body: JSON.stringify({ enabled }) });
    await set(false);
    await using worker = await client();
    await write(worker, "failover", 1, 10);
    await set(true);
    await using later = await client();
    await write(later, "failover", 11, 20);
    expect(await stored("failover")).toEqual({
      "logger-1": [...range(1, 10), ...range(11, 20, 2)],
      "logger-10": range(12, 20, 2),
    });
  });

  it("L-2 [A47] a topic of one's own is where subscribers get the records, and no logger stores them", async () => {
    await using worker = await client();
    await using reader = await client();
    const events = reader.subscribe("site/logs/");
    await events.ready;
    worker.logs.logTopic = (stream, path) => `site/logs/${stream}/${path}`;
    await write(worker, "Conn::LOG", 7, 7);
    const [create, record] = [await events.next(), await events.next()].map(({ value }) => value!);
    expect([create!.topic, create!.name, create!.args.map(toJs)]).toEqual([
      "site/logs/Conn::LOG/conn",
      "Broker::log_create",
      ["Conn::LOG", "conn", ["n"]],
    ]);
    expect([record!.name, record!.args.map(toJs)]).toEqual([
      "Broker::log_write",
      ["Conn::LOG", "conn", [7n]],
    ]);
    expect(await stored("conn")).toEqual({});
  });
});

describe("a logger that is a program, beside one at the edge", () => {
  const { client, stored, url } = fabricOf({
    nodes: [MANAGER, node("logger-2", "LOGGER")],
    loggers: [{ name: "logger-1" }],
  });

  it("[A30] has its turns while it is up: its records are events at its node topic", async () => {
    await using worker = await client();
    await write(worker, "remote", 1, 3);
    await using reader = await client();
    const topic = "zeek/cluster/node/logger-2/";
    const events = reader.subscribe(topic);
    await events.ready;
    await using _logger = await joinCluster(url(), { name: "logger-2", scripts: [] });
    // The worker hears of it a moment later: records that it writes before go to the other logger.
    let next = 4;
    const got = events.next();
    const isHere = got.then(() => true);
    while (!(await Promise.race([isHere, write(worker, "remote", next, next++)]))) continue;
    const from = next;
    await write(worker, "remote", from, from + 9);
    const atEdge = (await stored("remote"))["logger-1"]!;
    expect(atEdge.slice(0, 3)).toEqual([1, 2, 3]);
    const everySecond = (first: number) => range(first, first + 8, 2);
    expect([everySecond(from), everySecond(from + 1)]).toContainEqual(atEdge.slice(-5));
    const others = range(1, from + 9).filter((n) => !atEdge.includes(n));
    const remote: number[] = [];
    for (let event = got; remote.length < others.length;) {
      const { topic: under, name, args } = (await event).value!;
      expect(under).toBe(topic);
      if (name === "Broker::log_write") remote.push(Number((toJs(args[2]!) as readonly bigint[])[0]));
      if (remote.length < others.length) event = events.next();
    }
    expect(remote).toEqual(others);
  });
});

describe("a manager alone", () => {
  const { client, stored } = fabricOf({ nodes: [MANAGER, ...WORKERS] });

  it("[A10] has the log records", async () => {
    await using worker = await client();
    await write(worker, "sole", 1, 10);
    expect(await stored("sole")).toEqual({ manager: range(1, 10) });
  });
});

describe("without round-robin logging", () => {
  const { client, stored, url } = fabricOf({
    nodes: [MANAGER],
    loggers: [{ name: "logger-1" }, { name: "logger-2" }],
    roundRobinLogging: false,
  });

  it("[E7] [A31] [A46] [B6] records have the default topic: who has the log prefix gets them, R2 has each once", async () => {
    const reader = await JsonClient.subscribed(url(), ["zeek/logs/"]);
    await using worker = await client();
    await write(worker, "Conn::LOG", 1, 3);
    const messages = [];
    for (let i = 0; i < 4; i++) messages.push(await reader.next());
    expect(messages.map((text) => (JSON.parse(text) as { topic: string }).topic)).toEqual(
      Array.from({ length: 4 }, () => "zeek/logs/Conn::LOG"),
    );
    expect(Object.values(await stored("conn")).flat()).toEqual([1, 2, 3]);
    await reader.close();
  });
});
