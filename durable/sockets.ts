/** Hibernating WebSockets of an object: accepted under an id, found again after sleep, closed from both sides. */

/** Close codes that an endpoint may pass to `close`; all others throw. */
function isSendable(code: number): boolean {
  return (
    code === 1000 ||
    (code >= 1001 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
    (code >= 3000 && code <= 4999)
  );
}

/** The sockets of one object by id. The id is the socket's tag, so it survives sleep. */
export class Sockets {
  readonly #ctx: DurableObjectState;
  readonly #byId = new Map<string, WebSocket>();

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    for (const socket of ctx.getWebSockets()) this.#byId.set(this.idOf(socket), socket);
  }

  /** Ids of the sockets that are open. */
  get ids(): ReadonlySet<string> {
    return new Set(this.#byId.keys());
  }

  /** Answers an upgrade request. */
  accept(id: string): Response {
    const pair = new WebSocketPair();
    this.#ctx.acceptWebSocket(pair[1], [id]);
    this.#byId.set(id, pair[1]);
    return new Response(null, { status: 101, webSocket: pair[0] });
  }

  /** The id under which the socket was accepted. */
  idOf(socket: WebSocket): string {
    return this.#ctx.getTags(socket)[0] ?? "";
  }

  /** What was attached to each open socket that has something attached. It outlives sleep. */
  attachments<T>(): ReadonlyMap<string, T> {
    const out = new Map<string, T>();
    for (const [id, socket] of this.#byId) {
      const attached = socket.deserializeAttachment() as T | null;
      if (attached !== null) out.set(id, attached);
    }
    return out;
  }

  /** Attaches a value (16 KB at most), in place of what was attached before. */
  attach(id: string, value: unknown): void {
    this.#byId.get(id)?.serializeAttachment(value);
  }

  /** When the runtime last answered a message of the socket by itself, ms. */
  lastAutoResponseMs(id: string): number | undefined {
    const socket = this.#byId.get(id);
    return socket === undefined ? undefined : this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime();
  }

  /** Sends unless the socket is gone; its close event tells the rest. */
  send(id: string, bytes: Uint8Array): void {
    try {
      this.#byId.get(id)?.send(bytes);
    } catch {
      this.#byId.delete(id);
    }
  }

  /** Closes from our side. */
  close(id: string, code: number, reason: string): void {
    const socket = this.#byId.get(id);
    this.#byId.delete(id);
    this.#end(socket, code, reason);
  }

  /** Answers a close of the other side: the runtime does not complete the handshake by itself. */
  closed(socket: WebSocket, code: number, reason: string): void {
    this.#byId.delete(this.idOf(socket));
    this.#end(socket, code, reason);
  }

  #end(socket: WebSocket | undefined, code: number, reason: string): void {
    try {
      socket?.close(isSendable(code) ? code : 1000, reason);
    } catch {
      // Already closed: there is nothing left to end.
    }
  }
}
