/**
 * A native publisher at full speed: frames of 50 events, encoded once, as fast as the fabric acknowledges them and the
 * slowest of some readers takes them.
 */
import { randomBytes } from "node:crypto";
import WebSocket from "ws";
import { LIMITS } from "../../src/base/limits.ts";
import { count, string } from "../../src/data/value.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import { ENCODING, type Frame, type Segment } from "../../src/protocol/frame.ts";
import { PROTOCOL_VERSIONS, SUBPROTOCOL } from "../../src/protocol/handshake.ts";
import { fromBytes, parseTopic } from "../../src/protocol/topic.ts";
import { encodeEvents } from "../../src/protocol/transcode.ts";

const EVENTS_PER_FRAME = 50;
const PADDING = "x".repeat(2_000);
/** How far it runs ahead of the slowest reader, events: less than a reader's window holds, so nothing has to wait. */
const AHEAD_EVENTS = 400;

export class FullLoad {
  /** Events sent so far, and payload bytes. */
  events = 0;
  bytes = 0;
  readonly #segment: Segment;
  readonly #slowest: () => number;
  #socket: WebSocket | undefined;
  #sent = 0;
  #acknowledged = 0;
  #isOn = false;
  #isPumpDue = false;
  #settled = (): void => {};

  /** @param slowest Events that the slowest reader has; by default none is waited for. */
  constructor(topic: string, slowest = (): number => Infinity) {
    this.#slowest = slowest;
    const args = [count(1), string(PADDING)];
    const events = Array.from({ length: EVENTS_PER_FRAME }, () => ({
      name: "Load::full",
      args,
      metadata: [],
    }));
    const encoding = ENCODING.cbor;
    this.#segment = {
      topic: parseTopic(topic),
      encoding,
      count: EVENTS_PER_FRAME,
      payload: encodeEvents(events),
    };
  }

  /** Frames that are not acknowledged. */
  get unacknowledged(): number {
    return this.#sent - this.#acknowledged;
  }

  /** Connects; resolves when the fabric has said welcome. */
  async connect(wsUrl: string): Promise<void> {
    const socket = new WebSocket(`${wsUrl}/v1/connect`, [SUBPROTOCOL], { perMessageDeflate: false });
    this.#socket = socket;
    const instance = fromBytes(randomBytes(16));
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("the connection ended")));
      socket.on("open", () => {
        this.#send({ type: "hello", versions: PROTOCOL_VERSIONS, instance, connection: 1, options: {} });
      });
      socket.on("message", (data: Buffer) => {
        const frame = decodeFrame(new Uint8Array(data));
        if (frame.type === "welcome") resolve();
        if (frame.type === "published") this.#published(frame.seq);
      });
    });
  }

  start(): void {
    this.#isOn = true;
    this.#pump();
  }

  /** Ends the load; resolves when all of it is acknowledged. */
  async stop(): Promise<void> {
    this.#isOn = false;
    while (this.unacknowledged > 0) await new Promise<void>((resolve) => (this.#settled = resolve));
  }

  close(): void {
    this.#isOn = false;
    this.#socket?.terminate();
  }

  #published(seq: number): void {
    this.#acknowledged = seq;
    if (this.unacknowledged === 0) this.#settled();
    this.#pump();
  }

  /** As many frames as a publisher should leave unacknowledged (N-6). */
  #pump(): void {
    this.#isPumpDue = false;
    while (this.#isOn && this.unacknowledged < LIMITS.publishWindowFrames) {
      if (this.events - this.#slowest() > AHEAD_EVENTS) return this.#pumpLater();
      this.#send({ type: "publish", seq: ++this.#sent, repeat: false, segments: [this.#segment] });
      this.events += EVENTS_PER_FRAME;
      this.bytes += this.#segment.payload.length;
    }
  }

  #pumpLater(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    setImmediate(() => this.#pump());
  }

  #send(frame: Frame): void {
    this.#socket?.send(encodeFrame(frame));
  }
}
