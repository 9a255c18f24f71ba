/**
 * The native client for Node (22 and later) and browsers: the engine on the platform's own WebSocket. It connects
 * again by itself, sends again what was not acknowledged, and hands each event to its subscribers at most once.
 */
import { FabricError } from "../base/errors.ts";
import { formatDataMessage } from "../protocol/data-message.ts";
import type { FrameOf, Gap, LogBatchFrame, Options, Segment } from "../protocol/frame.ts";
import { fromBytes, isMatch, parsePrefix, parseTopic, type Prefix } from "../protocol/topic.ts";
import type { Value } from "../data/value.ts";
import { ClientEngine, type ClientEffect } from "./engine.ts";
import { guarded, Handlers } from "./handlers.ts";
import { eventsOf, type ReceivedEvent } from "./received-event.ts";
import { nextMacrotask } from "./macrotask.ts";
import { openSocket, type Socket } from "./socket.ts";
import { welcomeOf, type Welcome } from "./welcome.ts";

export interface ConnectOptions {
  /** Where the fabric is: http, https, ws or wss. */
  readonly url: string;
  /** Bearer token; an open fabric needs none. */
  readonly token?: string;
  /** Name and type of the node that this client is. */
  readonly name?: string;
  readonly nodeType?: string;
}

/** What happens beside events. */
export interface ClientEvents {
  /** Connected, at first and again. Log batches without an answer are to be sent again now. */
  welcome: Welcome;
  /** The connection is lost; it is made again after this time, ms. */
  lost: number;
  /** Events were lost upstream. */
  gap: Gap;
  logAck: FrameOf<"logAck">;
  logRefused: FrameOf<"logRefused">;
  /** The client has ended; with the error that ended it, unless `close` did. */
  close: FabricError | undefined;
}

/** A live subscription. */
export interface Subscription {
  readonly prefixes: readonly string[];
  /** Ends it; resolves when no more events come for it. */
  unsubscribe(): Promise<void>;
}

interface Subscriber {
  readonly prefixes: readonly Prefix[];
  readonly onEvent: (event: ReceivedEvent) => void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: FabricError) => void;
}

