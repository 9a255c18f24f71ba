/** A native reader of one prefix in frames: it knows its positions, and can be cut off and come back. */
import { randomBytes } from "node:crypto";
import WebSocket from "ws";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { Frame, FrameOf, Gap, Position } from "../../src/protocol/frame.ts";
import { SUBPROTOCOL } from "../../src/protocol/handshake.ts";
import { fromBytes, parsePrefix } from "../../src/protocol/topic.ts";
import { decodeSegment } from "../../src/protocol/transcode.ts";
import type { FabricEvent } from "../../src/protocol/event.ts";

const WINDOW = 1 << 20;

export class ResumingReader {
  readonly events: FabricEvent[] = [];
  readonly gaps: Gap[] = [];
  readonly recovered: FrameOf<"recovered">[] = [];
  readonly #prefix: string;
  readonly #instance = fromBytes(randomBytes(16));
  readonly #positions = new Map<string, Position>();
  #connection = 0;
  #socket: WebSocket | undefined;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Connects under `wsUrl`; resolves when the subscription is confirmed, rejects when the connection ends before. */
  async connect(wsUrl: string): Promise<void> {
    const socket = new WebSocket(`${wsUrl}/v1/connect`, [SUBPROTOCOL], { perMessageDeflate: false });
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("the connection ended")));
      socket.on("open", () => this.#greet(socket));
      socket.on("message", (data: Buffer) => {
        // What is on its way when the reader is cut off does not arrive.
        if (this.#socket !== socket) return;
        const frame = decodeFrame(new Uint8Array(data));
        this.#take(frame);
        if (frame.type === "subscribed") resolve();
      });
    });
  }

  #greet(socket: WebSocket): void {
    const options = { resume: true, window: WINDOW };
    const connection = ++this.#connection;
    const hello: Frame = { type: "hello", versions: [1, 1], instance: this.#instance, connection, options };
    const positions = [...this.#positions.values()];
    const prefixes = [parsePrefix(this.#prefix)];
    socket.send(encodeFrame(hello));
    socket.send(encodeFrame({ type: "subscribe", id: 1, prefixes, positions, options: {} }));
  }

  /** Cuts the connection, without a word. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.terminate();
  }

  #take(frame: Frame): void {
    switch (frame.type) {
      case "subscribed":
        this.gaps.push(...frame.gaps);
        for (const position of frame.positions) this.#positions.set(position.router, position);
        return;
      case "gap":
        this.gaps.push(frame.gap);
        this.#positions.set(frame.gap.to.router, frame.gap.to);
        return;
      case "recovered":
        this.recovered.push(frame);
        this.#positions.set(frame.position.router, frame.position);
        return;
      case "deliver": {
        const { router, incarnation, frames } = frame;
        const position = { router, incarnation, seq: frames.at(-1)!.seq };
        this.#positions.set(router, position);
        for (const { segments } of frames) this.events.push(...segments.flatMap(decodeSegment));
        this.#socket?.send(encodeFrame({ type: "credit", position, window: WINDOW }));
        return;
      }
      default:
    }
  }
}
