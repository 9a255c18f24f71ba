/** What endpoints peer with beside each other: plain clients and fabrics; and what a cut connection does. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { connect, count, toJs, toValue, type Gap } from "../../src/sdk/index.ts";
import { Random } from "../sim/kit/random.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { Endpoints, Inbox, next } from "../support/endpoints.ts";
import { startInProcess } from "../support/fabric.ts";

const LOOPBACK = "ws://127.0.0.1:0";

test("a cut connection under load: what the dialler had sent arrives once, what the listener had is told as a gap", async () => {
  await using all = new Endpoints();
  const [listener, dialler] = [all.make(), all.make()];
  const [atListener, atDialler] = [new Inbox(listener, "ev", "end"), new Inbox(dialler, "ev", "end")];
  await Promise.all([listener.subscribe("up/"), dialler.subscribe("down/")]);
  const relay = await CuttingProxy.start(await listener.listen(LOOPBACK), new Random(1));
  await all.dial(dialler, relay.url, { retryMs: 20 });
  const gap = next(dialler, "gap");
  const lost = next(dialler, "peer_lost");
  const back = next(dialler, "peer_added");
  // Some of it is acknowledged when the connection is cut, some is on its way, some not sent.
  for (let n = 1; n <= 50_000; n++) dialler.publish("up/x", "ev", count(n), "padding ".repeat(10));
  await atListener.until(1);
  listener.publish("down/x", "ev", count(1));
  await new Promise(setImmediate);
  relay.cutOne();
  await lost;
  listener.publish("down/x", "ev", count(2));
  await back;
  dialler.publish("up/x", "end");
  listener.publish("down/x", "end");
  await Promise.all([atListener.until(50_001), atDialler.until(1)]);
  while (atDialler.events.at(-1)!.name !== "end") await sleep(5);
  expect(atListener.events.slice(0, -1).map(({ args: [n] }) => n)).toEqual(
    Array.from({ length: 50_000 }, (_, n) => count(n + 1)),
  );
  expect((await gap).gap).toMatchObject({ extent: "exact", reason: "away" });
  expect(atDialler.firsts).not.toContain(2n);
  relay.close();
});

describe("plain clients of an endpoint", () => {
  test("[A3] the SDK publishes to its handlers, gets what it publishes, and is answered", async () => {
    await using all = new Endpoints();
    const endpoint = all.make();
    const bound = await endpoint.listen(LOOPBACK);
    await using client = await connect(bound);
    const inbox = new Inbox(endpoint, "ev");
    await endpoint.subscribe("in/");
    client.publish("in/x", "ev", [count(1), "text"]);
    expect((await inbox.until(1))[0]).toMatchObject({ topic: "in/x", args: [count(1), toValue("text")] });
    const stream = client.subscribe("out/");
    await stream.ready;
    endpoint.publish("out/x", "ev", count(1));
    expect((await stream.next()).value).toMatchObject({ topic: "out/x", name: "ev", args: [count(1)] });
  });

  test("what one sends again after a cut is handled once", async () => {
    await using all = new Endpoints();
    const endpoint = all.make();
    const inbox = new Inbox(endpoint, "ev", "end");
    await endpoint.subscribe("t/");
    const relay = await CuttingProxy.start(await endpoint.listen(LOOPBACK), new Random(1));
    await using client = await connect(relay.url);
    const total = 30_000;
    for (let n = 1; n <= total; n++) client.publish("t/x", "ev", [count(n), "padding ".repeat(10)]);
    await inbox.until(1);
    relay.cutOne();
    client.publish("t/x", "end");
    while (inbox.events.at(-1)!.name !== "end") await inbox.until(inbox.events.length + 1);
    expect(inbox.events.slice(0, -1).map(({ args: [n] }) => n)).toEqual(
      Array.from({ length: total }, (_, n) => count(n + 1)),
    );
    await client.close();
    relay.close();
  });

  test("one is not sent its own events back by an endpoint that forwards", async () => {
    await using all = new Endpoints();
    const hub = all.make({ forwardMessages: true });
    const bound = await hub.listen(LOOPBACK);
    await using one = await connect(bound);
    await using two = await connect(bound);
    const got: Record<string, unknown[]> = { one: [], two: [] };
    await one.subscribe("t/", ({ args: [arg] }) => got["one"]!.push(toJs(arg!)));
    await two.subscribe("t/", ({ args: [arg] }) => got["two"]!.push(toJs(arg!)));
    one.publish("t/x", "ev", ["from one"]);
    await one.flush();
    two.publish("t/x", "ev", ["from two"]);
    while (got["one"]!.length === 0) await sleep(1);
    await two.flush();
    expect(got).toEqual({ one: ["from two"], two: ["from one"] });
  });

  test("[C11] a reader that stops is told what it missed, and the others lose nothing", async () => {
    await using all = new Endpoints();
    const hub = all.make();
    const bound = await hub.listen(LOOPBACK);
    await using slow = await connect(bound, { windowBytes: 10_000, queueBytes: 10_000 });
    const gaps: Gap[] = [];
    slow.on("gap", (gap) => gaps.push(gap));
    const stopped = slow.subscribe("t/");
    await stopped.ready;
    const healthy = all.make();
    const inbox = new Inbox(healthy, "ev");
    await healthy.subscribe("t/");
    await all.dial(healthy, bound);
    const total = 20_000;
    for (let n = 1; n <= total; n++) {
      hub.publish("t/x", "ev", count(n));
      if (n % 500 === 0) await hub.flush().then(() => new Promise(setImmediate));
    }
    const events = await inbox.until(total);
    expect(events.map(({ args: [n] }) => n)).toEqual(Array.from({ length: total }, (_, n) => count(n + 1)));
    let seen = 0;
    const counted = () => seen + gaps.reduce((sum, { events: missed }) => sum + missed!, 0);
    while (counted() < total && (await stopped.next()).done !== true) seen++;
    expect(gaps.every(({ reason, extent }) => reason === "overflow" && extent === "exact")).toBe(true);
    expect(counted()).toBe(total);
    expect(seen).toBeLessThan(total);
  });
});

describe("fabrics as peers", () => {
  test("an endpoint exchanges events with a fabric: chosen topics, each way", async () => {
    await using all = new Endpoints();
    const fabric = await startInProcess();
    try {
      await using client = await connect(fabric.url);
      const endpoint = all.make();
      const inbox = new Inbox(endpoint, "ev");
      await endpoint.subscribe("down/");
      await all.dial(endpoint, fabric.url, { send: ["up/"] });
      const stream = client.subscribe("");
      await stream.ready;
      endpoint.publish("other/x", "ev", "kept");
      endpoint.publish("up/x", "ev", "sent");
      expect((await stream.next()).value).toMatchObject({ topic: "up/x", args: [toValue("sent")] });
      client.publish("other/x", "ev", ["not asked for"]);
      client.publish("down/x", "ev", ["asked for"]);
      await inbox.until(1);
      expect(inbox.firsts).toEqual(["asked for"]);
    } finally {
      await fabric.close();
    }
  });

  test("two endpoints meet over a fabric", async () => {
    await using all = new Endpoints();
    const fabric = await startInProcess();
    try {
      const [a, b] = [all.make(), all.make()];
      const inbox = new Inbox(b, "ev");
      await b.subscribe("t/");
      await Promise.all([all.dial(a, fabric.url), all.dial(b, fabric.url)]);
      a.publish("t/x", "ev", count(1));
      expect(await inbox.until(1)).toMatchObject([{ topic: "t/x", origin: a.nodeId() }]);
    } finally {
      await fabric.close();
    }
  });
});
