/** Endpoints over real sockets and between processes; the examples; fabrics and plain clients as peers. */
import { once } from "node:events";
import { request } from "node:http";
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from "node:net";
import { join as joinPath } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { WebSocket as RawWebSocket } from "ws";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import { SUBPROTOCOL } from "../../src/protocol/handshake.ts";
import {
  addr,
  connect,
  count,
  enumValue,
  int,
  interval,
  port,
  real,
  subnet,
  time,
  toJs,
  toValue,
  type Argument,
  type Gap,
} from "../../src/sdk/index.ts";
import { startNode } from "../support/cli.ts";
import { Endpoints, Inbox, join, next, place } from "../support/endpoints.ts";
import { startInProcess, tempDir } from "../support/fabric.ts";

/** One of every type. */
const EVERYTHING: readonly Argument[] = [
  null,
  true,
  count(2n ** 64n - 1n),
  int(-(2n ** 63n)),
  real(0.1),
  "é€😀",
  Uint8Array.of(0xff, 0),
  addr("10.0.0.1"),
  subnet("2001:db8::/32"),
  port(53, "udp"),
  time(1_700_000_000_123),
  interval("1.5s"),
  enumValue("Notice::LOG"),
  new Set(["b", "a"]),
  new Map([["k", ["v", count(1)]]]),
];

const LOOPBACK = "ws://127.0.0.1:0";
const unixPlace = () => `ws+unix://${joinPath(tempDir("selvedge-endpoint"), "socket")}`;

describe.each([
  ["ws", () => LOOPBACK],
  ["ws+unix", unixPlace],
  ["inproc", place],
])("[C2] over %s", (_scheme, freshPlace) => {
  test("events of every type go both ways, in order", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make(), all.make()];
    await join(dialler, listener, freshPlace());
    await Promise.all([listener.subscribe("t/"), dialler.subscribe("t/")]);
    for (const [from, to] of [
      [listener, dialler],
      [dialler, listener],
    ] as const) {
      const inbox = new Inbox(to, "ev", "n");
      from.publish("t/x", "ev", ...EVERYTHING);
      for (let n = 1; n <= 5_000; n++) from.publish(`t/${n % 7}`, "n", count(n));
      const [everything, ...numbers] = await inbox.until(5_001);
      expect(everything!.args).toEqual(EVERYTHING.map(toValue));
      expect(numbers.map(({ args: [n] }) => n)).toEqual(
        Array.from({ length: 5_000 }, (_, n) => count(n + 1)),
      );
    }
  });

  test("a peer that leaves is lost, and may come back", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make(), all.make()];
    const url = await join(dialler, listener, freshPlace());
    const lost = next(listener, "peer_lost");
    dialler.unpeer(url);
    expect((await lost).peer.id).toBe(dialler.nodeId());
    const back = next(listener, "peer_added");
    await all.dial(dialler, url);
    expect((await back).peer.id).toBe(dialler.nodeId());
  });
});

describe("places of sockets", () => {
  test("a port that is taken is in_use", async () => {
    await using all = new Endpoints();
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const url = `ws://127.0.0.1:${(other.address() as AddressInfo).port}`;
    await expect(all.make().listen(url)).rejects.toMatchObject({ code: "in_use" });
    other.close();
  });

  test("wss takes a certificate", async () => {
    await using all = new Endpoints();
    await expect(all.make().listen("wss://127.0.0.1:0")).rejects.toMatchObject({ code: "invalid_data" });
  });

  test("who is no native client is sent away", async () => {
    await using all = new Endpoints();
    const bound = await all.make().listen(LOOPBACK);
    const plain = request(bound.replace("ws", "http")).end();
    const [{ statusCode }] = (await once(plain, "response")) as [{ statusCode: number }];
    expect(statusCode).toBe(426);
    for (const [path, protocols] of [
      ["/v1/connect", ["other"]],
      ["/elsewhere", [SUBPROTOCOL]],
    ] as const) {
      const [error] = (await once(new RawWebSocket(bound + path, [...protocols]), "error")) as [Error];
      expect(error.message).toContain("400");
    }
  });

  test("what is no frame of a peer ends its connection, and no other", async () => {
    await using all = new Endpoints();
    const [listener, dialler] = [all.make(), all.make()];
    const bound = await join(dialler, listener, LOOPBACK);
    for (const message of ["text", Buffer.from([0xff]), Buffer.from([0x82, 0x07, 0x07])]) {
      const socket = new RawWebSocket(`${bound}/v1/connect`, SUBPROTOCOL);
      await once(socket, "open");
      socket.send(message);
      const [code] = (await once(socket, "close")) as [number];
      expect([1007, 1008]).toContain(code);
    }
    expect(listener.peers()).toHaveLength(1);
  });
});

