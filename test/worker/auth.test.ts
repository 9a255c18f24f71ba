/** Access inside workerd: what the bundle that is deployed does without a key and with one. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import worker from "../../src/index.ts";
import type { FabricEnv } from "../../src/worker/env.ts";
import { TEST_KEY, signToken, unsignedToken } from "../support/tokens.ts";

const ROUTES = [
  ["GET", "/v1/logs"],
  ["POST", "/v1/publish"],
  ["GET", "/v1/anything"],
] as const;
const UPGRADES = ["/v1/messages/json", "/v1/connect", "/anything"];
const upgradeHeaders = {
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": "13",
};

async function ask(path: string, init: RequestInit, key: string | undefined): Promise<Response> {
  const ctx = createExecutionContext();
  const keyed = (key === undefined ? env : { ...env, SELVEDGE_KEY: key }) as FabricEnv;
  const response = await worker.fetch(new Request(`https://fabric.example${path}`, init), keyed, ctx);
  if (response.status !== 101) await waitOnExecutionContext(ctx);
  return response;
}

test("without a key the deployed Worker refuses every route and every upgrade", async () => {
  for (const [method, path] of ROUTES) {
    const response = await exports.default.fetch(`https://fabric.example${path}`, { method });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: "no_key" } });
  }
  for (const path of UPGRADES) {
    const response = await exports.default.fetch(`https://fabric.example${path}`, {
      headers: upgradeHeaders,
    });
    expect(response.status).toBe(503);
    expect(response.webSocket).toBeNull();
  }
});

test("a wrong, an expired or an unsigned token is 401 everywhere", async () => {
  const tokens = {
    token_invalid: await signToken({ admin: true }, "other-key-other-key-other-key-other-key"),
    token_expired: await signToken({ admin: true, exp: 1_000_000_000 }),
  };
  for (const [code, token] of [
    ...Object.entries(tokens),
    ["token_invalid", unsignedToken({ admin: true })] as const,
  ]) {
    const Authorization = `Bearer ${token}`;
    const routes = ROUTES.map(([method, path]) =>
      ask(path, { method, headers: { Authorization } }, TEST_KEY),
    );
    const upgrades = UPGRADES.map((path) =>
      ask(path, { headers: { ...upgradeHeaders, Authorization } }, TEST_KEY),
    );
    for (const response of await Promise.all([...routes, ...upgrades])) {
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error: { code } });
    }
  }
});

test("a valid token opens a session", async () => {
  const token = await signToken({ publish: ["zeek/"], subscribe: ["zeek/"] });
  const headers = { ...upgradeHeaders, Authorization: `Bearer ${token}` };
  const response = await ask("/v1/messages/json", { headers }, TEST_KEY);
  expect(response.status).toBe(101);
  response.webSocket!.accept();
  response.webSocket!.close(1000);
});
