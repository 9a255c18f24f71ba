/**
 * The client for Node (22 and later), browsers, Workers, Deno and Bun. It connects again by itself, sends again what
 * was not acknowledged, hands each event to its subscribers at most once, and says what was missed.
 */
import { FabricError } from "../base/errors.ts";
import type { EventMetadata } from "../protocol/event.ts";
import type { FrameOf, InstanceId, LogBatchFrame } from "../protocol/frame.ts";
import { parseTopic, textOf } from "../protocol/topic.ts";
import { orAborted } from "./abort.ts";
import type { ClientEngine, MemberRequest } from "./client-engine.ts";
import type { ClientEvents } from "./client-events.ts";
import { helloOf, windowOf, type ConnectOptions } from "./connect-options.ts";
import type { ClientStatus } from "./connector.ts";
import { NativeEngine } from "./engine.ts";
import type { EventStream } from "./event-stream.ts";
import type { EventHandler } from "./handler-subscriber.ts";
import { Handlers } from "./handlers.ts";
import { toHex } from "./hex.ts";
import { JsonEngine } from "./json-engine.ts";
import { Link, type ClientEvent } from "./link.ts";
import { FileWrites } from "./file-writes.ts";
import { LogStreams } from "./log-streams.ts";
import { PoolPublishing } from "./pool-publishing.ts";
import { PublishWaiters, type PublishAck, type PublishOptions } from "./publish-waiters.ts";
import { randomId } from "./random-id.ts";
import type { ReceivedEvent } from "./received-event.ts";
import { Replies, type RequestOptions, type SurveyOptions } from "./replies.ts";
import { REPLY_PREFIX } from "./reply-topic.ts";
import { SideClients } from "./side-clients.ts";
import { transportOf, type Transport } from "./socket.ts";
import { Subscriptions, type SubscribeOptions, type Subscription } from "./subscriptions.ts";
import { toValue, type Argument } from "./values.ts";
import type { Welcome } from "./welcome.ts";

/** What one client is to another that it serves. */
interface Side {
  /** The publisher id of the other one. */
  readonly alsoOwn: () => InstanceId | undefined;
}

export class Client implements AsyncDisposable {
  readonly #url: string;
  readonly #engine: ClientEngine;
  readonly #link: Link;
  readonly #handlers = new Handlers<ClientEvents>();
  readonly #subscriptions: Subscriptions;
  readonly #waiters = new PublishWaiters();
  readonly #replies: Replies;
  readonly #sides: SideClients;
  readonly #side: Side | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.abort();
  #welcome: Welcome | undefined;
  #failure: FabricError | undefined;
  /** The topic published to last, which is often the next one too. */
  #topicText = "";
  #topic = parseTopic("");
  readonly #opening = Promise.withResolvers<void>();
  /** Remote logging: `client.logs.write("conn", { ts: time(now) })`. */
  readonly logs = new LogStreams(this);
  /** Events for one node of a pool: `await client.pools.publishHrw("proxy", key, "Known::host", [host])`. */
  readonly pools = new PoolPublishing(this);
  /** Raw writes: `await client.files.write("site/files", "pcap/1.pcap", bytes)`. */
  readonly files = new FileWrites(this);