const example = (name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  startNode(joinPath(PACKAGE_ROOT, "examples/endpoint", `${name}.ts`), args, { env });

/** The address that a listener of the examples prints. */
async function boundOf(listener: ReturnType<typeof example>): Promise<string> {
  await listener.until("listening on");
  return /listening on (\S+)/.exec(listener.stdout())![1]!;
}

describe("two processes", () => {
  test("[A32][A34][A35][A36] listen returns the bound address, and the other process connects to it", async () => {
    const listener = example("connecting-listener", [LOOPBACK]);
    const connector = example("connecting-connector", [await boundOf(listener)]);
    expect(await connector.done()).toEqual({ status: 0, stdout: "peer added listener\n", stderr: "" });
    const { status, stdout, stderr } = await listener.done();
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      /^listening on ws:\/\/127\.0\.0\.1:\d+\npeer added connector\npeer lost connector\n$/,
    );
  });

  test("[A33] a connector that is first connects after its retry interval", async () => {
    const url = unixPlace();
    const connector = example("connecting-connector", [url], { RETRY_MS: "50" });
    await connector.until("not yet: peer_unavailable");
    const listener = example("connecting-listener", [url]);
    expect((await connector.done()).stdout).toMatch(/^(not yet: peer_unavailable\n)+peer added listener\n$/);
    expect((await listener.done()).stdout).toContain("peer lost connector\n");
  });

  test("[A43] the example of events", async () => {
    const listener = example("events-listener", [LOOPBACK]);
    const connector = example("events-connector", [await boundOf(listener)]);
    expect((await listener.done()).stdout.split("\n").slice(1)).toEqual([
      "peer added connector",
      "got my_event hi 0n",
      "got my_auto_event stuff 88n",
      "got my_event ... 1n",
      "got my_auto_event more stuff 51n",
      "got my_event bye 2n",
      "",
    ]);
    // What it publishes its own handlers do not see; what it raises they do.
    expect(await connector.done()).toEqual({
      status: 0,
      stdout: [
        "peer added listener",
        "got my_auto_event stuff 88n",
        "got my_auto_event more stuff 51n",
        "peer lost listener",
        "",
      ].join("\n"),
      stderr: "",
    });
  });

  test("[A48][A49] the example of logs", async () => {
    const listener = example("logs-listener", [LOOPBACK]);
    const connector = example("logs-connector", [await boundOf(listener)]);
    const got = (await listener.done()).stdout.split("\n").slice(1, -1);
    expect(got).toEqual(
      [0, 1, 2, 3, 4, 5].map((num) => `got log test zeek/logs/Test::LOG {"msg":"ping","num":${num}}`),
    );
    const wrote = (await connector.done()).stdout.split("\n").filter((line) => line.startsWith("wrote log"));
    expect(wrote).toHaveLength(6);
  });

  test("a listener that is killed is lost, and peered with again in its next life", async () => {
    await using all = new Endpoints();
    const url = unixPlace();
    const dialler = all.make();
    const [first, added] = [example("connecting-listener", [url]), next(dialler, "peer_added")];
    await first.until("listening on");
    dialler.peer(url, { retryMs: 50 });
    const { id } = (await added).peer;
    const lost = next(dialler, "peer_lost");
    first.signal("SIGKILL");
    expect((await lost).peer.id).toBe(id);
    const again = next(dialler, "peer_added");
    const second = example("connecting-listener", [url]);
    expect((await again).peer.id).not.toBe(id);
    dialler.unpeer(url);
    expect((await second.done()).status).toBe(0);
  });
});

/** A place in front of another one, whose connections can be cut. */
async function relayTo(url: string): Promise<{ url: string; cut(): void; close(): void }> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((near) => {
    const far = connectTcp(Number(new URL(url).port), "127.0.0.1");
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const socket of pair) socket.on("error", () => {}).on("close", () => cutPair(pair));
    near.pipe(far).pipe(near);
  }).listen(0, "127.0.0.1");
  const cutPair = (pair: readonly [Socket, Socket]) => {
    pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  };
  const cut = () => pairs.forEach(cutPair);
  await once(server, "listening");
  const close = () => {
    server.close();
    cut();
  };
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, cut, close };
}

test("a cut connection under load: what the dialler had sent arrives once, what the listener had is told as a gap", async () => {
  await using all = new Endpoints();
  const [listener, dialler] = [all.make(), all.make()];
  const [atListener, atDialler] = [new Inbox(listener, "ev", "end"), new Inbox(dialler, "ev", "end")];
  await Promise.all([listener.subscribe("up/"), dialler.subscribe("down/")]);
  const relay = await relayTo(await listener.listen(LOOPBACK));
  await all.dial(dialler, relay.url, { retryMs: 20 });
  const gap = next(dialler, "gap");
  const lost = next(dialler, "peer_lost");
  const back = next(dialler, "peer_added");
  // Some of it is acknowledged when the connection is cut, some is on its way, some not sent.
  for (let n = 1; n <= 50_000; n++) dialler.publish("up/x", "ev", count(n), "padding ".repeat(10));
  await atListener.until(1);
  listener.publish("down/x", "ev", count(1));
  await new Promise(setImmediate);
  relay.cut();
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
    client.publish("in/x", "ev", EVERYTHING);
    expect((await inbox.until(1))[0]).toMatchObject({ topic: "in/x", args: EVERYTHING.map(toValue) });
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
    const relay = await relayTo(await endpoint.listen(LOOPBACK));
    await using client = await connect(relay.url);
    const total = 30_000;
    for (let n = 1; n <= total; n++) client.publish("t/x", "ev", [count(n), "padding ".repeat(10)]);
    await inbox.until(1);
    relay.cut();
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
