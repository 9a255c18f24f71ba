/**
 * The yardstick of native events: the least that Worker-held sessions over one Durable Object can do. A client's
 * WebSocket ends in the Worker, which has a WebSocket of its own to the object for it and passes every frame on,
 * unread, both ways. The object is the bare relay of json-v1.
 */
import { BareRelay } from "../json-v1/bare-relay.ts";

export { BareRelay };

interface Env {
  readonly RELAY: DurableObjectNamespace<BareRelay>;
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const response = await env.RELAY.getByName("relay").fetch(request);
    const upstream = response.webSocket;
    if (upstream === null) return response;
    const { 0: client, 1: peer } = new WebSocketPair();
    for (const socket of [upstream, peer]) {
      socket.binaryType = "arraybuffer";
      socket.accept();
    }
    ctx.waitUntil(Promise.all([pass(peer, upstream), pass(upstream, peer)]));
    return new Response(null, { status: 101, webSocket: client });
  },
};

/** Passes on what comes; resolves when `from` is closed. */
function pass(from: WebSocket, to: WebSocket): Promise<void> {
  from.addEventListener("message", (event) => to.send(event.data as ArrayBuffer));
  return new Promise((resolve) =>
    from.addEventListener("close", () => {
      if (to.readyState === WebSocket.OPEN) to.close(1000);
      resolve();
    }),
  );
}
