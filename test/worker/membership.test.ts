/** Membership in workerd: trunks over real upgrades, heartbeats that the runtime answers, sleep and crash. */
import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Membership } from "../../durable/membership.ts";
import { MembershipTables } from "../../durable/membership-tables.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { Liveness } from "../../src/membership/membership-state.ts";
import { BEAT, greeting, join, node, WATCH } from "../support/membership-trunk.ts";
import { Trunk } from "../support/router-trunk.ts";

/** A view comes within its interval. */
const SOON = { timeout: 5 * LIMITS.viewMs, interval: 20 };
let names = 0;
/** A new stub of the newest Membership: the old one is of no use after an abort. */
const again = (): DurableObjectStub<Membership> => env.MEMBERSHIP.getByName(`membership-${names}`);
const fresh = (): DurableObjectStub<Membership> => env.MEMBERSHIP.getByName(`membership-${++names}`);

async function joined(n: number, liveness: Liveness = "heartbeat", connection = 1): Promise<Trunk> {
  const trunk = await Trunk.open(again(), greeting(n, connection), join(node(n), liveness));
  await trunk.take("welcome");
  await trunk.take("joined");
  return trunk;
}

async function watcher(n = 99): Promise<Trunk> {
  const trunk = await Trunk.open(again(), greeting(n), WATCH);
  await trunk.take("welcome");
  return trunk;
}

const stored = () =>
  runInDurableObject(again(), (_: Membership, ctx) => new MembershipTables(ctx.storage, () => "").load());

describe("Membership", () => {
  it("tells who is there, and who comes and goes", async () => {
    const stub = fresh();
    await joined(1);
    const reader = await watcher();
    expect(await reader.take("view")).toMatchObject({ base: undefined, up: [node(1)] });
    const second = await joined(2);
    expect(await reader.take("view")).toMatchObject({ base: 1, up: [node(2)], down: [] });
    second.close();
    expect(await reader.take("view")).toMatchObject({ base: 2, up: [], down: [{ nodeId: "node-2-a" }] });
    expect(await stub.nodes()).toEqual([node(1)]);
    expect(await stub.stat()).toMatchObject({ view: 3, nodes: 1, watchers: 1, trunks: 2 });
  });

  it("a node that only beats stays up; one that does not is down", async () => {
    const stub = fresh();
    const idle = await joined(1);
    const silent = await joined(2);
    const beating = setInterval(() => idle.sendText(BEAT), LIMITS.heartbeatMs);
    try {
      expect(await silent.closed).toEqual({ code: 1001, reason: "silent" });
      expect(await stub.nodes()).toEqual([node(1)]);
    } finally {
      clearInterval(beating);
    }
  }, 30_000);

  it("refuses text that is no heartbeat, and requests that are no upgrade", async () => {
    fresh();
    const trunk = await joined(1);
    trunk.sendText("hello");
    expect((await trunk.closed).code).toBe(1007);
    expect((await again().fetch("https://fabric/trunk")).status).toBe(426);
  });
});

describe("sleep and crash", () => {
  it("a sleep with sockets kept is not noticed", async () => {
    fresh();
    // Where nodes beat, a timer keeps the object awake.
    const one = await joined(1, "close");
    const reader = await watcher();
    await reader.take("view");
    await expect.poll(async () => (await stored()).members, SOON).toEqual([node(1)]);
    await evictDurableObject(again());
    expect(await again().nodes()).toEqual([node(1)]);
    await joined(2, "close");
    expect(await reader.take("view")).toMatchObject({ base: 1, up: [node(2)], down: [] });
    one.close();
    expect(await reader.take("view")).toMatchObject({ base: 2, down: [{ name: "node-1" }] });
  });

  it("after a crash nodes that come back were never down, and the others are after the grace period", async () => {
    fresh();
    const one = await joined(1);
    await joined(2);
    await expect.poll(async () => (await stored()).view, SOON).toBe(2);
    await abortAllDurableObjects();
    await one.closed;
    const reader = await watcher();
    const before = await reader.take("view");
    expect(before.up.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([node(1), node(2)]);
    const back = await joined(1, "heartbeat", 2);
    const beating = setInterval(() => back.sendText(BEAT), LIMITS.heartbeatMs);
    const next = await reader.take("view");
    clearInterval(beating);
    expect(next).toMatchObject({ base: before.id.number, up: [], down: [{ name: "node-2" }] });
  }, 30_000);
});
