/** Endpoints over real sockets and between processes, and their examples. */
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { join as joinPath } from "node:path";
import { describe, expect, test } from "vitest";
import { WebSocket as RawWebSocket } from "ws";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import { SUBPROTOCOL } from "../../src/protocol/handshake.ts";
import {
  addr,
  count,
  enumValue,
  int,
  interval,
  port,
  real,
  subnet,
  time,
  toValue,
  type Argument,
} from "../../src/sdk/index.ts";
import { startNode } from "../support/cli.ts";
import { Endpoints, Inbox, join, next, place } from "../support/endpoints.ts";
import { tempDir } from "../support/fabric.ts";

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

/** Certificates are made with it. */
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
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

  test.skipIf(!hasOpenssl)("over wss the dialler checks the certificate", async () => {
    await using all = new Endpoints();
    const folder = tempDir("selvedge-endpoint");
    const [cert, key] = ["cert.pem", "key.pem"].map((file) => joinPath(folder, file)) as [string, string];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", ["req", ...kind, "-keyout", key, "-out", cert, ...subject], { stdio: "ignore" });
    const listener = all.make({ name: "listener" });
    const tls = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
    const bound = await listener.listen("wss://localhost:0", { tls });
    const stranger = example("connecting-connector", [bound], { RETRY_MS: "20" });
    await stranger.until("not yet: peer_unavailable");
    stranger.signal("SIGTERM");
    const friend = example("connecting-connector", [bound], { NODE_EXTRA_CA_CERTS: cert });
    expect((await friend.done()).stdout).toBe("peer added listener\n");
    expect((await stranger.done()).stdout).not.toContain("peer added");
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