/**
 * Connects. Throws `unavailable` when nothing answers under the URL, or the code of the refusal (`token_expired`, …).
 * Once connected, a lost connection is made again until `close`.
 *
 * @example
 * const client = await connect({ url: "http://127.0.0.1:8787" });
 * await client.subscribe("zeek/", (event) => console.log(event.topic, event.name));
 * client.publish("zeek/hello", "Hello::greet", [string("world")]);
 * await client.flush();
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const client = new Client(options);
  await client.opened;
  return client;
}

export class Client {
  readonly #options: ConnectOptions;
  readonly #engine: ClientEngine;
  readonly #handlers = new Handlers<ClientEvents>();
  readonly #subscribers = new Set<Subscriber>();
  readonly #changes = new Map<number, Waiter>();
  #idleWaiters: Waiter[] = [];
  #socket: Socket | undefined;
  #welcome: Welcome | undefined;
  #wasAnswered = false;
  #failure: FabricError | undefined;
  #flushDue = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;
  readonly #opening = Promise.withResolvers<void>();

  /** Use `connect`. */
  constructor(options: ConnectOptions) {
    this.#options = options;
    const hello: Options = { client: "selvedge-sdk", name: options.name, nodeType: options.nodeType };
    const instance = fromBytes(crypto.getRandomValues(new Uint8Array(16)));
    this.#engine = new ClientEngine({ instance, hello, random: Math.random });
    this.#engine.start(Date.now());
    this.#perform();
  }

  /** Resolves with the first welcome. */
  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  /** What the fabric said last when it took the connection. */
  get welcome(): Welcome {
    if (this.#welcome === undefined) throw new FabricError("logic_error", "not connected yet");
    return this.#welcome;
  }

  /** Whether frames can be sent now. */
  get isOpen(): boolean {
    return this.#engine.isOpen;
  }

  /** Calls the handler for each such event; returns what ends that. */
  on<K extends keyof ClientEvents>(type: K, handler: (value: ClientEvents[K]) => void): () => void {
    return this.#handlers.on(type, handler);
  }

  /**
   * Subscribes to topic prefixes; resolves when every later matching event will come. An event comes once, however
   * many of the prefixes match. Throws `forbidden`, `too_many` or `invalid_topic_key`.
   */
  async subscribe(
    prefixes: string | readonly string[],
    onEvent: (event: ReceivedEvent) => void,
  ): Promise<Subscription> {
    const texts = typeof prefixes === "string" ? [prefixes] : prefixes;
    const subscriber = { prefixes: texts.map(parsePrefix), onEvent };
    this.#subscribers.add(subscriber);
    try {
      await this.#change(this.#engine.subscribe(subscriber.prefixes));
    } catch (error) {
      this.#subscribers.delete(subscriber);
      throw error;
    }
    return {
      prefixes: texts,
      unsubscribe: async () => {
        if (!this.#subscribers.delete(subscriber)) return;
        await this.#change(this.#engine.unsubscribe(subscriber.prefixes));
      },
    };
  }

  /**
   * Publishes an event. It goes out with what else is published in this macrotask; `flush` tells when it is
   * sequenced. Throws `invalid_topic_key`, `publisher_too_fast` when too much waits, or what has ended the client.
   */
  publish(topic: string, name: string, args: readonly Value[] = []): void {
    this.publishText(topic, formatDataMessage(topic, { name, args, metadata: [] }));
  }

  /** Publishes an event given as its canonical JSON v1 message (`formatDataMessage`). Throws like `publish`. */
  publishText(topic: string, text: string): void {
    this.#assertAlive();
    this.#engine.publishText(parseTopic(topic), text);
    this.#scheduleFlush();
  }

  /** Publishes runs of events that are encoded already. Throws like `publish`. */
  publishRaw(segments: readonly Segment[]): void {
    this.#assertAlive();
    this.#engine.publishSegments(segments);
    this.#scheduleFlush();
  }

  /** Resolves when everything published so far is sequenced; rejects with what ended the client before. */
  async flush(): Promise<void> {
    this.#engine.flush();
    this.#perform();
    if (this.#engine.isIdle) return;
    this.#assertAlive();
    await new Promise<void>((resolve, reject) => this.#idleWaiters.push({ resolve, reject }));
  }

  /** Sends a log batch; false without a connection. The answer is a `logAck` or `logRefused` event. */
  sendLog(frame: LogBatchFrame): boolean {
    return this.#sendLog(frame);
  }

  /** Asks a logger for its position with a writer; answered and refused as `sendLog`. */
  resumeLog(request: Omit<FrameOf<"logResume">, "type">): boolean {
    return this.#sendLog({ ...request, type: "logResume" });
  }

  /** Publishes what waits, then ends the client. */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      this.#engine.close();
      this.#perform();
    }
  }

  /** Ends the client at once; what is not acknowledged may be lost. */
  abort(): void {
    this.#engine.close();
    this.#perform();
  }

  #sendLog(frame: LogBatchFrame | FrameOf<"logResume">): boolean {
    const isSent = this.#engine.sendLog(frame);
    this.#perform();
    return isSent;
  }

  #change(id: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#changes.set(id, { resolve, reject });
      this.#perform();
    });
  }

  #assertAlive(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #scheduleFlush(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    nextMacrotask(() => {
      this.#flushDue = false;
      this.#engine.flush();
      this.#perform();
    });
  }

  #perform(): void {
    for (let effects = this.#engine.drain(); effects.length > 0; effects = this.#engine.drain()) {
      for (const effect of effects) this.#do(effect);
    }
    this.#armTimer();
  }

  #do(effect: ClientEffect): void {
    switch (effect.type) {
      case "connect":
        return this.#open();
      case "send":
        this.#socket?.send(effect.bytes);
        return;
      case "disconnect":
        return this.#drop();
      case "segment":
        return this.#dispatch(effect.segment);
      case "subscribed":
        return this.#takeChange(effect.id)?.resolve();
      case "refused":
        return this.#takeChange(effect.id)?.reject(effect.error);
      case "idle":
        for (const waiter of this.#idleWaiters.splice(0)) waiter.resolve();
        return;
      case "welcome":
        this.#welcome = welcomeOf(effect.welcome);
        this.#handlers.emit("welcome", this.#welcome);
        return this.#opening.resolve();
      case "lost":
        return this.#lost(effect.retryInMs);
      case "gap":
        return this.#handlers.emit("gap", effect.gap);
      case "logAck":
        return this.#handlers.emit("logAck", effect.frame);
      case "logRefused":
        return this.#handlers.emit("logRefused", effect.frame);
      case "closed":
        return this.#closed(effect.error);
    }
  }

  #open(): void {
    const socket = openSocket(this.#options, {
      opened: () => {
        this.#wasAnswered = true;
        this.#input(socket, () => this.#engine.connected(Date.now()));
      },
      received: (bytes) => this.#input(socket, () => this.#engine.receive(bytes, Date.now())),
      closed: (refusal) => {
        this.#input(socket, () => {
          this.#socket = undefined;
          this.#engine.disconnected(Date.now(), refusal);
        });
      },
    });
    this.#socket = socket;
  }

  /** What a socket says that was given up already counts no more. */
  #input(socket: Socket, take: () => void): void {
    if (this.#socket !== socket) return;
    take();
    this.#perform();
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#engine.disconnected(Date.now());
  }

  /** A first connection that fails is the caller's to try again: the URL may be wrong. */
  #lost(retryInMs: number): void {
    if (this.#welcome !== undefined) return this.#handlers.emit("lost", retryInMs);
    const { url } = this.#options;
    this.#failure = new FabricError(
      "unavailable",
      this.#wasAnswered
        ? `${url} took the connection and ended it without a welcome`
        : `nothing answers at ${url}: does the fabric run?`,
    );
    this.#engine.close();
  }

  #closed(error: FabricError | undefined): void {
    this.#failure ??= error ?? new FabricError("shutting_down", "the client is closed");
    this.#opening.reject(this.#failure);
    this.#opening.promise.catch(() => {});
    for (const waiter of this.#changes.values()) waiter.reject(this.#failure);
    this.#changes.clear();
    for (const waiter of this.#idleWaiters.splice(0)) waiter.reject(this.#failure);
    this.#handlers.emit("close", error);
  }

  #takeChange(id: number): Waiter | undefined {
    const waiter = this.#changes.get(id);
    this.#changes.delete(id);
    return waiter;
  }

  #dispatch(segment: Segment): void {
    const subscribers = [...this.#subscribers].filter((s) =>
      s.prefixes.some((p) => isMatch(p, segment.topic)),
    );
    if (subscribers.length === 0) return;
    for (const event of eventsOf(segment)) {
      for (const { onEvent } of subscribers) guarded(() => onEvent(event));
    }
  }

  /**
   * A timer that comes early asks the engine for nothing and is set again: cheaper than one for each message. A client
   * that waits for nothing has none, so that an ended client keeps no process alive.
   */
  #armTimer(): void {
    const deadlineMs = this.#engine.deadlineMs ?? Infinity;
    if (deadlineMs !== Infinity && this.#timer !== undefined && this.#timerMs <= deadlineMs) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (deadlineMs === Infinity) return;
    this.#timerMs = deadlineMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#engine.tick(Date.now());
        this.#perform();
      },
      Math.max(1, deadlineMs - Date.now()),
    );
  }
}
