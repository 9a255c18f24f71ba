/**
 * The native client without I/O: what it sends, what it makes of the answers, when it connects again. One instance
 * lives through all connections of a client; the shell gives it sockets, a clock and randomness.
 */
import { ERROR_CODES, FabricError, isErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { FabricEvent } from "../protocol/event.ts";
import { decodeFrame, encodeFrame } from "../protocol/frame-codec.ts";
import type {
  Frame,
  FrameOf,
  InstanceId,
  LogBatchFrame,
  Options,
  Position,
  Segment,
} from "../protocol/frame.ts";
import { PROTOCOL_VERSIONS } from "../protocol/handshake.ts";
import { StreamRepeats } from "../protocol/stream-repeats.ts";
import type { Prefix, Topic } from "../protocol/topic.ts";
import { JOIN_ID, type ClientEffect, type ClientEngine, type MemberRequest } from "./client-engine.ts";
import { Connector, type ClientStatus } from "./connector.ts";
import { CreditLedger } from "./credit-ledger.ts";
import { EventRun } from "./event-run.ts";
import { historyOption, type History } from "./history.ts";
import { Publisher } from "./publisher.ts";
import { SubscriptionBook } from "./subscription-book.ts";
import { welcomeOf } from "./welcome.ts";

export interface EngineOptions {
  readonly instance: InstanceId;
  /** Options of the hello frame, beside the window. */
  readonly hello: Options;
  /** Bytes of events that may be under way to this client, or held by it, from one router. */
  readonly windowBytes: number;
  /** A number from 0 up to 1, for the jitter of reconnects. */
  readonly random: () => number;
  /** The publisher id of another client whose events are taken for this one's own. */
  readonly alsoOwn?: (() => InstanceId | undefined) | undefined;
  /** The wait between attempts to connect, ms; without it, it grows. */
  readonly retryMs?: number | undefined;
}

export class NativeEngine implements ClientEngine {
  readonly #options: EngineOptions;
  readonly #connector: Connector;
  readonly #subscriptions = new SubscriptionBook();
  readonly #positions = new Map<string, Position>();
  readonly #repeats = new StreamRepeats();
  readonly #publisher = new Publisher();
  /** The publisher of this client's events as deliveries name it. */
  #ownPublisher: InstanceId | undefined;
  readonly #ledger: CreditLedger;
  /** When silence is answered with a ping, and then with a new connection. */
  #silenceAtMs = Infinity;
  #hasPinged = false;
  /** Why the connection that is about to end will have ended. */
  #failure: FabricError | undefined;
  /** Whether what was subscribed to is still to be asked for on this connection: the client is full. */
  #isResumeDue = false;
  #isClosed = false;
  #effects: ClientEffect[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#ledger = new CreditLedger(options.windowBytes);
    this.#connector = new Connector(options.random, (effect) => this.#effects.push(effect), options.retryMs);
  }

  drain(): readonly ClientEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  get status(): ClientStatus {
    return this.#connector.status;
  }

  get pushed(): number {
    return this.#publisher.pushed;
  }

  get settled(): number {
    return this.#publisher.settled;
  }

  get heldBytes(): number {
    return this.#ledger.heldBytes;
  }

  get deadlineMs(): number | undefined {
    const creditMs = this.#connector.isOpen ? this.#ledger.deadlineMs : Infinity;
    const due = Math.min(this.#connector.deadlineMs, this.#silenceAtMs, creditMs);
    return due === Infinity ? undefined : due;
  }

  start(nowMs: number): void {
    this.#connector.connect(nowMs);
  }

  connected(connection: number): void {
    if (connection !== this.#connector.attempt) return;
    const { instance, hello } = this.#options;
    const window = this.#ledger.greet();
    this.#sendOn(connection, {
      type: "hello",
      versions: PROTOCOL_VERSIONS,
      instance,
      connection,
      options: { ...hello, encodings: ["json", "cbor"], resume: true, window },
    });
  }

  disconnected(connection: number, nowMs: number, error?: FabricError): void {
    const failure = error ?? this.#failure;
    const { active, attempt } = this.#connector;
    if (connection !== active && connection !== attempt) return;
    if (connection === active) this.#silenceAtMs = Infinity;
    if (failure !== undefined && !ERROR_CODES[failure.code].retryable) return this.#end(failure);
    this.#failure = undefined;
    this.#connector.lost(connection, nowMs);
  }

  tick(nowMs: number): void {
    this.#connector.tick(nowMs);
    this.#sendCredit(nowMs);
    if (nowMs < this.#silenceAtMs) return;
    const { active } = this.#connector;
    this.#silenceAtMs = Infinity;
    if (active === undefined) return;
    if (this.#hasPinged) return this.#connector.give(active, nowMs);
    this.#heard(nowMs);
    this.#hasPinged = true;
    this.#send({ type: "ping", id: 0 });
  }

  close(): void {
    // What is consumed is said now: a pool event that nobody says is handled goes to another node.
    this.#sendCredit(Infinity);
    this.#end(undefined);
  }

  subscribe(prefixes: readonly Prefix[], history?: History): number {
    const options = history === undefined ? {} : { history: historyOption(history) };
    return this.#changed(this.#subscriptions.subscribe(prefixes, options));
  }

  unsubscribe(prefixes: readonly Prefix[]): number {
    return this.#changed(this.#subscriptions.unsubscribe(prefixes));
  }

  publish(topic: Topic, event: FabricEvent, wantsReceipt?: boolean): void {
    this.#publisher.pushEvent(topic, event, wantsReceipt);
  }

  publishText(topic: Topic, text: string): void {
    this.#publisher.pushText(topic, text);
  }

  publishSegments(segments: readonly Segment[]): void {
    this.#publisher.pushSegments(segments);
  }

  flush(): void {
    const { active } = this.#connector;
    if (active === undefined) return;
    for (const message of this.#publisher.take())
      this.#effects.push({ type: "send", connection: active, message });
  }

  sendLog(frame: LogBatchFrame | FrameOf<"logResume">): boolean {
    return this.#sendIfOpen(frame);
  }

  sendMember(frame: MemberRequest): boolean {
    return this.#sendIfOpen(frame);
  }

  #sendIfOpen(frame: Frame): boolean {
    if (!this.#connector.isOpen) return false;
    this.#send(frame);
    return true;
  }

  taken(nowMs: number): void {
    this.#ledger.taken(nowMs);
    if (this.#isResumeDue && !this.#ledger.isFull) this.#resume();
    this.#sendCredit(nowMs);
  }

  received(connection: number, message: Uint8Array | string, nowMs: number): void {
    const { active, attempt } = this.#connector;
    if (connection !== active && connection !== attempt) return;
    if (connection === active) this.#heard(nowMs);
    try {
      if (typeof message === "string") throw new FabricError("invalid_message", "frames are binary messages");
      const frame = decodeFrame(message);
      if (connection === attempt) this.#onGreeting(connection, frame, nowMs);
      else this.#onFrame(connection, frame, message.length, nowMs);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#give(connection, error, nowMs);
    }
  }

  #onGreeting(connection: number, frame: Frame, nowMs: number): void {
    if (frame.type === "error") return this.#give(connection, errorOf(frame), nowMs);
    if (frame.type !== "welcome") throw new FabricError("invalid_message", "the first frame is no welcome");
    this.#connector.established();
    this.#failure = undefined;
    this.#heard(nowMs);
    this.#ledger.reconnected();
    const welcome = welcomeOf(frame);
    this.#repeats.under(frame.options["table"]);
    this.#ownPublisher = welcome.publisher ?? this.#options.instance;
    this.#effects.push({ type: "opened" }, { type: "welcome", welcome });
    this.#isResumeDue = true;
    if (!this.#ledger.isFull) this.#resume();
    for (const repeat of this.#publisher.unacknowledged()) this.#send(repeat);
    this.flush();
  }

  #onFrame(connection: number, frame: Frame, bytes: number, nowMs: number): void {
    switch (frame.type) {
      case "subscribed":
        return this.#onSubscribed(frame, nowMs);
      case "deliver":
        return this.#onDeliver(frame, bytes);
      case "published":
        return this.#onPublished(frame);
      case "publishRefused":
        return this.#onPublishRefused(frame);
      case "gap":
        this.#positions.set(frame.gap.to.router, frame.gap.to);
        this.#effects.push({ type: "gap", gap: frame.gap });
        return;
      case "recovered":
        this.#positions.set(frame.position.router, frame.position);
        this.#effects.push({ type: "recovered", position: frame.position, complete: frame.complete });
        return;
      case "logAck":
        this.#effects.push({ type: "logAck", frame });
        return;
      case "logRefused":
        this.#effects.push({ type: "logRefused", frame });
        return;
      case "joined":
      case "view":
      case "handled":
      case "unhandled":
        this.#effects.push({ type: "member", frame });
        return;
      case "error":
        return this.#onError(connection, frame, nowMs);
      case "goaway":
        return this.#connector.replace(nowMs);
      case "pong":
        return;
      default:
        throw new FabricError("invalid_message", `the fabric does not send ${frame.type} frames`);
    }
  }

  #onSubscribed(frame: FrameOf<"subscribed">, nowMs: number): void {
    for (const position of frame.positions) {
      this.#positions.set(position.router, position);
      this.#ledger.standsAt(position, nowMs);
    }
    for (const gap of frame.gaps) this.#effects.push({ type: "gap", gap });
    this.#confirm(frame.id);
  }

  /** History is older than where this reader stands, and may repeat what it has seen. */
  #onDeliver(frame: FrameOf<"deliver">, bytes: number): void {
    const { router, incarnation } = frame;
    const isHistory = frame.replay === "history";
    const runs: EventRun[] = [];
    for (const { publisher, publisherSeq, segments } of frame.frames) {
      if (!isHistory && this.#repeats.isRepeat(router, publisher, publisherSeq)) continue;
      const isOwn = publisher === this.#ownPublisher || publisher === this.#options.alsoOwn?.();
      for (const segment of segments) runs.push(EventRun.ofSegment(segment, publisher, { isOwn, isHistory }));
    }
    const position = { router, incarnation, seq: frame.frames.at(-1)?.seq ?? frame.prev };
    if (!isHistory) this.#positions.set(router, position);
    this.#effects.push({ type: "delivery", delivery: this.#ledger.arrived(position, bytes), runs });
  }

  #onPublished(frame: FrameOf<"published">): void {
    for (const { after, last, seq } of this.#publisher.acknowledged(frame.seq)) {
      const receivers = seq === frame.seq ? frame.receivers : undefined;
      this.#effects.push({ type: "published", range: { after, last }, means: "sequenced", receivers });
    }
    this.#settled();
  }

  #onPublishRefused(frame: FrameOf<"publishRefused">): void {
    const refused = this.#publisher.refused(frame.seq);
    if (refused === undefined) return;
    const { topics, ...range } = refused;
    this.#effects.push({ type: "publishRefused", range, topics, error: errorOf(frame) });
    this.#settled();
  }

  #settled(): void {
    this.flush();
    this.#effects.push({ type: "settled", upTo: this.#publisher.settled });
  }

  #onError(connection: number, frame: FrameOf<"error">, nowMs: number): void {
    if (frame.id === JOIN_ID) return void this.#effects.push({ type: "member", frame });
    const refused = frame.id === undefined ? "lost" : this.#subscriptions.refuse(frame.id);
    if (refused === "lost") this.#give(connection, errorOf(frame), nowMs);
    else if (refused === "change")
      this.#effects.push({ type: "refused", id: frame.id!, error: errorOf(frame) });
  }

  /** Subscribes to what was in force, and to what was asked for and not answered. */
  #resume(): void {
    this.#isResumeDue = false;
    const { frames, confirmed } = this.#subscriptions.resume([...this.#positions.values()]);
    for (const id of confirmed) this.#confirm(id);
    for (const subscribe of frames) this.#send(subscribe);
  }

  #changed(id: number): number {
    if (!this.#connector.isOpen || this.#isResumeDue) return id;
    const frame = this.#subscriptions.frameOf(id);
    if (frame === undefined) this.#confirm(id);
    else this.#send(frame);
    return id;
  }

  #confirm(id: number): void {
    if (this.#subscriptions.confirm(id)) this.#effects.push({ type: "subscribed", id });
  }

  #sendCredit(nowMs: number): void {
    if (!this.#connector.isOpen) return;
    for (const frame of this.#ledger.due(nowMs)) this.#send(frame);
  }

  /** Leaves a connection because of an error; one that trying again cannot mend ends the client. */
  #give(connection: number, error: FabricError, nowMs: number): void {
    this.#failure = error;
    this.#effects.push({ type: "disconnect", connection });
    this.disconnected(connection, nowMs);
  }

  #end(error: FabricError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#silenceAtMs = Infinity;
    this.#connector.end();
    this.#effects.push({ type: "closed", error });
  }

  #heard(nowMs: number): void {
    this.#silenceAtMs = nowMs + LIMITS.clientSilenceMs;
    this.#hasPinged = false;
  }

  #send(frame: Frame): void {
    const { active } = this.#connector;
    if (active !== undefined) this.#sendOn(active, frame);
  }

  #sendOn(connection: number, frame: Frame): void {
    this.#effects.push({ type: "send", connection, message: encodeFrame(frame) });
  }
}

function errorOf(frame: { readonly code: string; readonly message: string }): FabricError {
  return new FabricError(isErrorCode(frame.code) ? frame.code : "unavailable", frame.message);
}
