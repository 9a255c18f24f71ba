/**
 * The native client without I/O: what it sends, what it makes of the answers, when it connects again. One instance
 * lives through all connections of a client; the shell (client.ts) gives it a socket, a clock and randomness.
 */
import { ERROR_CODES, FabricError, isErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeFrame, encodeFrame } from "../protocol/frame-codec.ts";
import type {
  Frame,
  FrameOf,
  Gap,
  InstanceId,
  LogBatchFrame,
  Options,
  Position,
  Segment,
} from "../protocol/frame.ts";
import { PROTOCOL_VERSIONS } from "../protocol/handshake.ts";
import { RepeatFilter } from "../protocol/repeat-filter.ts";
import type { Prefix, Topic } from "../protocol/topic.ts";
import { Publisher } from "./publisher.ts";
import { SubscriptionBook } from "./subscription-book.ts";

/** What the shell does for the engine, in order. */
export type ClientEffect =
  | { readonly type: "connect" }
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** Close the connection, or give the attempt up; `disconnected` is still to be called. */
  | { readonly type: "disconnect" }
  | ClientEvent;

/** What the engine tells its user. */
type ClientEvent =
  | { readonly type: "welcome"; readonly welcome: FrameOf<"welcome"> }
  /** This change of subscriptions is in force. */
  | { readonly type: "subscribed"; readonly id: number }
  | { readonly type: "refused"; readonly id: number; readonly error: FabricError }
  | { readonly type: "segment"; readonly segment: Segment }
  /** Everything published so far is acknowledged. */
  | { readonly type: "idle" }
  | { readonly type: "gap"; readonly gap: Gap }
  | { readonly type: "logAck"; readonly frame: FrameOf<"logAck"> }
  | { readonly type: "logRefused"; readonly frame: FrameOf<"logRefused"> }
  /** The connection is lost and will be made again. */
  | { readonly type: "lost"; readonly retryInMs: number }
  /** The client has ended: by `close`, or by an error that trying again cannot mend. */
  | { readonly type: "closed"; readonly error: FabricError | undefined };

export interface EngineOptions {
  readonly instance: InstanceId;
  /** Options of the hello frame. */
  readonly hello: Options;
  /** A number from 0 up to 1, for the jitter of reconnects. */
  readonly random: () => number;
}

type State = "idle" | "connecting" | "greeting" | "open" | "waiting" | "closed";

export class ClientEngine {
  readonly #options: EngineOptions;
  #state: State = "idle";
  #connection = 0;
  #attempts = 0;
  #retryAtMs = Infinity;
  /** When silence is answered with a ping, and then with a new connection. */
  #silenceAtMs = Infinity;
  #hasPinged = false;
  #failure: FabricError | undefined;
  readonly #subscriptions = new SubscriptionBook();
  readonly #positions = new Map<string, Position>();
  readonly #repeats = new Map<string, RepeatFilter>();
  readonly #publisher = new Publisher();
  #effects: ClientEffect[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** Takes the effects gathered since the last call. */
  drain(): readonly ClientEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether every publish is acknowledged. */
  get isIdle(): boolean {
    return this.#publisher.isIdle;
  }

