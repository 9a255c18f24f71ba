/** A client's subscriptions, in both forms: what they take from the engine, and what they ask of it. */
import type { FabricError } from "../base/errors.ts";
import type { Overflow } from "../protocol/overflow.ts";
import { parsePrefix, parseTopic } from "../protocol/topic.ts";
import { orAborted } from "./abort.ts";
import type { ClientEngine } from "./client-engine.ts";
import type { Delivery } from "./credit-ledger.ts";
import type { EventRun } from "./event-run.ts";
import { StreamSubscriber, type EventStream } from "./event-stream.ts";
import { HandlerSubscriber, type EventHandler } from "./handler-subscriber.ts";
import type { History } from "./history.ts";
import type { Link } from "./link.ts";
import { Subscribers, type Interest, type Subscriber } from "./subscribers.ts";

/** A live subscription. */
export interface Subscription extends AsyncDisposable {
  readonly prefixes: readonly string[];
  /** Ends it; resolves when no more events come for it. */
  unsubscribe(): Promise<void>;
}

export interface SubscribeOptions {
  /** Whether this client's own events come too, in their place in the order; by default not. */
  readonly local?: boolean | undefined;
  /**
   * What of the past comes first, where the topics are kept; then what is new. A client's subscriptions with a history
   * get each other's where their prefixes overlap. Throws `invalid_data` where nothing is kept; JSON v1 has none.
   */
  readonly history?: History | undefined;
  /**
   * What the fabric does when this client falls behind in these topics, and how much may wait for it there; by default
   * as the client was connected. Another policy means another connection. JSON v1 has none.
   */
  readonly overflow?: Overflow | undefined;
  readonly queueBytes?: number | undefined;
  /** Ends the subscription. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: FabricError) => void;
}

export class Subscriptions {
  readonly #engine: ClientEngine;
  readonly #link: Link;
  readonly #subscribers = new Subscribers();
  /** Changes without an answer, by id. */
  readonly #changes = new Map<number, Waiter>();
  #isOver = false;

  constructor(engine: ClientEngine, link: Link) {
    this.#engine = engine;
    this.#link = link;
  }

  /** Subscribes a function; resolves when that is in force. */
  async handler(
    texts: readonly string[],
    handler: EventHandler,
    options: SubscribeOptions,
  ): Promise<Subscription> {
    const { signal } = options;
    signal?.throwIfAborted();
    const subscriber = new HandlerSubscriber(interestOf(texts, options), handler, this.#release);
    const unsubscribe = () => {
      signal?.removeEventListener("abort", onAbort);
      return this.#unsubscribe(subscriber);
    };
    const onAbort = () => void unsubscribe().catch(() => {});
    signal?.addEventListener("abort", onAbort);
    await orAborted(this.#add(subscriber), signal);
    return { prefixes: texts, unsubscribe, [Symbol.asyncDispose]: unsubscribe };
  }

  /** Subscribes a stream. */
  stream(texts: readonly string[], options: SubscribeOptions): EventStream {
    const { signal } = options;
    signal?.throwIfAborted();
    const ready = Promise.withResolvers<void>();
    const stream = new StreamSubscriber({
      interest: interestOf(texts, options),
      signal,
      ready: ready.promise,
      release: this.#release,
      unsubscribe: (subscriber) => this.#unsubscribe(subscriber),
    });
    this.#add(stream).then(ready.resolve, ready.reject);
    return stream;
  }

  async #add(subscriber: Subscriber): Promise<void> {
    const { interest } = subscriber;
    this.#subscribers.add(subscriber);
    try {
      await this.#change((engine) => engine.subscribe(interest.prefixes, interest.history));
    } catch (error) {
      this.#subscribers.delete(subscriber);
      throw error;
    }
  }

  /** Nothing comes any more either when the client ends meanwhile. */
  async #unsubscribe(subscriber: Subscriber): Promise<void> {
    if (!this.#subscribers.delete(subscriber)) return;
    subscriber.end(undefined);
    if (this.#isOver) return;
    try {
      await this.#change((engine) => engine.unsubscribe(subscriber.interest.prefixes));
    } catch (error) {
      if (!this.#isOver) throw error;
    }
  }

  #change(change: (engine: ClientEngine) => number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#changes.set(change(this.#engine), { resolve, reject });
      this.#link.perform();
      this.#link.scheduleFlush();
    });
  }

  deliver(runs: readonly EventRun[], delivery: Delivery): void {
    for (const run of runs) this.#subscribers.dispatch(run, delivery);
    this.#release(delivery);
  }

  /** Whether a subscription gets what this client publishes under the topic. Throws `invalid_topic_key`. */
  takeOwn(topic: string): boolean {
    return this.#subscribers.takeOwn(parseTopic(topic));
  }

  /** A change is in force. */
  confirmed(id: number): void {
    this.#takeChange(id)?.resolve();
  }

  /** A change is refused. */
  refused(id: number, error: FabricError): void {
    this.#takeChange(id)?.reject(error);
  }

  /** The client has ended: by an error, or because it was closed, which streams take as their end. */
  end(error: FabricError | undefined, closed: FabricError): void {
    this.#isOver = true;
    for (const waiter of this.#changes.values()) waiter.reject(error ?? closed);
    this.#changes.clear();
    this.#subscribers.end(error);
  }

  #takeChange(id: number): Waiter | undefined {
    const waiter = this.#changes.get(id);
    this.#changes.delete(id);
    return waiter;
  }

  readonly #release = (delivery: Delivery): void => {
    if (!delivery.release()) return;
    this.#engine.taken(Date.now());
    this.#link.perform();
  };
}

function interestOf(texts: readonly string[], { local = false, history }: SubscribeOptions): Interest {
  return { prefixes: texts.map(parsePrefix), isLocal: local, history };
}
