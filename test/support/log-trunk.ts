/** A trunk to a LogWriter of its own, for tests in workerd: frames in, answers out in order. */
import { env } from "cloudflare:workers";
import type { LogWriter } from "../../durable/log-writer.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { Frame, LogBatchFrame } from "../../src/protocol/frame.ts";
import { batchOf, writerId } from "./log-batch.ts";

let names = 0;

/** A logger name that no other test of the file uses. */
export function freshLogger(): string {
  return `t-${++names}`;
}

export class LogTrunk {
  readonly logger: string;
  /** Set when the other side has closed. */
  closed: { readonly code: number; readonly reason: string } | undefined;
  #socket!: WebSocket;
  readonly #frames: Frame[] = [];
  readonly #waiting: ((frame: Frame) => void)[] = [];
  #onClose: () => void = () => undefined;

  private constructor(logger: string) {
    this.logger = logger;
  }

  /** Opens a trunk and says hello. */
  static async open(
    logger = freshLogger(),
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<LogTrunk> {
    const trunk = await LogTrunk.connect(logger);
    trunk.send({ type: "hello", versions: [1, 1], instance: writerId(99), connection: 1, options });
    const welcome = await trunk.next();
    if (welcome.type !== "welcome") throw new Error(`hello was answered with ${welcome.type}`);
    return trunk;
  }

  /** Opens a trunk that has said nothing. */
  static async connect(logger = freshLogger()): Promise<LogTrunk> {
    const trunk = new LogTrunk(logger);
    const response = await trunk.stub.fetch("https://fabric/trunk", { headers: { Upgrade: "websocket" } });
    const socket = response.webSocket;
    if (socket === null) throw new Error(`upgrade was answered with ${response.status}`);
    socket.binaryType = "arraybuffer";
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      const frame = decodeFrame(new Uint8Array(data as ArrayBuffer));
      const waiting = trunk.#waiting.shift();
      if (waiting === undefined) trunk.#frames.push(frame);
      else waiting(frame);
    });
    socket.addEventListener("close", ({ code, reason }) => {
      trunk.closed = { code, reason };
      trunk.#onClose();
    });
    trunk.#socket = socket;
    return trunk;
  }

  /** A stub of its own each time: one that saw an abort stays broken. */
  get stub(): DurableObjectStub<LogWriter> {
    return env.LOGGER.getByName(this.logger);
  }

  send(frame: Frame): void {
    this.#socket.send(encodeFrame(frame));
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  async next(): Promise<Frame> {
    const frame = this.#frames.shift();
    return frame ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends frames at once and collects as many answers. */
  async ask(...frames: Frame[]): Promise<Frame[]> {
    for (const frame of frames) this.send(frame);
    return Promise.all(frames.map(async () => this.next()));
  }

  async whenClosed(): Promise<{ readonly code: number; readonly reason: string }> {
    if (this.closed === undefined) await new Promise<void>((resolve) => (this.#onClose = resolve));
    return this.closed!;
  }

  batch(number: number, text: string, fields: Partial<LogBatchFrame> = {}): LogBatchFrame {
    return batchOf(text, { logger: this.logger, number, ...fields });
  }
}
