/**
 * Requests and surveys: each has a reply topic of its own under a prefix that only this client knows, named in the
 * request's metadata. One subscription serves them all.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { EventMetadata } from "../protocol/event.ts";
import { orAborted } from "./abort.ts";
import type { PublishAck } from "./publish-waiters.ts";
import type { ReceivedEvent } from "./received-event.ts";
import { replyToMetadata } from "./reply-topic.ts";

export interface RequestOptions {
  /** How long replies are waited for, ms; by default `LIMITS.requestMs`. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SurveyOptions extends RequestOptions {
  /** The survey ends with so many replies, if not by its time. */
  readonly replies?: number | undefined;
}

/** What requests need of a client. */
export interface ReplyPort {
  /** Subscribes to where replies come. */
  listen(prefix: string, onReply: (event: ReceivedEvent) => void): Promise<unknown>;
  /** Publishes the request. */
  send(metadata: EventMetadata): Promise<PublishAck>;
}

export class Replies {
  readonly #prefix: string;
  readonly #listen: (prefix: string, onReply: (event: ReceivedEvent) => void) => Promise<unknown>;
  #listening: Promise<unknown> | undefined;
  #last = 0;
  readonly #byTopic = new Map<string, (reply: ReceivedEvent) => void>();
  readonly #ends = new Set<(error: Error) => void>();
  #error: Error | undefined;

  /** @param prefix Where replies come: nobody else may know it. */
  constructor(prefix: string, listen: ReplyPort["listen"]) {
    this.#prefix = prefix;
    this.#listen = listen;
  }

  /** The first reply. Throws `request_timeout`, `no_receiver`, the refusal of the publish, or the signal's reason. */
  async request(send: ReplyPort["send"], options: RequestOptions): Promise<ReceivedEvent> {
    for await (const reply of this.survey(send, { ...options, replies: 1 })) return reply;
    throw new FabricError("request_timeout", `no reply within ${timeoutOf(options)} ms`);
  }

  /** Each replier's first reply, as they come, until the time is over or there are enough. Throws like `request`. */
  async *survey(
    send: ReplyPort["send"],
    options: SurveyOptions,
  ): AsyncGenerator<ReceivedEvent, undefined, undefined> {
    const { signal, replies = Infinity } = options;
    signal?.throwIfAborted();
    if (this.#error !== undefined) throw this.#error;
    this.#listening ??= this.#listen(this.#prefix, (reply) => this.#byTopic.get(reply.topic)?.(reply));
    await orAborted(this.#listening, signal);
    const topic = this.#prefix + String(++this.#last);
    const inbox = new Inbox();
    this.#byTopic.set(topic, (reply) => inbox.add(reply));
    const end = (error: Error) => inbox.end(error);
    this.#ends.add(end);
    const onAbort = () => inbox.end(signal!.reason as Error);
    signal?.addEventListener("abort", onAbort);
    const timer = setTimeout(() => inbox.end(undefined), timeoutOf(options));
    try {
      const { receivers } = await orAborted(send(replyToMetadata(topic)), signal);
      if (receivers === 0)
        throw new FabricError("no_receiver", "nobody is subscribed to the topic of the request");
      for (let got = 0; got < replies; got++) {
        const reply = await inbox.next();
        if (reply === undefined) return;
        yield reply;
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      this.#ends.delete(end);
      this.#byTopic.delete(topic);
    }
  }

  /** The client has ended. */
  end(error: Error): void {
    this.#error = error;
    for (const end of this.#ends) end(error);
  }
}

function timeoutOf({ timeoutMs = LIMITS.requestMs }: RequestOptions): number {
  return timeoutMs;
}

/** Replies to one request: each publisher's first. */
class Inbox {
  readonly #repliers = new Set<string>();
  readonly #waiting: ReceivedEvent[] = [];
  #isOver = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  add(reply: ReceivedEvent): void {
    if (reply.publisher !== undefined) {
      if (this.#repliers.has(reply.publisher)) return;
      this.#repliers.add(reply.publisher);
    }
    this.#waiting.push(reply);
    this.#wake?.();
  }

  end(error: Error | undefined): void {
    this.#isOver = true;
    this.#error ??= error;
    this.#wake?.();
  }

  /** Undefined when the time is over. */
  async next(): Promise<ReceivedEvent | undefined> {
    for (;;) {
      const reply = this.#waiting.shift();
      if (reply !== undefined) return reply;
      if (this.#error !== undefined) throw this.#error;
      if (this.#isOver) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
