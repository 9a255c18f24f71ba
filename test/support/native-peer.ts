/** Peers through the Worker in workerd: a native one as `Trunk` speaks it, and a JSON v1 one. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import worker from "../../src/index.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import { SUBPROTOCOL } from "../../src/protocol/handshake.ts";
import type { FabricEnv } from "../../src/worker/env.ts";
import { Trunk } from "./router-trunk.ts";
import { TEST_KEY } from "./tokens.ts";

async function upgrade(path: string, headers: Record<string, string>, vars: object): Promise<Response> {
  const request = new Request(`http://127.0.0.1${path}`, { headers: { Upgrade: "websocket", ...headers } });
  return worker.fetch(request, { ...env, ...vars } as FabricEnv, createExecutionContext());
}

const access = (token: string | undefined) =>
  token === undefined
    ? { vars: { SELVEDGE_OPEN: "loopback" }, headers: {} }
    : { vars: { SELVEDGE_KEY: TEST_KEY }, headers: { Authorization: `Bearer ${token}` } };

/** A native peer that has sent these frames; without a token the fabric is open. */
export async function nativePeer(token: string | undefined, ...frames: Frame[]): Promise<Trunk> {
  const { vars, headers } = access(token);
  const target = {
    fetch: () => upgrade("/v1/connect", { "Sec-WebSocket-Protocol": SUBPROTOCOL, ...headers }, vars),
  };
  return Trunk.open(target, ...frames);
}

/** A JSON v1 client whose subscriptions are acknowledged, and the endpoint of its ack. */
export async function jsonPeer(
  token: string | undefined,
  prefixes: readonly string[],
  layout?: unknown,
): Promise<{ socket: WebSocket; endpoint: string; texts: string[] }> {
  const { vars, headers } = access(token);
  const { webSocket: socket } = await upgrade("/v1/messages/json", headers, {
    ...vars,
    ...(layout === undefined ? {} : { LAYOUT: JSON.stringify(layout) }),
  });
  if (socket === null) throw new Error("no WebSocket");
  const texts: string[] = [];
  const first = Promise.withResolvers<string>();
  socket.addEventListener("message", ({ data }) => {
    texts.push(String(data));
    first.resolve(String(data));
  });
  socket.accept();
  socket.send(JSON.stringify(prefixes));
  const { endpoint } = JSON.parse(await first.promise) as { endpoint: string };
  texts.shift();
  return { socket, endpoint, texts };
}
