/** The session's end of a trunk to a router in workerd. */
import { LIMITS } from "../../src/base/limits.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { Frame, FrameOf, FrameType } from "../../src/protocol/frame.ts";

/** The session's end of a trunk, as far as a test needs it. */
export class Trunk {
  readonly #socket: WebSocket;
  readonly #frames: Frame[] = [];
  readonly #waiting: ((frame: Frame) => void)[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      // The answer to a heartbeat is a text.
      if (typeof data === "string") return;
      const frame = decodeFrame(new Uint8Array(data as ArrayBuffer));
      if (frame.type === "deliver") this.#consumed(frame);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#frames.push(frame);
      else waiting(frame);
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
      socket.addEventListener("error", () => resolve({ code: 1006, reason: "" }));
    });
  }

  static async open(
    stub: { fetch(url: string, init: RequestInit): Promise<Response> },
    ...frames: Frame[]
  ): Promise<Trunk> {
    const response = await stub.fetch("https://fabric/trunk", { headers: { Upgrade: "websocket" } });
    if (response.webSocket === null) throw new Error(`upgrade answered ${response.status}`);
    const trunk = new Trunk(response.webSocket);
    trunk.send(...frames);
    return trunk;
  }

  /** What came counts as consumed: a router stays awake for a reader that says nothing. */
  #consumed({ router, incarnation, frames }: FrameOf<"deliver">): void {
    const position = { router, incarnation, seq: frames.at(-1)!.seq };
    this.send({ type: "credit", position, window: LIMITS.readerWindowBytes });
  }

  /** What arrived and was not taken. */
  get unread(): readonly Frame[] {
    return this.#frames;
  }

  send(...frames: Frame[]): void {
    for (const frame of frames) this.#socket.send(encodeFrame(frame));
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.close(1000, "done");
  }

  async next(): Promise<Frame> {
    return this.#frames.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The next frame, which must be of this type. */
  async take<T extends FrameType>(type: T): Promise<FrameOf<T>> {
    const frame = await this.next();
    if (frame.type !== type) throw new Error(`${frame.type} came, not ${type}`);
    return frame as FrameOf<T>;
  }
}
