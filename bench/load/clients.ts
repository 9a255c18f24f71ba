/** The generator's two kinds of client. They do as little per message as the check allows: no JSON, no strings. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { ageUs, counterOf, FrameRing, MESSAGE_BYTES, publisherOf, topicOf } from "./message.ts";
import type { LoadTarget } from "./plan.ts";

/** Opens a client, live when this resolves: acknowledged by the fabric, accepted by the relay. */
async function open(target: LoadTarget, role: "publish" | "subscribe", group: number) {
  const path = target.dialect === "bare" ? `/${role}/${group}` : "/v1/messages/json";
  const ws = new WebSocket(target.origin.replace(/^http/, "ws") + path, {
    perMessageDeflate: false,
    skipUTF8Validation: true,
    handshakeTimeout: 10_000,
  });
  const [[response]] = (await Promise.all([once(ws, "upgrade"), once(ws, "open")])) as [
    [{ socket: Socket }],
    [],
  ];
  if (target.dialect === "json-v1") {
    ws.send(JSON.stringify(role === "subscribe" ? [topicOf(group)] : []));
    const [ack] = (await once(ws, "message")) as [Buffer];
    if (!ack.toString().startsWith('{"type":"ack"'))
      throw new Error(`expected an ack, got ${ack.toString()}`);
  }
  ws.on("error", () => {}); // the close that follows carries the code
  return { ws, socket: response.socket };
}

async function close(ws: WebSocket): Promise<void> {
  if (ws.readyState === WebSocket.CLOSED) return;
  const closed = once(ws, "close");
  ws.close(1000);
  await closed;
}

/** Counts what arrives and checks that each publisher's counters come one after another. */
export class Subscriber {
  readonly group: number;
  /** Events received by publisher. */
  readonly receivedFrom: number[];
  disordered = 0;
  /** Code and reason of a connection that has ended. */
  closed: string | undefined;
  readonly #ws: WebSocket;

  private constructor(ws: WebSocket, group: number, publishers: number) {
    this.#ws = ws;
    this.group = group;
    this.receivedFrom = Array.from({ length: publishers }, () => 0);
  }

  /** Opens one that calls `onEvent` for each event, with the event's age where `isTimed`. */
  static async open(
    target: LoadTarget,
    group: number,
    publishers: number,
    isTimed: boolean,
    onEvent: (ageUs: number) => void,
  ): Promise<Subscriber> {
    const { ws } = await open(target, "subscribe", group);
    const subscriber = new Subscriber(ws, group, publishers);
    ws.on("message", (message: Buffer) => {
      subscriber.#take(message);
      onEvent(isTimed ? ageUs(message) : 0);
    });
    ws.on("close", (code, reason) => (subscriber.closed = `${code} ${reason.toString()}`));
    return subscriber;
  }

  get received(): number {
    return this.receivedFrom.reduce((sum, n) => sum + n, 0);
  }

  close(): Promise<void> {
    return close(this.#ws);
  }

  #take(message: Buffer): void {
    const publisher = message.length === MESSAGE_BYTES ? publisherOf(message) : -1;
    const expected = this.receivedFrom[publisher];
    if (expected !== undefined && counterOf(message) === expected)
      this.receivedFrom[publisher] = expected + 1;
    else this.disordered++;
  }
}

/** Sends frames by writing them to the connection's socket, as many at once as the window allows. */
export class Publisher {
  readonly group: number;
  readonly index: number;
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #ring: FrameRing;

  private constructor(ws: WebSocket, socket: Socket, group: number, index: number, window: number) {
    this.group = group;
    this.index = index;
    this.#ws = ws;
    this.#socket = socket;
    this.#ring = new FrameRing(group, index, window);
  }

  static async open(target: LoadTarget, group: number, index: number, window: number): Promise<Publisher> {
    const { ws, socket } = await open(target, "publish", group);
    return new Publisher(ws, socket, group, index, window);
  }

  get sent(): number {
    return this.#ring.taken;
  }

  /** Sends the next `count` events; at most `window` may be on their way. */
  send(count: number): void {
    const end = this.#ring.taken + count;
    while (this.#ring.taken < end && this.#ws.readyState === WebSocket.OPEN) {
      this.#socket.write(this.#ring.take(end - this.#ring.taken));
    }
  }

  close(): Promise<void> {
    return close(this.#ws);
  }
}
