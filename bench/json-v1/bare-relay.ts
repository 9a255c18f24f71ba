/**
 * The yardstick: the least that one Durable Object can do to relay a text frame. A client's WebSocket goes straight to
 * one object (hibernation API, no Worker code per frame); the object parses nothing and sends each frame of a
 * publisher to every subscriber of the same topic. Role and topic stand in the path: /publish/T and /subscribe/T.
 */
import { DurableObject } from "cloudflare:workers";

interface Env {
  readonly RELAY: DurableObjectNamespace<BareRelay>;
}

export class BareRelay extends DurableObject<Env> {
  /** Receivers of each publisher. A cache only: the tags of the sockets are the truth, also after hibernation. */
  readonly #receivers = new Map<WebSocket, WebSocket[]>();

  override fetch(request: Request): Response {
    const [, role, topic] = new URL(request.url).pathname.split("/");
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [`${role}/${topic}`, topic ?? ""]);
    this.#receivers.clear();
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(from: WebSocket, message: string | ArrayBuffer): void {
    let receivers = this.#receivers.get(from);
    if (receivers === undefined) {
      receivers = this.ctx
        .getWebSockets(`subscribe/${this.ctx.getTags(from)[1]}`)
        .filter((to) => to !== from);
      this.#receivers.set(from, receivers);
    }
    for (const to of receivers) to.send(message);
  }

  override webSocketClose(from: WebSocket, code: number, reason: string): void {
    this.#receivers.clear();
    from.close(code === 1005 || code === 1006 ? 1000 : code, reason);
  }
}

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    return env.RELAY.getByName("relay").fetch(request);
  },
};
