/** A fabric with a key: who gets in, how, and what they may do there. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { connect } from "../../src/sdk/index.ts";
import { runCli, startCli } from "../support/cli.ts";
import { startInProcess, startServe, type ServeProcess } from "../support/fabric.ts";
import { TEST_KEY, signToken } from "../support/tokens.ts";

let fabric: ServeProcess;
beforeAll(async () => {
  fabric = await startServe({ env: { SELVEDGE_KEY: TEST_KEY } });
});
afterAll(async () => {
  await fabric.dispose();
});

/** Status of a WebSocket upgrade: 101, or that of the refusal. */
async function upgradeStatus(
  url: string,
  headers: Record<string, string> = {},
  protocols: string[] = [],
): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols, { headers });
    socket.on("open", () => {
      socket.terminate();
      resolve(101);
    });
    socket.on("unexpected-response", (_, response) => {
      resolve(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on("error", reject);
  });
}

describe("without a valid token", () => {
  test("every WebSocket path is refused 401 before the upgrade", async () => {
    for (const path of ["/v1/messages/json", "/v1/connect", "/v0/messages/json"]) {
      expect(await upgradeStatus(fabric.wsUrl + path)).toBe(401);
      expect(await upgradeStatus(fabric.wsUrl + path, { Authorization: "Bearer rubbish" })).toBe(401);
    }
  });

  test("every route but health and the static files is refused, with code, message and challenge", async () => {
    for (const [method, path] of [
      ["GET", "/v1/logs"],
      ["GET", "/v1/logs/stat"],
      ["GET", "/v1/logs/conn/records"],
      ["POST", "/v1/logs/flush"],
      ["POST", "/v1/publish"],
    ] as const) {
      const response = await fetch(fabric.url + path, { method });
      expect(response.status).toBe(401);
      expect(response.headers.get("WWW-Authenticate")).toContain("Bearer");
      expect(await response.json()).toMatchObject({ error: { code: "no_token" } });
    }
    expect((await fetch(`${fabric.url}/healthz`)).status).toBe(200);
  });

  test("the SDK is told why, and does not try again", async () => {
    await expect(connect(fabric.url)).rejects.toMatchObject({ code: "no_token" });
    const token = await signToken({ admin: true, exp: 1_000_000_000 });
    await expect(connect(fabric.url, { token })).rejects.toMatchObject({ code: "token_expired" });
  });

  test("so is the command line: status 1 and the code", async () => {
    const { status, stderr } = await runCli(["sub", "zeek/", "--url", fabric.url, "--token", "a.b.c"]);
    expect(status).toBe(1);
    expect(stderr).toContain("(token_invalid)");
  });
});

