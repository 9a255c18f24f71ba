/**
 * A native reader of one prefix in frames. It knows its positions, sees holes that nobody told it of, and does what
 * readers do to a fabric: is cut off and comes back, stops reading, or reads and grants no credit.
 */
import { randomBytes } from "node:crypto";
import WebSocket from "ws";
import { LIMITS } from "../../src/base/limits.ts";
import type { FabricEvent } from "../../src/protocol/event.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { Frame, FrameOf, Gap, Options, Position } from "../../src/protocol/frame.ts";
import { PROTOCOL_VERSIONS, SUBPROTOCOL } from "../../src/protocol/handshake.ts";
import type { Overflow } from "../../src/protocol/overflow.ts";
import { ReaderCredit } from "../../src/protocol/reader-credit.ts";
import { StreamRepeats } from "../../src/protocol/stream-repeats.ts";
import { fromBytes, parsePrefix } from "../../src/protocol/topic.ts";
import { decodeSegment } from "../../src/protocol/transcode.ts";

const WINDOW = LIMITS.readerWindowBytes;

export interface ReaderOptions {
  /** Bytes, by default 1 MiB; "none" names no window, and so grants no credit ever. */
  readonly window?: number | "none";
  readonly queue?: number;
  readonly overflow?: Overflow;
  /** Encodings that it takes; by default both. */
  readonly encodings?: readonly ("json" | "cbor")[];
  /** `counted`: events are counted and not decoded. */
  readonly events?: "decoded" | "counted";
}

/** A frame as it was sequenced, and what it held. */
export interface TakenFrame {
  readonly stream: string;
  readonly incarnation: number;
  readonly seq: number;
  readonly events: readonly FabricEvent[];
}

export class ResumingReader {
  /** Frames with events, unless they are only counted. */
  readonly frames: TakenFrame[] = [];
  readonly gaps: Gap[] = [];
  readonly recovered: FrameOf<"recovered">[] = [];
  /** Deliveries that did not follow on where the reader stood, though no gap had said so. Must stay empty. */
  readonly untold: string[] = [];
  /** Events that came, without repeats. */
  received = 0;
  /** Frames that came again and were dropped (R5). */
  repeats = 0;
  /** How the last connection ended; undefined while one is open, and after a cut. */
  closed: { readonly code: number; readonly reason: string } | undefined;
  /** Whether what comes is consumed, and so credit granted. What comes before is consumed with the next delivery. */
  isConsuming = true;
  readonly #prefix: string;
  readonly #options: ReaderOptions;
  readonly #instance = fromBytes(randomBytes(16));
  readonly #positions = new Map<string, Position>();
  readonly #repeats = new StreamRepeats();
  #credit = new ReaderCredit(WINDOW);
  #creditTimer: NodeJS.Timeout | undefined;
  #lastEnd: Position | undefined;
  #connection = 0;
  #socket: WebSocket | undefined;

  constructor(prefix: string, options: ReaderOptions = {}) {
    this.#prefix = prefix;
    this.#options = options;
  }

  /** Events that came, in order, without repeats. */
  get events(): readonly FabricEvent[] {
    return this.frames.flatMap(({ events }) => events);
  }

  /** Where it stands in each stream. */
  get positions(): readonly Position[] {
    return [...this.#positions.values()];
  }

  /** Connects under `wsUrl`; resolves when the subscription is confirmed, rejects when the connection ends before. */
  async connect(wsUrl: string): Promise<void> {
    const socket = new WebSocket(`${wsUrl}/v1/connect`, [SUBPROTOCOL], { perMessageDeflate: false });
    this.#socket = socket;
    this.closed = undefined;
    this.#credit = new ReaderCredit(this.#window);
    this.#lastEnd = undefined;
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", (code, reason) => {
        if (this.#socket === socket) this.closed = { code, reason: reason.toString() };
        reject(new Error(`the connection ended: ${code} ${reason.toString()}`));
      });
      socket.on("open", () => this.#greet(socket));
      socket.on("message", (data: Buffer) => {
        // What is on its way when the reader is cut off does not arrive.
        if (this.#socket !== socket) return;
        const frame = decodeFrame(new Uint8Array(data));
        this.#take(frame, data.length);
        if (frame.type === "subscribed") resolve();
      });
    });
  }

  get #window(): number {
    const { window = WINDOW } = this.#options;
    return window === "none" ? WINDOW : window;
  }

  #greet(socket: WebSocket): void {
    const { window, queue, overflow, encodings = ["json", "cbor"] } = this.#options;
    const options: Options = {
      resume: true,
      encodings,
      ...(window === "none" ? {} : { window: this.#window }),
      ...(queue === undefined ? {} : { queue }),
      ...(overflow === undefined ? {} : { overflow }),
    };
    const instance = this.#instance;
    const connection = ++this.#connection;
    const prefixes = [parsePrefix(this.#prefix)];
    socket.send(encodeFrame({ type: "hello", versions: PROTOCOL_VERSIONS, instance, connection, options }));
    socket.send(encodeFrame({ type: "subscribe", id: 1, prefixes, positions: this.positions, options: {} }));
  }

  /** Cuts the connection, without a word. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    clearTimeout(this.#creditTimer);
    this.#creditTimer = undefined;
    socket?.terminate();
  }

  /** Stops reading: the fabric's bytes stay in the kernel, then in the fabric. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Grants credit for all that came. */
  consumeAll(): void {
    this.isConsuming = true;
    if (this.#lastEnd !== undefined) this.#consume(this.#lastEnd, this.#window);
  }

  #take(frame: Frame, bytes: number): void {
    switch (frame.type) {
      case "welcome":
        return this.#repeats.under(frame.options["table"]);
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
      case "deliver":
        return this.#deliver(frame, bytes);
      default:
    }
  }

  #deliver(frame: FrameOf<"deliver">, bytes: number): void {
    const { router: stream, incarnation, prev, frames, replay } = frame;
    const at = this.#positions.get(stream);
    if (replay === undefined && (at?.incarnation !== incarnation || at.seq !== prev)) {
      this.untold.push(`${stream}: stood at ${at?.incarnation}/${at?.seq}, got ${incarnation}/${prev}`);
    }
    const end = { router: stream, incarnation, seq: frames.at(-1)!.seq };
    this.#positions.set(stream, end);
    for (const { seq, publisher, publisherSeq, segments } of frames) {
      if (this.#repeats.isRepeat(stream, publisher, publisherSeq)) {
        this.repeats++;
        continue;
      }
      for (const { count } of segments) this.received += count;
      if (this.#options.events === "counted") continue;
      this.frames.push({ stream, incarnation, seq, events: segments.flatMap(decodeSegment) });
    }
    this.#lastEnd = end;
    if (this.isConsuming) this.#consume(end, bytes);
  }

  #consume(end: Position, bytes: number): void {
    if (this.#options.window === "none") return;
    if (this.#credit.consume(end, bytes)) this.#tellCredit();
    else this.#creditTimer ??= setTimeout(() => this.#tellCredit(), LIMITS.creditMs);
  }

  #tellCredit(): void {
    clearTimeout(this.#creditTimer);
    this.#creditTimer = undefined;
    const credit = this.#credit.take();
    if (credit !== undefined) this.#socket?.send(credit);
  }
}
