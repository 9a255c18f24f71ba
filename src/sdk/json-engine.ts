/**
 * The client of JSON v1 without I/O: Zeek's WebSocket API, as Zeek and the fabric serve it. Subscriptions are fixed when
 * a connection begins, so a new one makes a new connection; there are no acknowledgements and no positions, so what
 * happens while there is no connection is a gap of unknown extent.
 */
import { ERROR_CODES, FabricError, isErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { NO_LOGGERS } from "../cluster/log-routes.ts";
import { DataMessageScanner, formatDataMessage } from "../protocol/data-message.ts";
import type { FabricEvent } from "../protocol/event.ts";
import type { GapReason, Position, Segment } from "../protocol/frame.ts";
import { parseTopic, textOf, type Prefix, type Topic } from "../protocol/topic.ts";
import { decodeSegment } from "../protocol/transcode.ts";
import type { ClientEffect, ClientEngine } from "./client-engine.ts";
import { Connector, type ClientStatus } from "./connector.ts";
import { CreditLedger } from "./credit-ledger.ts";
import { EventRun } from "./event-run.ts";
import { parseControl, type Control } from "./json-control.ts";
import { SubscriptionBook } from "./subscription-book.ts";

export interface JsonEngineOptions {
  readonly random: () => number;
  /** What the socket has taken and not sent yet, bytes. */
  readonly unsentBytes: () => number;
}

/** When a socket that is behind is looked at again, ms. */
const UNSENT_POLL_MS = 10;

export class JsonEngine implements ClientEngine {
  readonly #options: JsonEngineOptions;
  readonly #connector: Connector;
  readonly #book = new SubscriptionBook();
  readonly #ledger = new CreditLedger(LIMITS.clientHeldBytesMax);
  readonly #scanner = new DataMessageScanner();
  /** Texts that wait for the connection. */
  #waiting: string[] = [];
  #waitingChars = 0;
  #pushed = 0;
  #sent = 0;
  #sendAtMs = Infinity;
  /** The socket of the attempt is open, and the prefixes are still to be sent. */
  #isGreetingDue = false;
  /** What the connection, or the attempt, was asked for, and the changes that its ack confirms. */
  #asked: ReadonlySet<Prefix> = new Set();
  #askedChanges: readonly number[] = [];
  /** Where a reader stands that had subscriptions on an earlier connection, and why it was left. */
  #position: Position = { router: "", incarnation: 0, seq: 0 };
  #hadSubscriptions = false;
  #reason: GapReason = "away";
  #isPaused = false;
  #failure: FabricError | undefined;
  #isClosed = false;
  #effects: ClientEffect[] = [];

  constructor(options: JsonEngineOptions) {
    this.#options = options;
    this.#connector = new Connector(options.random, (effect) => this.#effects.push(effect));
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
    return this.#pushed;
  }

  get settled(): number {
    return this.#sent;
  }

  get heldBytes(): number {
    return this.#ledger.heldBytes;
  }

  get deadlineMs(): number | undefined {
    const due = Math.min(this.#connector.deadlineMs, this.#connector.isOpen ? this.#sendAtMs : Infinity);
    return due === Infinity ? undefined : due;
  }

  start(nowMs: number): void {
    this.#connector.connect(nowMs);
  }

  /** What is subscribed to until the next `flush` goes with the first message. */
  connected(connection: number): void {
    if (connection !== this.#connector.attempt) return;
    this.#isGreetingDue = true;
    this.#effects.push({ type: "opened" });
  }

  disconnected(connection: number, nowMs: number, error?: FabricError): void {
    const { active, attempt } = this.#connector;
    if (connection !== active && connection !== attempt) return;
    this.#isGreetingDue = false;
    const failure = error ?? this.#failure;
    this.#failure = undefined;
    if (failure !== undefined && !ERROR_CODES[failure.code].retryable) return this.#end(failure);
    this.#connector.lost(connection, nowMs);
  }

  tick(nowMs: number): void {
    this.#connector.tick(nowMs);
    if (nowMs >= this.#sendAtMs) this.flush(nowMs);
  }

  close(): void {
    this.#end(undefined);
  }

  subscribe(prefixes: readonly Prefix[]): number {
    return this.#book.subscribe(prefixes);
  }

  /** Events of a prefix that nobody wants go on coming until the next connection; the shell drops them. */
  unsubscribe(prefixes: readonly Prefix[]): number {
    const id = this.#book.unsubscribe(prefixes);
    this.#confirm(id);
    return id;
  }

  publish(topic: Topic, event: FabricEvent): void {
    this.publishText(topic, formatDataMessage(textOf(topic), event));
  }

  publishText(_topic: Topic, text: string): void {
    if (this.#waitingChars + text.length > LIMITS.clientBufferBytesMax) {
      throw new FabricError(
        "publisher_too_fast",
        `${this.#waitingChars} bytes wait to be sent, at most ${LIMITS.clientBufferBytesMax} may: await flush()`,
      );
    }
    this.#waiting.push(text);
    this.#waitingChars += text.length;
    this.#pushed++;
  }

  publishSegments(segments: readonly Segment[]): void {
    for (const segment of segments) {
      for (const event of decodeSegment(segment)) this.publish(segment.topic, event);
    }
  }

  flush(nowMs: number): void {
    if (this.#isGreetingDue) this.#greet();
    const { active, attempt } = this.#connector;
    if (active === undefined || attempt !== undefined) return;
    if (this.#mustRenew()) return this.#renew(nowMs);
    this.#sendWaiting(active, nowMs);
  }

  taken(nowMs: number): void {
    this.#ledger.taken(nowMs);
    if (!this.#isPaused || this.#ledger.heldBytes * 4 > LIMITS.clientHeldBytesMax) return;
    this.#isPaused = false;
    this.#connector.connect(nowMs);
  }

  /** Log batches travel on the native protocol only. */
  sendLog(): boolean {
    return false;
  }

  sendMember(): boolean {
    return false;
  }

  received(connection: number, message: Uint8Array | string, nowMs: number): void {
    const { active, attempt } = this.#connector;
    if (connection !== active && connection !== attempt) return;
    const text = typeof message === "string" ? message : new TextDecoder().decode(message);
    if (connection === attempt) return this.#onGreeting(connection, parseControl(text), nowMs);
    if (this.#scanner.scan(text) === "ok") return this.#onEvent(text.length);
    const control = parseControl(text);
    if (control.type === "error") {
      const error = errorOf(control);
      this.#effects.push({ type: "publishRefused", range: undefined, topics: [], error });
    } else if (control.type === "unknown") this.#missed(this.#at(1), 1, undefined);
  }

  #greet(): void {
    const { attempt } = this.#connector;
    if (attempt === undefined) return;
    this.#isGreetingDue = false;
    const prefixes = this.#book.wanted;
    this.#asked = new Set(prefixes);
    this.#askedChanges = this.#book.pending;
    this.#effects.push({
      type: "send",
      connection: attempt,
      message: JSON.stringify(prefixes.map((prefix) => textOf(prefix))),
    });
  }

  #onGreeting(connection: number, control: Control, nowMs: number): void {
    if (control.type === "error") return this.#onRefused(connection, errorOf(control), nowMs);
    if (control.type !== "ack") {
      const error = new FabricError("invalid_message", "the first message is no ack: not a JSON v1 server");
      return this.#give(connection, error, nowMs);
    }
    this.#connector.established();
    const { endpoint, version } = control;
    this.#effects.push({
      type: "welcome",
      welcome: { endpoint, server: version, loggers: [], logging: NO_LOGGERS, publisher: undefined },
    });
    const to: Position = { router: "", incarnation: connection, seq: 0 };
    if (this.#hadSubscriptions) this.#missed(to, undefined, this.#reason);
    this.#position = to;
    this.#reason = "away";
    this.#hadSubscriptions = this.#asked.size > 0;
    for (const id of this.#askedChanges) this.#confirm(id);
    this.flush(nowMs);
  }

  /** The peer does not say which prefix it refuses: all that were new are, and the next attempt goes without them. */
  #onRefused(connection: number, error: FabricError, nowMs: number): void {
    if (this.#askedChanges.length === 0) return this.#give(connection, error, nowMs);
    for (const id of this.#askedChanges) {
      if (this.#book.refuse(id) === "change") this.#effects.push({ type: "refused", id, error });
    }
    this.#connector.leave();
    this.#connector.connect(nowMs);
  }

  #onEvent(chars: number): void {
    this.#position = this.#at(1);
    const delivery = this.#ledger.arrived(this.#position, chars);
    const runs = [EventRun.ofText(parseTopic(this.#scanner.topic), this.#scanner.canonical)];
    this.#effects.push({ type: "delivery", delivery, runs });
    if (!this.#ledger.isFull || this.#isPaused) return;
    // Nothing tells the peer to wait: a reader this far behind leaves, and is told what that costs.
    this.#isPaused = true;
    this.#reason = "overflow";
    this.#connector.leave();
    this.#effects.push({ type: "lost", retryInMs: 0 });
  }

  #missed(to: Position, events: number | undefined, reason: GapReason | undefined): void {
    const gap = { extent: "unknown" as const, from: this.#position, to };
    this.#position = to;
    const more = { ...(events === undefined ? {} : { events }), ...(reason === undefined ? {} : { reason }) };
    this.#effects.push({ type: "gap", gap: { ...gap, ...more } });
  }

  #at(further: number): Position {
    return { ...this.#position, seq: this.#position.seq + further };
  }

  /** Whether something is wanted that the connection was not asked for; changes that it covers are in force. */
  #mustRenew(): boolean {
    if (!this.#book.wanted.every((prefix) => this.#asked.has(prefix))) return true;
    for (const id of this.#book.pending) this.#confirm(id);
    return false;
  }

  #renew(nowMs: number): void {
    this.#connector.leave();
    this.#connector.connect(nowMs);
  }

  #sendWaiting(connection: number, nowMs: number): void {
    this.#sendAtMs = Infinity;
    let count = 0;
    let room = LIMITS.publishWindowBytes - this.#options.unsentBytes();
    for (const text of this.#waiting) {
      if (room <= 0) break;
      room -= text.length;
      this.#waitingChars -= text.length;
      this.#effects.push({ type: "send", connection, message: text });
      count++;
    }
    if (this.#waiting.length > count) this.#sendAtMs = nowMs + UNSENT_POLL_MS;
    if (count === 0) return;
    this.#waiting.splice(0, count);
    const range = { after: this.#sent, last: this.#sent + count };
    this.#sent += count;
    this.#effects.push({ type: "published", range, means: "sent", receivers: undefined });
    this.#effects.push({ type: "settled", upTo: this.#sent });
  }

  #confirm(id: number): void {
    if (this.#book.confirm(id)) this.#effects.push({ type: "subscribed", id });
  }

  #give(connection: number, error: FabricError, nowMs: number): void {
    this.#failure = error;
    this.#effects.push({ type: "disconnect", connection });
    this.disconnected(connection, nowMs);
  }

  #end(error: FabricError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connector.end();
    this.#effects.push({ type: "closed", error });
  }
}

function errorOf({ code, context }: Extract<Control, { type: "error" }>): FabricError {
  return new FabricError(isErrorCode(code) ? code : "invalid_message", context === "" ? code : context);
}
