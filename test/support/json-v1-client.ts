/**
 * A client of /v1/messages/json for tests: every message of the server in order, and nothing hidden. Waiting has a
 * guard, so that a missing message fails with its name and not with the runner's time-out.
 */
import { WebSocket, type ClientOptions, type RawData } from "ws";

const GUARD_MS = 20_000;
const PATH = "/v1/messages/json";

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** The ws:// address of an endpoint of a fabric. */
export function endpointUrl(fabricUrl: string, path: string = PATH): string {
  return new URL(path, fabricUrl).href.replace(/^http/, "ws");
}

export class JsonClient {
  /** Resolves when the connection has ended, however it did. */
  readonly closed: Promise<Closed>;
  readonly #socket: WebSocket;
  readonly #inbox: string[] = [];
  readonly #waiting: { resolve: (text: string) => void; reject: (error: Error) => void }[] = [];
  #end: Closed | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: RawData, isBinary) => {
      if (isBinary) throw new Error("the server sent a binary frame");
      this.#arrived((data as Buffer).toString());
    });
    socket.on("error", () => undefined); // the close event follows and says what is known
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        this.#end = { code, reason: reason.toString() };
        for (const { reject } of this.#waiting.splice(0)) reject(endError(this.#end));
        resolve(this.#end);
      });
    });
  }

  /** Connects; resolves on the 101. */
  static async open(
    fabricUrl: string,
    options: ClientOptions & { readonly path?: string } = {},
  ): Promise<JsonClient> {
    const { path = PATH, ...rest } = options;
    const socket = new WebSocket(endpointUrl(fabricUrl, path), { perMessageDeflate: false, ...rest });
    const client = new JsonClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    return client;
  }

  /** Connects, subscribes and waits for the acknowledgement. */
  static async subscribed(
    fabricUrl: string,
    prefixes: readonly string[],
    options: ClientOptions = {},
  ): Promise<JsonClient> {
    const client = await JsonClient.open(fabricUrl, options);
    client.send(JSON.stringify(prefixes));
    await client.ack();
    return client;
  }

  send(data: string | Buffer, options: { binary?: boolean; fin?: boolean } = {}): void {
    this.#socket.send(data, options);
  }

  /** Resolves when the bytes have left this process. */
  async flushed(text: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.send(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** The next message. Rejects when the connection ends first. */
  async next(what = "a message"): Promise<string> {
    const text = this.#inbox.shift();
    if (text !== undefined) return text;
    if (this.#end !== undefined) throw endError(this.#end);
    let timer: NodeJS.Timeout | undefined;
    const arrival = new Promise<string>((resolve, reject) => {
      const waiting = { resolve, reject };
      this.#waiting.push(waiting);
      timer = setTimeout(() => {
        // What comes later is for who asks later.
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(new Error(`${what} did not come in ${GUARD_MS} ms`));
      }, GUARD_MS);
    });
    return arrival.finally(() => clearTimeout(timer));
  }

  /** The next `n` messages. */
  async take(n: number): Promise<string[]> {
    const out: string[] = [];
    while (out.length < n) out.push(await this.next(`message ${out.length + 1} of ${n}`));
    return out;
  }

  /** The next message, which must be an acknowledgement. */
  async ack(): Promise<{ endpoint: string; version: string }> {
    const text = await this.next("the ack");
    const frame = JSON.parse(text) as { type: string; endpoint: string; version: string };
    if (frame.type !== "ack") throw new Error(`not an ack: ${text}`);
    return frame;
  }

  /** Messages that came and were not read. */
  get unread(): readonly string[] {
    return this.#inbox;
  }

  ping(payload: string): Promise<string> {
    const pong = new Promise<string>((resolve) =>
      this.#socket.once("pong", (data) => resolve(data.toString())),
    );
    this.#socket.ping(payload);
    return pong;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Starts the closing handshake; resolves with what the server answered. */
  async close(code?: number, reason?: string): Promise<Closed> {
    this.#socket.close(code, reason);
    return this.closed;
  }

  /** Ends the TCP connection at once. */
  terminate(): void {
    this.#socket.terminate();
  }

  #arrived(text: string): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#inbox.push(text);
    else waiting.resolve(text);
  }
}

function endError({ code, reason }: Closed): Error {
  return new Error(`connection ended with ${code} "${reason}"`);
}