  /** When `tick` is due, or undefined. */
  get deadlineMs(): number | undefined {
    const due = Math.min(this.#retryAtMs, this.#silenceAtMs);
    return due === Infinity ? undefined : due;
  }

  /** Makes the first connection. */
  start(nowMs: number): void {
    if (this.#state === "idle") this.#connect(nowMs);
  }

  /** The socket is open. */
  connected(nowMs: number): void {
    if (this.#state !== "connecting") return;
    this.#state = "greeting";
    this.#heard(nowMs);
    const { instance, hello } = this.#options;
    this.#send({
      type: "hello",
      versions: PROTOCOL_VERSIONS,
      instance,
      connection: this.#connection,
      options: { ...hello, encodings: ["json", "cbor"] },
    });
  }

  /** The socket is gone, or could not be opened. `error` is what the shell knows of the reason. */
  disconnected(nowMs: number, error?: FabricError): void {
    if (this.#state === "closed" || this.#state === "waiting") return;
    const failure = error ?? this.#failure;
    this.#state = "waiting";
    if (failure !== undefined && !ERROR_CODES[failure.code].retryable) return this.#end(failure);
    this.#failure = undefined;
    this.#silenceAtMs = Infinity;
    const limitMs = Math.min(LIMITS.reconnectMaxMs, LIMITS.reconnectMs * 2 ** this.#attempts);
    this.#attempts++;
    // Half of it is fixed and half is chance: clients that lost one server do not come back in step.
    const retryInMs = Math.round((limitMs / 2) * (1 + this.#options.random()));
    this.#retryAtMs = nowMs + retryInMs;
    this.#effects.push({ type: "lost", retryInMs });
  }

  /** To be called at `deadlineMs`. */
  tick(nowMs: number): void {
    if (nowMs >= this.#retryAtMs) this.#connect(nowMs);
    if (nowMs < this.#silenceAtMs) return;
    if (this.#state === "open" && !this.#hasPinged) {
      this.#heard(nowMs);
      this.#hasPinged = true;
      this.#send({ type: "ping", id: 0 });
    } else {
      this.#silenceAtMs = Infinity;
      this.#effects.push({ type: "disconnect" });
    }
  }

  /** Ends the client. What is not acknowledged is lost: wait for `idle` first. */
  close(): void {
    if (this.#state !== "closed") this.#end(undefined);
  }

  /** Adds prefixes. The change is in force when `subscribed` names the id that this returns. */
  subscribe(prefixes: readonly Prefix[]): number {
    return this.#changed(this.#subscriptions.subscribe(prefixes));
  }

  /** Takes prefixes away that no other subscription wants. In force as with `subscribe`. */
  unsubscribe(prefixes: readonly Prefix[]): number {
    return this.#changed(this.#subscriptions.unsubscribe(prefixes));
  }

  /** Publishes one canonical JSON v1 message with the next `flush`. Throws `publisher_too_fast`. */
  publishText(topic: Topic, text: string): void {
    this.#publisher.push(topic, text);
  }

  /** Publishes segments with the next `flush`. Throws `publisher_too_fast`. */
  publishSegments(segments: readonly Segment[]): void {
    this.#publisher.pushSegments(segments);
  }

  /** Sends what has gathered, as far as the window goes. To be called in the macrotask after a publish. */
  flush(): void {
    if (this.#state !== "open") return;
    for (const frame of this.#publisher.take()) this.#send(frame);
  }

  /** Sends a frame of the log path; false without a connection: then it is to be sent again after `welcome`. */
  sendLog(frame: LogBatchFrame | FrameOf<"logResume">): boolean {
    if (this.#state !== "open") return false;
    this.#send(frame);
    return true;
  }

  /** A message of the fabric. */
  receive(bytes: Uint8Array, nowMs: number): void {
    if (this.#state !== "greeting" && this.#state !== "open") return;
    this.#heard(nowMs);
    try {
      this.#onFrame(decodeFrame(bytes));
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#failure = error;
      this.#effects.push({ type: "disconnect" });
    }
  }

  #onFrame(frame: Frame): void {
    switch (frame.type) {
      case "welcome":
        return this.#onWelcome(frame);
      case "subscribed":
        for (const position of frame.positions) this.#positions.set(position.router, position);
        for (const gap of frame.gaps) this.#effects.push({ type: "gap", gap });
        this.#confirm(frame.id);
        return;
      case "deliver":
        return this.#onDeliver(frame);
      case "published":
        return this.#onPublished(frame.seq);
      case "gap":
        this.#positions.set(frame.gap.to.router, frame.gap.to);
        this.#effects.push({ type: "gap", gap: frame.gap });
        return;
      case "logAck":
        this.#effects.push({ type: "logAck", frame });
        return;
      case "logRefused":
        this.#effects.push({ type: "logRefused", frame });
        return;
      case "error":
        return this.#onError(frame);
      case "goaway":
        this.#failure = new FabricError("shutting_down", frame.reason);
        this.#effects.push({ type: "disconnect" });
        return;
      case "pong":
        return;
      default:
        throw new FabricError("invalid_message", `the fabric does not send ${frame.type} frames`);
    }
  }

  #onWelcome(frame: FrameOf<"welcome">): void {
    this.#state = "open";
    this.#attempts = 0;
    const { frames, confirmed } = this.#subscriptions.resume([...this.#positions.values()]);
    for (const id of confirmed) this.#confirm(id);
    for (const subscribe of frames) this.#send(subscribe);
    for (const repeat of this.#publisher.unacknowledged()) this.#send(repeat);
    this.#effects.push({ type: "welcome", welcome: frame });
    this.flush();
  }

  #onDeliver(frame: FrameOf<"deliver">): void {
    let repeats = this.#repeats.get(frame.router);
    if (repeats === undefined) {
      repeats = new RepeatFilter(LIMITS.receiverPublishersMax);
      this.#repeats.set(frame.router, repeats);
    }
    for (const { seq, publisher, publisherSeq, segments } of frame.frames) {
      this.#positions.set(frame.router, { router: frame.router, incarnation: frame.incarnation, seq });
      if (publisher === this.#options.instance || repeats.isRepeat(publisher, publisherSeq)) continue;
      for (const segment of segments) this.#effects.push({ type: "segment", segment });
    }
  }

  #onPublished(seq: number): void {
    this.#publisher.acknowledged(seq);
    this.flush();
    if (this.#publisher.isIdle) this.#effects.push({ type: "idle" });
  }

  #onError(frame: FrameOf<"error">): void {
    const code = isErrorCode(frame.code) ? frame.code : "unavailable";
    const error = new FabricError(code, frame.message);
    const refused = frame.id === undefined ? "lost" : this.#subscriptions.refuse(frame.id);
    if (refused === "lost") {
      this.#failure = error;
      this.#effects.push({ type: "disconnect" });
    } else if (refused === "change") {
      this.#effects.push({ type: "refused", id: frame.id!, error });
    }
  }

  #changed(id: number): number {
    if (this.#state !== "open") return id;
    const frame = this.#subscriptions.frameOf(id);
    if (frame === undefined) this.#confirm(id);
    else this.#send(frame);
    return id;
  }

  #confirm(id: number): void {
    if (this.#subscriptions.confirm(id)) this.#effects.push({ type: "subscribed", id });
  }

  #connect(nowMs: number): void {
    this.#state = "connecting";
    this.#retryAtMs = Infinity;
    this.#heard(nowMs);
    this.#connection++;
    this.#effects.push({ type: "connect" });
  }

  #end(error: FabricError | undefined): void {
    const wasConnected = this.#state === "greeting" || this.#state === "open" || this.#state === "connecting";
    this.#state = "closed";
    this.#retryAtMs = Infinity;
    this.#silenceAtMs = Infinity;
    if (wasConnected) this.#effects.push({ type: "disconnect" });
    this.#effects.push({ type: "closed", error });
  }

  #heard(nowMs: number): void {
    this.#silenceAtMs = nowMs + LIMITS.clientSilenceMs;
    this.#hasPinged = false;
  }

  #send(frame: Frame): void {
    this.#effects.push({ type: "send", bytes: encodeFrame(frame) });
  }
}
