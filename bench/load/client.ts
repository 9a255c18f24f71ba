/** What the generator needs of its clients, whatever they speak. Everything is counted in *units*: see `Dialect`. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { nowUs } from "./clock.ts";
import { FrameRing, type Template } from "./frame-ring.ts";
import type { LoadShape, LoadTarget } from "./plan.ts";

export interface PublishingClient {
  readonly group: number;
  readonly index: number;
  /** Units sent so far. */
  readonly sent: number;
  /** Sends the next `count` units; at most the window may be on their way. */
  send(count: number): void;
  close(): Promise<void>;
}

export interface ReadingClient {
  readonly group: number;
  readonly tally: Tally;
  /** Code and reason of a connection that has ended. */
  readonly closed: string | undefined;
  close(): Promise<void>;
}

/** A connection that gets nothing. */
export interface IdleClient {
  close(): Promise<void>;
}

/** One way to reach a server. Clients are live when their promise resolves. */
export interface Dialect {
  /** Opens the idle connection with this number; absent where no subject asks for it. */
  idle?(target: LoadTarget, number: number): Promise<IdleClient>;
  /** Events in what is sent, received and checked at a time: a frame's, or 1. */
  unitEvents(shape: LoadShape): number;
  publish(
    target: LoadTarget,
    group: number,
    index: number,
    shape: LoadShape,
    window: number,
  ): Promise<PublishingClient>;
  /** `onUnit` is called for each unit that comes, with its age where the shape has a rate. */
  subscribe(
    target: LoadTarget,
    group: number,
    shape: LoadShape,
    onUnit: (ageUs: number) => void,
  ): Promise<ReadingClient>;
}

/** Counts what arrives and checks that each publisher's counters come one after another. */
export class Tally {
  /** Units received by publisher. */
  readonly receivedFrom: number[];
  received = 0;
  disordered = 0;

  constructor(publishers: number) {
    this.receivedFrom = Array.from({ length: publishers }, () => 0);
  }

  take(publisher: number, counter: number): void {
    if (this.receivedFrom[publisher] === counter) {
      this.receivedFrom[publisher] = counter + 1;
      this.received++;
    } else this.disordered++;
  }
}

/**
 * Clients of single events check one in so many, so that the check costs neither of them much. Every event is counted;
 * a repeat or a change of order within the stride shows as a wrong counter at its end.
 */
export const CHECK_STRIDE = 64;

/** Counts events of the only publisher of a group; `counterOf` is asked for each CHECK_STRIDEth. */
export function takeEvent(tally: Tally, counterOf: () => number): void {
  const next = tally.receivedFrom[0]!;
  tally.take(0, next % CHECK_STRIDE === 0 ? counterOf() : next);
}

/** A connection with the socket under it. */
export interface Connection {
  readonly ws: WebSocket;
  readonly socket: Socket;
}

/** Opens a WebSocket without compression. Rejects when the server refuses it. */
export async function openWebSocket(
  target: LoadTarget,
  path: string,
  protocols: string[] = [],
): Promise<Connection> {
  const ws = new WebSocket(target.origin.replace(/^http/, "ws") + path, protocols, {
    perMessageDeflate: false,
    skipUTF8Validation: true,
    handshakeTimeout: 30_000,
  });
  const [[response]] = (await Promise.all([once(ws, "upgrade"), once(ws, "open")])) as [
    [{ socket: Socket }],
    [],
  ];
  ws.on("error", () => {}); // the close that follows carries the code
  return { ws, socket: response.socket };
}

export async function closeWebSocket(ws: WebSocket): Promise<void> {
  if (ws.readyState === WebSocket.CLOSED) return;
  const closed = once(ws, "close");
  ws.close(1000);
  await closed;
}

/** A reader on a WebSocket; `take` is called with each message and books it. */
export class FrameReader implements ReadingClient {
  readonly group: number;
  readonly tally: Tally;
  closed: string | undefined;
  readonly #ws: WebSocket;

  constructor(ws: WebSocket, group: number, publishers: number, take: (m: Buffer, tally: Tally) => void) {
    this.#ws = ws;
    this.group = group;
    this.tally = new Tally(publishers);
    ws.on("message", (message: Buffer) => take(message, this.tally));
    ws.on("close", (code, reason) => (this.closed = `${code} ${reason.toString()}`));
  }

  close(): Promise<void> {
    return closeWebSocket(this.#ws);
  }
}

/** Sends frames by writing them to the connection's socket, as many at once as the window allows. */
export class RingPublisher implements PublishingClient {
  readonly group: number;
  readonly index: number;
  readonly #connection: Connection;
  readonly #ring: FrameRing;

  constructor(connection: Connection, group: number, index: number, template: Template, window: number) {
    this.#connection = connection;
    this.group = group;
    this.index = index;
    this.#ring = new FrameRing(template, window);
  }

  get sent(): number {
    return this.#ring.taken;
  }

  send(count: number): void {
    const { ws, socket } = this.#connection;
    const end = this.#ring.taken + count;
    while (this.#ring.taken < end && ws.readyState === WebSocket.OPEN) {
      socket.write(this.#ring.take(end - this.#ring.taken, nowUs()));
    }
  }

  close(): Promise<void> {
    return closeWebSocket(this.#connection.ws);
  }
}