describe("with a token", () => {
  test("plain clients of Zeek's API send it as Bearer, or as the password in a URL", async () => {
    const token = await signToken({ subscribe: [""], publish: [""] });
    const basic = `Basic ${Buffer.from(`zeek:${token}`).toString("base64")}`;
    for (const Authorization of [`Bearer ${token}`, basic]) {
      expect(await upgradeStatus(`${fabric.wsUrl}/v1/messages/json`, { Authorization })).toBe(101);
    }
  });

  test("browsers offer it beside the subprotocol, which alone is answered", async () => {
    const token = await signToken({ subscribe: [""] });
    const socket = new WebSocket(`${fabric.wsUrl}/v1/connect`, [
      "selvedge.v1.cbor",
      `selvedge.token.${token}`,
    ]);
    await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
    expect(socket.protocol).toBe("selvedge.v1.cbor");
    socket.terminate();
  });

  test("prefixes are granted: the rest is forbidden", async () => {
    const token = await signToken({ publish: ["zeek/sensor/"], subscribe: ["zeek/control/"] });
    const client = await connect(fabric.url, { token });
    await client.subscribe("zeek/control/x", () => {});
    for (const prefix of ["zeek/", "", "zeek/sensor/"]) {
      await expect(client.subscribe(prefix, () => {})).rejects.toMatchObject({ code: "forbidden" });
    }
    client.publish("zeek/sensor/1", "Fine");
    await client.flush();
    client.publish("zeek/other", "Not::fine");
    await expect(client.flush()).rejects.toMatchObject({ code: "forbidden" });
  });

  test("log streams are granted; a flush of all is the operator's", async () => {
    const headers = { Authorization: `Bearer ${await signToken({ logs: ["conn"] })}` };
    const status = async (method: string, path: string) =>
      (await fetch(fabric.url + path, { method, headers })).status;
    expect(await status("GET", "/v1/logs")).toBe(200);
    expect(await status("GET", "/v1/logs/conn/records")).toBe(404);
    expect(await status("GET", "/v1/logs/dns/records")).toBe(403);
    expect(await status("POST", "/v1/logs/flush?stream=conn")).toBe(200);
    expect(await status("POST", "/v1/logs/flush")).toBe(403);
  });

  test("metrics are the operator's", async () => {
    const ask = async (claims: Parameters<typeof signToken>[0]) =>
      fetch(`${fabric.url}/metrics`, { headers: { Authorization: `Bearer ${await signToken(claims)}` } });
    expect((await fetch(`${fabric.url}/metrics`)).status).toBe(401);
    expect((await ask({ logs: ["*"], subscribe: [""] })).status).toBe(403);
    const text = await (await ask({ admin: true })).text();
    expect(text).toMatch(/^selvedge_info\{version="[0-9.]+"\} 1$/m);
    expect(text).toMatch(/^selvedge_router_frames\{router="main"\} \d+$/m);
    expect(text).toMatch(/^selvedge_logger_enabled\{logger="logger-2"\} 1$/m);
  });

  test("init and create make what serve takes, offline", async () => {
    const key = (await runCli(["token", "init"])).stdout.trim();
    const other = await startServe({ env: { SELVEDGE_KEY: key } });
    try {
      const args = ["--name", "sensor-1", "--publish", "", "--subscribe", "", "--expires", "1h"];
      const token = (
        await runCli(["token", "create", ...args], { env: { SELVEDGE_KEY: key } })
      ).stdout.trim();
      const env = { SELVEDGE_URL: other.url, SELVEDGE_TOKEN: token };
      const sub = startCli(["sub", "a", "--count", "1"], { env });
      await sub.until("subscribed");
      expect((await runCli(["pub", "a", "E"], { env })).status).toBe(0);
      expect((await sub.done()).stdout).toBe("a E()\n");
      await expect(connect(fabric.url, { token })).rejects.toMatchObject({ code: "token_invalid" });
    } finally {
      await other.dispose();
    }
  });
});

test("a deployment without a key refuses everybody, 503, also with a token", async () => {
  const locked = await startInProcess({ open: false });
  try {
    const token = await signToken({ admin: true });
    const response = await fetch(`${locked.url}/v1/logs`, { headers: { Authorization: `Bearer ${token}` } });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: "no_key" } });
    const ws = locked.url.replace("http", "ws");
    for (const path of ["/v1/messages/json", "/v1/connect"]) expect(await upgradeStatus(ws + path)).toBe(503);
    await expect(connect(locked.url, { token })).rejects.toMatchObject({ code: "no_key" });
  } finally {
    await locked.close();
  }
});

test("an open fabric does not let pages of other sites in, nor other names for this machine", async () => {
  const open = await startServe();
  try {
    const native = `${open.wsUrl}/v1/connect`;
    const page = (origin: string) => upgradeStatus(native, { Origin: origin }, ["selvedge.v1.cbor"]);
    expect(await page("https://evil.example")).toBe(403);
    expect(await page(open.url)).toBe(101);
    const rebound = { Host: `rebound.example:${open.port}` };
    expect(await upgradeStatus(`${open.wsUrl}/v1/messages/json`, rebound)).toBe(403);
  } finally {
    await open.dispose();
  }
});
