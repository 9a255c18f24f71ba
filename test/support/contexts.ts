/** Contexts of the interface of 2014, connected and destroyed together. */
import { expect } from "vitest";
import type { BroEvent } from "../../src/endpoint/api2014/bro-event.ts";
import type { Connection } from "../../src/endpoint/api2014/connection.ts";
import { createContext, type Context } from "../../src/endpoint/api2014/context.ts";
import { toJs, type Argument, type Js } from "../../src/sdk/values.ts";
import { place } from "./endpoints.ts";

export class Contexts implements AsyncDisposable {
  readonly #all: Context[] = [];

  make(name?: string): Context {
    const context = createContext(0, name === undefined ? {} : { name });
    this.#all.push(context);
    return context;
  }

  /** The second one has connected to the first one. */
  async pair(flags: { readonly listener?: number; readonly dialler?: number } = {}): Promise<Pair> {
    const [listener, dialler] = [this.make("listener"), this.make()];
    return { listener, dialler, ...(await connect(dialler, listener, flags)) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((context) => context.destroy()));
  }
}

export interface Link {
  /** The connection as the dialler has it, and as the listener has it. */
  readonly out: Connection;
  readonly in: Connection;
}

export interface Pair extends Link {
  readonly listener: Context;
  readonly dialler: Context;
}

/** The one connects to the other; resolves when both have the connection. */
export async function connect(
  dialler: Context,
  listener: Context,
  flags: { readonly listener?: number; readonly dialler?: number } = {},
  name = "dialler",
): Promise<Link> {
  let taken: Connection | undefined;
  const url = await listener.connection.listen(place(), flags.listener, (connection) => {
    taken = connection;
    return true;
  });
  const out = dialler.connection.open(name, url!, flags.dialler, { retryMs: 10 })!;
  expect(await out.opened).toBe(true);
  expect(await taken!.opened).toBe(true);
  return { out, in: taken! };
}

/** An event at a time of its own. */
export const event = (context: Context, name: string, ...args: readonly Argument[]): BroEvent =>
  context.event.new(name, 0, args)!;

/** What handlers of a topic were called with. */
export class Calls {
  readonly all: { readonly event: BroEvent; readonly topic: string; readonly cookie: unknown }[] = [];
  #wake = (): void => {};

  /** The callback to register. */
  readonly take = (received: BroEvent, topic: string, cookie: unknown): void => {
    this.all.push({ event: received, topic, cookie });
    this.#wake();
  };

  constructor(context?: Context, topic = "*", cookie?: unknown) {
    context?.event.registerHandler(topic, this.take, cookie);
  }

  get topics(): readonly string[] {
    return this.all.map(({ topic }) => topic);
  }

  get firsts(): readonly Js[] {
    return this.all.map(({ event: { args } }) => (args[0] === undefined ? null : toJs(args[0])));
  }

  async until(count: number): Promise<this> {
    while (this.all.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this;
  }
}

/** Raises events on these topics, then one that everybody gets: what has not come before it does not come. */
export async function raiseAll(from: Context, topics: readonly string[], calls: Calls): Promise<void> {
  await from.flush();
  for (const topic of topics) expect(from.event.raise(topic, event(from, "ev", topic))).toBe(true);
  from.event.raise("end", event(from, "end"));
  while (!calls.topics.includes("end")) await calls.until(calls.all.length + 1);
}
