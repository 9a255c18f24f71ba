/**
 * A subscription whose events are iterated over. An event is consumed when the next one is asked for; a reader that
 * stops asking gives no credit, so what waits here is bounded by the client's window.
 */
import type { Delivery } from "./credit-ledger.ts";
import type { EventRun } from "./event-run.ts";
import type { ReceivedEvent } from "./received-event.ts";
import type { Interest, Subscriber } from "./subscribers.ts";

type Result = IteratorResult<ReceivedEvent, undefined>;
const DONE: Result = { value: undefined, done: true };

interface Waiting {
  readonly run: EventRun;
  readonly delivery: Delivery;
}

interface Reader {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

export interface StreamOptions {
  readonly interest: Interest;
  readonly signal: AbortSignal | undefined;
  /** Resolves when the subscription is in force. */
  readonly ready: Promise<void>;
  readonly release: (delivery: Delivery) => void;
  readonly unsubscribe: (subscriber: Subscriber) => Promise<void>;
}

/** A subscription to iterate over: `for await (const event of stream)`. */
export interface EventStream extends AsyncIterableIterator<ReceivedEvent, undefined>, AsyncDisposable {
  /** Resolves when every later matching event will come; rejects with why the subscription was refused. */
  readonly ready: Promise<void>;
  /** The next event. Done after `unsubscribe` or the client's `close`; throws what ended the client, or the signal. */
  next(): Promise<IteratorResult<ReceivedEvent, undefined>>;
  /** Ends the subscription, as a `break` does; events that wait are dropped. */
  return(): Promise<IteratorResult<ReceivedEvent, undefined>>;
  /** Ends the subscription; resolves when no more events come for it. Events that wait are dropped. */
  unsubscribe(): Promise<void>;
}

export class StreamSubscriber implements EventStream, Subscriber {
  readonly ready: Promise<void>;
  readonly #options: StreamOptions;
  /** Runs that wait, from `#head` on, and the place in the first one. */
  #queue: Waiting[] = [];
  #head = 0;
  #next = 0;
  readonly #readers: Reader[] = [];
  #isOver = false;
  #error: Error | undefined;
  readonly #onAbort = () => this.#drop(this.#options.signal!.reason as Error);

  constructor(options: StreamOptions) {
    this.#options = options;
    this.ready = options.ready;
    // The iteration throws it as well: nobody has to await both.
    this.ready.catch((error: unknown) => this.end(error as Error));
    options.signal?.addEventListener("abort", this.#onAbort);
  }

  get interest(): Interest {
    return this.#options.interest;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    try {
      const event = this.#take();
      if (event !== undefined) return Promise.resolve({ value: event, done: false });
    } catch (error) {
      this.#drop(error as Error);
    }
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#isOver) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  async return(): Promise<Result> {
    await this.unsubscribe();
    return DONE;
  }

  async unsubscribe(): Promise<void> {
    this.#drop(undefined);
    await this.#options.unsubscribe(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unsubscribe();
  }

  take(run: EventRun, delivery: Delivery): void {
    if (this.#isOver) return;
    delivery.hold();
    this.#queue.push({ run, delivery });
    while (this.#readers.length > 0) {
      const event = this.#take();
      if (event === undefined) return;
      this.#readers.shift()!.resolve({ value: event, done: false });
    }
  }

  /** Events that wait are still given out. */
  end(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    for (const { resolve, reject } of this.#readers.splice(0)) {
      if (error === undefined) resolve(DONE);
      else reject(error);
    }
  }

  /** The next event that waits. A run is released when something behind its last event is asked for. */
  #take(): ReceivedEvent | undefined {
    for (let first = this.#queue[this.#head]; first !== undefined; first = this.#queue[this.#head]) {
      const event = first.run.event(this.#next);
      if (event !== undefined) {
        this.#next++;
        return event;
      }
      this.#next = 0;
      this.#head++;
      if (this.#head * 2 > this.#queue.length) {
        this.#queue.splice(0, this.#head);
        this.#head = 0;
      }
      this.#options.release(first.delivery);
    }
    return undefined;
  }

  /** Ends at once. */
  #drop(error: Error | undefined): void {
    this.end(error);
    if (error !== undefined) void this.#options.unsubscribe(this).catch(() => {});
    const waiting = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    this.#next = 0;
    for (const { delivery } of waiting) this.#options.release(delivery);
  }
}
