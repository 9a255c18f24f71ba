/**
 * A WebSocket client that is only a TCP socket: for upgrades and frames that no library lets one send. Shows each
 * frame of the server as it came. Not for load: it copies.
 */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** Opcodes of RFC 6455 §5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface RawFrame {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface RawResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What one frame looks like on the wire; the defaults are those of a correct client. */
export interface FrameShape {
  readonly fin?: boolean;
  /** The three reserved bits, 0 to 7. */
  readonly rsv?: number;
  readonly opcode: number;
  readonly payload?: Buffer | string;
  readonly masked?: boolean;
  /** Length to claim instead of the payload's own. */
  readonly claimedLength?: number;
}

/** The bytes of one client frame. */
export function encodeClientFrame(shape: FrameShape): Buffer {
  const payload = Buffer.from(shape.payload ?? "");
  const length = shape.claimedLength ?? payload.length;
  const masked = shape.masked ?? true;
  const first = ((shape.fin ?? true) ? 0x80 : 0) | ((shape.rsv ?? 0) << 4) | shape.opcode;
  const maskBit = masked ? 0x80 : 0;
  const head =
    length < 126
      ? Buffer.from([first, maskBit | length])
      : length < 65_536
        ? Buffer.from([first, maskBit | 126, length >> 8, length & 255])
        : Buffer.concat([Buffer.from([first, maskBit | 127]), uint64(length)]);
  if (!masked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3]!)]);
}

function uint64(value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value));
  return out;
}

/** The payload of a close frame. */
export function closePayload(code: number, reason = ""): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
}

/** Code and reason of a close frame; 1005 when it has none. */
export function closeOf(frame: RawFrame): { code: number; reason: string } {
  if (frame.payload.length < 2) return { code: 1005, reason: "" };
  return { code: frame.payload.readUInt16BE(0), reason: frame.payload.subarray(2).toString() };
}

export interface UpgradeRequest {
  readonly method?: string;
  readonly httpVersion?: string;
  /** Replaces or, with undefined, removes a header of a correct upgrade. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** The text of an upgrade request; correct unless told otherwise. */
function upgradeText(url: URL, request: UpgradeRequest = {}): string {
  const headers: Record<string, string | undefined> = {
    Host: url.host,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    "Sec-WebSocket-Version": "13",
    ...request.headers,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  const target = `${url.pathname}${url.search}`;
  return `${request.method ?? "GET"} ${target} HTTP/${request.httpVersion ?? "1.1"}\r\n${lines.join("\r\n")}\r\n\r\n`;
}

export class RawSocket {
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake?.();
    });
    const closed = (): void => {
      this.#isClosed = true;
      this.#wake?.();
    };
    socket.on("error", closed);
    socket.on("close", closed);
  }

  /** Connects and writes the upgrade; `extra` goes out in the same segment, before any answer. */
  static async request(
    url: string,
    request: UpgradeRequest = {},
    extra: Buffer = Buffer.alloc(0),
  ): Promise<RawSocket> {
    const target = new URL(url);
    const socket = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
    const raw = new RawSocket(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    socket.write(Buffer.concat([Buffer.from(upgradeText(target, request), "latin1"), extra]));
    return raw;
  }

  /** A socket that was answered 101. Throws when the answer was another one. */
  static async open(url: string, request: UpgradeRequest = {}): Promise<RawSocket> {
    const raw = await RawSocket.request(url, request);
    const response = await raw.response();
    if (response.status !== 101) throw new Error(`answered ${response.status}, not 101`);
    return raw;
  }

  /** Status line and headers. Throws when the server closed without an answer. */
  async response(): Promise<RawResponse> {
    let end = -1;
    await this.#until(() => (end = this.#buffer.indexOf("\r\n\r\n")) >= 0, "an HTTP answer");
    const [statusLine = "", ...lines] = this.#buffer.subarray(0, end).toString("latin1").split("\r\n");
    this.#buffer = this.#buffer.subarray(end + 4);
    const headers = lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
    return { status: Number(statusLine.split(" ")[1]), headers: new Map(headers) };
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  frame(shape: FrameShape): void {
    this.write(encodeClientFrame(shape));
  }

  text(text: string): void {
    this.frame({ opcode: OPCODE.text, payload: text });
  }

  /** The next frame of the server, control frames included. Throws when the connection ends first. */
  async next(): Promise<RawFrame> {
    let frame: RawFrame | undefined;
    await this.#until(() => (frame = this.#take()) !== undefined, "a frame");
    return frame!;
  }

  /** The next message of the server, put together from its fragments; control frames before it are an error. */
  async nextText(): Promise<string> {
    const first = await this.next();
    if (first.opcode !== OPCODE.text) throw new Error(`opcode ${first.opcode}, not text`);
    const parts = [first.payload];
    for (let frame = first; !frame.fin;) {
      frame = await this.next();
      if (frame.opcode !== OPCODE.continuation) throw new Error(`opcode ${frame.opcode} within a message`);
      parts.push(frame.payload);
    }
    return Buffer.concat(parts).toString();
  }

  /** Resolves when the server has ended the TCP connection. */
  async ended(): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => this.#socket.once("close", () => resolve()));
  }

  /** Stops reading: the server's bytes stay in the kernel, then in the server. */
  pause(): void {
    this.#socket.pause();
  }

  /** Ends the TCP connection without a close frame. */
  destroy(): void {
    this.#socket.destroy();
  }

  async #until(isDone: () => boolean, what: string): Promise<void> {
    while (!isDone()) {
      if (this.#isClosed) throw new Error(`connection ended before ${what}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #take(): RawFrame | undefined {
    const b = this.#buffer;
    if (b.length < 2) return undefined;
    const short = b[1]! & 0x7f;
    const headBytes = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (b.length < headBytes) return undefined;
    const length = short === 126 ? b.readUInt16BE(2) : short === 127 ? Number(b.readBigUInt64BE(2)) : short;
    if (b.length < headBytes + length) return undefined;
    this.#buffer = b.subarray(headBytes + length);
    return {
      fin: (b[0]! & 0x80) !== 0,
      rsv: (b[0]! >> 4) & 7,
      opcode: b[0]! & 15,
      payload: b.subarray(headBytes, headBytes + length),
    };
  }
}
