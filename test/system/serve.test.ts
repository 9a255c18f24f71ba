/** `selvedge serve` as users start, end and kill it. */
import { readdirSync, readFileSync } from "node:fs";
import { on } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { string } from "../../src/data/value.ts";
import { liveRuntimePids } from "../../src/cli/processes.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import { SUBPROTOCOL } from "../../src/protocol/handshake.ts";
import { connect } from "../../src/sdk/index.ts";
import { runCli } from "../support/cli.ts";
import { JsonClient, endpointUrl } from "../support/json-v1-client.ts";
import { hello } from "../support/router-rig.ts";
import { startServe, type ServeOptions, type ServeProcess } from "../support/fabric.ts";

const started: ServeProcess[] = [];
const serve = async (options: ServeOptions = {}) => {
  const process = await startServe(options);
  started.push(process);
  return process;
};

/** The frames that a socket receives, in order. */
async function* frameTypes(socket: WebSocket): AsyncGenerator<string> {
  for await (const [event] of on(socket, "message")) {
    yield decodeFrame(new Uint8Array((event as { data: ArrayBuffer }).data)).type;
  }
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((process) => process.dispose()));
});

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test("prints the ready line when it answers, on a line of its own, and says that it is open", async () => {
  const fabric = await serve();
  expect(fabric.output().split("\n")).toContain(`ready ${fabric.url}`);
  expect(fabric.output()).toContain("open to everybody on this machine");
  const health = await fetch(`${fabric.url}/healthz`);
  expect(health.status).toBe(200);
  expect(await health.json()).toMatchObject({ status: "ok" });
});

test("serves the static files, and answers an unknown route 404 as JSON", async () => {
  const fabric = await serve();
  const page = await fetch(`${fabric.url}/`);
  expect(page.headers.get("Content-Type")).toContain("text/html");
  const unknown = await fetch(`${fabric.url}/v1/nothing`);
  expect(unknown.status).toBe(404);
  expect(await unknown.json()).toMatchObject({ error: { code: "not_found" } });
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends serve with 0 and leaves no child",
  async (signal) => {
    const fabric = await serve();
    expect(fabric.runtimePids.length).toBeGreaterThan(0);
    expect(await fabric.stop(signal)).toBe(0);
    expect(liveRuntimePids(fabric.runtimePids)).toEqual([]);
    expect(groupOf(fabric.pid)).toEqual([]);
  },
);

test("a signal to the whole group, as Ctrl-C in a terminal sends it, ends serve with 0 and leaves no child", async () => {
  const fabric = await serve();
  process.kill(-fabric.pid, "SIGINT");
  while (isAlive(fabric.pid)) await sleep(10);
  expect(await fabric.stop()).toBe(0);
  expect(liveRuntimePids(fabric.runtimePids)).toEqual([]);
  expect(groupOf(fabric.pid)).toEqual([]);
});

test("R15 H-10 a server that is stopped tells its peers: JSON v1 by 1001, a native one by goaway", async () => {
  const fabric = await serve();
  const json = await JsonClient.subscribed(fabric.url, []);
  const native = new WebSocket(endpointUrl(fabric.url, "/v1/connect"), SUBPROTOCOL);
  native.binaryType = "arraybuffer";
  native.addEventListener("open", () => native.send(encodeFrame(hello(7))));
  const frames = frameTypes(native);
  expect((await frames.next()).value).toBe("welcome");
  expect(await fabric.stop("SIGTERM")).toBe(0);
  expect(await json.closed).toEqual({ code: 1001, reason: "shutting_down" });
  expect((await frames.next()).value).toBe("goaway");
});

test("a taken port is an error that names it, status 1", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const { status, stderr } = await runCli([
    "serve",
    "--port",
    String(port),
    "--state",
    "/tmp/selvedge-never-made",
  ]);
  server.close();
  expect(status).toBe(1);
  expect(stderr).toContain(`port ${port} of 127.0.0.1 is taken`);
});

test("a second serve on the same folder is an error that names the first, status 1", async () => {
  const first = await serve();
  const { status, stderr } = await runCli(["serve", "--port", "0", "--state", first.state]);
  expect(status).toBe(1);
  expect(stderr).toContain(`in use by the serve with pid ${first.pid} at ${first.url}`);
  expect((await fetch(`${first.url}/healthz`)).status).toBe(200);
});

test("SIGKILL of serve alone takes workerd with it; the port and the folder can be used at once", async () => {
  const first = await serve();
  await first.killServeOnly();
  const second = await serve({ state: first.state, port: first.port });
  expect(second.url).toBe(first.url);
  expect(liveRuntimePids(first.runtimePids)).toEqual([]);
});

test("state survives SIGKILL; --fresh drops it", async () => {
  const first = await serve();
  const seen: string[] = [];
  const client = await connect(first.url);
  await client.subscribe("zeek/", (event) => seen.push(event.name));
  const databases = () =>
    readdirSync(`${first.state}/resources/do/selvedge-TopicRouter`).filter((f) => /^[0-9a-f]{64}/.test(f));
  expect(databases().length).toBeGreaterThan(0);
  const before = databases();
  await first.kill();
  const second = await serve({ state: first.state, port: first.port });
  expect(databases()).toEqual(expect.arrayContaining(before.filter((f) => f.endsWith(".sqlite"))));
  // The client comes back by itself, with its subscription.
  const publisher = await connect(second.url);
  while (client.status !== "open") await sleep(10);
  await client.subscribe("other/", () => {});
  publisher.publish("zeek/x", "Came::back", [string("yes")]);
  await publisher.flush();
  while (seen.length === 0) await sleep(10);
  expect(seen).toEqual(["Came::back"]);
  await publisher.close();
  client.abort();
  await second.stop();
  const third = await serve({ state: first.state, fresh: true });
  expect(liveRuntimePids(second.runtimePids)).toEqual([]);
  expect(readFileSync(`${third.state}/serve.json`, "utf8")).toContain(third.url);
  expect(databases().filter((f) => f.endsWith(".sqlite"))).toEqual([]);
});

test("workerd alone killed comes back under the same URL", async () => {
  const fabric = await serve();
  for (const pid of fabric.runtimePids) process.kill(pid, "SIGKILL");
  const answers = async () => {
    try {
      return (await fetch(`${fabric.url}/healthz`)).ok;
    } catch {
      return false;
    }
  };
  while (liveRuntimePids(fabric.runtimePids).length > 0 || !(await answers())) await sleep(10);
  expect(await fabric.stop("SIGINT")).toBe(0);
});

test("a layout from a file holds; one that contradicts itself is refused before anything starts", async () => {
  const layout = { routers: [{ name: "main", prefix: "" }], loggers: [{ name: "only", enabled: false }] };
  const fabric = await serve({ layout });
  const client = await connect(fabric.url);
  expect(client.welcome.loggers).toEqual([{ name: "only", enabled: false }]);
  await client.close();
  await expect(serve({ layout: { routers: [{ name: "a", prefix: "zeek/" }] } })).rejects.toThrow(
    /invalid_layout/,
  );
});

test("another address than loopback needs a key", async () => {
  const { status, stderr } = await runCli([
    "serve",
    "--host",
    "0.0.0.0",
    "--port",
    "0",
    "--state",
    "/tmp/selvedge-never-made",
  ]);
  expect(status).toBe(1);
  expect(stderr).toContain("0.0.0.0 can be reached by others: set SELVEDGE_KEY");
});

/** Processes of a group that still run. */
function groupOf(group: number): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return state !== "Z" && Number(pgrp) === group;
      } catch {
        return false;
      }
    })
    .map(Number);
}