  /** Use `connect`. `side`: what makes it one that serves another client. */
  constructor(url: string | URL, options: ConnectOptions = {}, side?: Side) {
    this.#url = String(url);
    this.#side = side;
    this.#engine =
      transportOf(this.#url) === "native"
        ? new NativeEngine({
            instance: randomId(),
            hello: helloOf(options),
            windowBytes: windowOf(options),
            random: Math.random,
            alsoOwn: side?.alsoOwn,
          })
        : new JsonEngine({ random: Math.random, unsentBytes: () => this.#link.unsentBytes });
    this.#replies = new Replies(
      `${options.replyPrefix ?? REPLY_PREFIX}${toHex(randomId())}/`,
      (prefix, onReply) => this.subscribe(prefix, onReply, { local: true }),
    );
    const { token } = options;
    this.#link = new Link(
      this.#engine,
      { url: this.#url, token },
      {
        event: (event) => this.#on(event),
        status: (status) => this.#handlers.emit("status", status),
      },
    );
    this.#subscriptions = new Subscriptions(this.#engine, this.#link);
    this.#sides = new SideClients(
      options,
      (own) => new Client(this.#url, own, { alsoOwn: () => this.#welcome?.publisher }),
      this.#handlers,
      (error) => this.#fail(error),
    );
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#onAbort);
    this.#link.start();
    if (this.#signal?.aborted) this.abort();
  }

  /** Resolves when the first connection stands. */
  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  /** The state of the connection: `connecting`, `open`, `waiting` (for the next attempt), `closed`. */
  get status(): ClientStatus {
    return this.#engine.status;
  }

  /** `native`, or `json-v1`: subscriptions are then fixed when a connection begins, and nothing is acknowledged. */
  get transport(): Transport {
    return transportOf(this.#url);
  }

  /** What the other side said last when it took the connection. Throws before the first `welcome`. */
  get welcome(): Welcome {
    if (this.#welcome === undefined) throw new FabricError("logic_error", "not connected yet");
    return this.#welcome;
  }

  /** Events that have come and that no subscriber has consumed yet, bytes. */
  get heldBytes(): number {
    return this.#engine.heldBytes + this.#sides.heldBytes;
  }

  /** Calls the handler for each such event; returns what ends that. */
  on<K extends keyof ClientEvents>(type: K, handler: (value: ClientEvents[K]) => void): () => void {
    return this.#handlers.on(type, handler);
  }

  /**
   * Subscribes to topic prefixes. An event comes once, however many of the prefixes match. With a handler: resolves
   * when every later matching event will come; throws `forbidden`, `too_many`, `invalid_topic_key`, or the signal's
   * reason. Without one: a stream to iterate over, which throws these; `stream.ready` is the same promise.
   *
   * @example
   * await client.subscribe("zeek/scan/", (event) => console.log(event.args));
   * for await (const event of client.subscribe(["zeek/", "site/"])) console.log(event.name);
   */
  subscribe(
    prefixes: string | readonly string[],
    handler: EventHandler,
    options?: SubscribeOptions,
  ): Promise<Subscription>;
  subscribe(prefixes: string | readonly string[], options?: SubscribeOptions): EventStream;
  subscribe(
    prefixes: string | readonly string[],
    second: EventHandler | SubscribeOptions = {},
    third: SubscribeOptions = {},
  ): Promise<Subscription> | EventStream {
    const texts = typeof prefixes === "string" ? [prefixes] : prefixes;
    this.#assertAlive();
    const options = typeof second === "function" ? third : second;
    const { overflow, queueBytes, ...rest } = options;
    const side = this.#side === undefined ? this.#sides.of({ overflow, queueBytes }) : undefined;
    if (side !== undefined && this.transport === "json-v1") {
      throw new FabricError("invalid_data", "overflow, queueBytes: JSON v1 has no policies of readers");
    }
    if (typeof second === "function") {
      return side?.subscribe(texts, second, rest) ?? this.#subscriptions.handler(texts, second, options);
    }
    return side?.subscribe(texts, rest) ?? this.#subscriptions.stream(texts, options);
  }

  /**
   * Publishes an event. It goes out with what else is published in this macrotask; `flush` tells when it is
   * sequenced. Throws `invalid_topic_key`, `invalid_data`, `too_large`, `publisher_too_fast` when too much waits, or
   * what has ended the client.
   */
  publish(topic: string, name: string, args: readonly Argument[] = [], options: PublishOptions = {}): void {
    this.#publish(topic, name, args, options, false);
  }

  /**
   * Publishes an event and waits for its end. Throws like `publish`, the code with which it was refused, or the
   * signal's reason: then the event may still be on its way.
   */
  async publishAcked(
    topic: string,
    name: string,
    args: readonly Argument[] = [],
    options: PublishOptions & { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<PublishAck> {
    return this.#publishAcked(topic, name, args, options, true);
  }

  /** Publishes an event given as its canonical JSON v1 message, as `event.text` has it. Throws like `publish`. */
  publishText(topic: string, text: string): void {
    this.#assertAlive();
    this.#engine.publishText(parseTopic(topic), text);
    this.#link.scheduleFlush();
  }

  /**
   * Publishes an event and waits for the first reply to it. Throws `request_timeout`, `no_receiver` when the fabric
   * knows that nobody subscribes to the topic, what `publishAcked` throws, or the signal's reason.
   *
   * @example
   * const reply = await client.request("site/lookup", "Lookup::host", [addr("10.0.0.1")], { timeoutMs: 2_000 });
   */
  request(
    topic: string,
    name: string,
    args: readonly Argument[] = [],
    options: RequestOptions = {},
  ): Promise<ReceivedEvent> {
    return this.#replies.request(this.#asking(topic, name, args), options);
  }

  /** Like `request`, for the first reply of each client, as they come, until the time is over or there are enough. */
  survey(
    topic: string,
    name: string,
    args: readonly Argument[] = [],
    options: SurveyOptions = {},
  ): AsyncIterableIterator<ReceivedEvent, undefined> {
    return this.#replies.survey(this.#asking(topic, name, args), options);
  }

  /** Replies to a request. Throws like `publish`, and `invalid_data` for an event that is no request. */
  reply(request: ReceivedEvent, name: string, args: readonly Argument[] = []): void {
    if (request.replyTo === undefined) throw new FabricError("invalid_data", `${request.name} is no request`);
    this.publish(request.replyTo, name, args);
  }

  /**
   * Resolves when everything published so far is sequenced (JSON v1: handed to the connection); rejects with the code
   * when some of it was refused, with what ended the client, or with the signal's reason.
   */
  async flush(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    options.signal?.throwIfAborted();
    this.#engine.flush(Date.now());
    this.#link.perform();
    if (this.#engine.settled < this.#engine.pushed) this.#assertAlive();
    await orAborted(this.#waiters.flush(this.#engine.pushed, this.#engine.settled), options.signal);
  }

  /** @internal Sends a log batch; false without a native connection. The answer is a `logAck` or `logRefused` event. */
  sendLog(frame: LogBatchFrame): boolean {
    return this.#sendLog(frame);
  }

  /** @internal Asks a logger for its position with a writer; answered and refused as `sendLog`. */
  resumeLog(request: Omit<FrameOf<"logResume">, "type">): boolean {
    return this.#sendLog({ ...request, type: "logResume" });
  }

  /** @internal Sends a frame about nodes; false without a native connection. Answers are `member` events. */
  sendMember(frame: MemberRequest): boolean {
    const isSent = this.#engine.sendMember(frame);
    this.#link.perform();
    return isSent;
  }

  /** Publishes what waits, then ends the client. Rejects like `flush`; the client has ended then too. */
  async close(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    try {
      if (this.#failure === undefined) {
        await orAborted(
          Promise.all([this.logs.flush(), this.files.idle(), this.pools.idle()]),
          options.signal,
        );
        await this.flush(options);
      }
    } finally {
      this.abort();
    }
  }

  /** Ends the client at once; what is not acknowledged may be lost. */
  abort(): void {
    this.#engine.close();
    this.#link.perform();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #publish(
    topic: string,
    name: string,
    args: readonly Argument[],
    { metadata = [] }: PublishOptions,
    wantsReceipt: boolean,
  ): void {
    this.#assertAlive();
    if (topic !== this.#topicText) {
      this.#topic = parseTopic(topic);
      this.#topicText = topic;
    }
    this.#engine.publish(this.#topic, { name, args: args.map(toValue), metadata }, wantsReceipt);
    this.#link.scheduleFlush();
  }

  async #publishAcked(
    topic: string,
    name: string,
    args: readonly Argument[],
    options: PublishOptions & { readonly signal?: AbortSignal | undefined },
    wantsReceipt: boolean,
  ): Promise<PublishAck> {
    options.signal?.throwIfAborted();
    this.#publish(topic, name, args, options, wantsReceipt);
    return orAborted(this.#waiters.ack(this.#engine.pushed), options.signal);
  }

  /** A receipt tells of other clients only: who listens to itself may answer itself. */
  #asking(topic: string, name: string, args: readonly Argument[]): (m: EventMetadata) => Promise<PublishAck> {
    const wantsReceipt = !this.#subscriptions.takeOwn(topic);
    return (replyTo) => this.#publishAcked(topic, name, args, { metadata: [replyTo] }, wantsReceipt);
  }

  #sendLog(frame: LogBatchFrame | FrameOf<"logResume">): boolean {
    const isSent = this.#engine.sendLog(frame);
    this.#link.perform();
    return isSent;
  }

  #assertAlive(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #on(event: ClientEvent): void {
    switch (event.type) {
      case "opened":
        return this.#opening.resolve();
      case "welcome":
        this.#welcome = event.welcome;
        return this.#handlers.emit("welcome", event.welcome);
      case "delivery":
        return this.#subscriptions.deliver(event.runs, event.delivery);
      case "subscribed":
        return this.#subscriptions.confirmed(event.id);
      case "refused":
        return this.#subscriptions.refused(event.id, event.error);
      case "published":
        return this.#waiters.published(event.range, { means: event.means, receivers: event.receivers });
      case "publishRefused":
        this.#waiters.refused(event.range, event.error);
        return this.#handlers.emit("refused", { error: event.error, topics: event.topics.map(textOf) });
      case "settled":
        return this.#waiters.settled(event.upTo);
      case "gap":
        this.#handlers.emit("gap", event.gap);
        if (event.gap.reason === "overflow") this.#handlers.emit("drop", event.gap);
        return;
      case "recovered":
        return this.#handlers.emit("recovered", event);
      case "lost":
        return this.#lost(event.retryInMs);
      case "logAck":
        return this.#handlers.emit("logAck", event.frame);
      case "logRefused":
        return this.#handlers.emit("logRefused", event.frame);
      case "member":
        return this.#handlers.emit("member", event.frame);
      case "closed":
        return this.#closed(event.error);
    }
  }

  #fail(error: FabricError): void {
    this.#failure ??= error;
    this.abort();
  }

  /** A first connection that fails is the caller's to try again: the URL may be wrong. */
  #lost(retryInMs: number): void {
    if (this.#welcome !== undefined || this.#side !== undefined)
      return this.#handlers.emit("lost", retryInMs);
    this.#failure = new FabricError(
      "unavailable",
      this.#link.wasAnswered
        ? `${this.#url} took the connection and ended it without a welcome`
        : `nothing answers at ${this.#url}: does the fabric run?`,
    );
    this.#engine.close();
  }

  #closed(error: FabricError | undefined): void {
    const isFailure = error !== undefined || this.#failure !== undefined;
    this.#failure ??= error ?? new FabricError("shutting_down", "the client is closed");
    this.#sides.abort();
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#opening.reject(this.#signal?.aborted ? this.#signal.reason : this.#failure);
    this.#opening.promise.catch(() => {});
    this.#waiters.end(this.#failure);
    this.#replies.end(this.#failure);
    this.#subscriptions.end(isFailure ? this.#failure : undefined, this.#failure);
    this.#handlers.emit("close", error);
  }
}
