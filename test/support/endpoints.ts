/** Endpoints of a test: made, connected and closed together. */
import { Endpoint, type EndpointOptions } from "../../src/endpoint/endpoint.ts";
import type { EndpointEvent } from "../../src/endpoint/event-handlers.ts";
import type { PeerOptions } from "../../src/endpoint/dialled-peer.ts";
import { toJs, type Js } from "../../src/sdk/values.ts";

let names = 0;

export class Endpoints implements AsyncDisposable {
  readonly #all: Endpoint[] = [];

  make(options: EndpointOptions = {}): Endpoint {
    const endpoint = new Endpoint(options);
    this.#all.push(endpoint);
    return endpoint;
  }

  /** `count` endpoints, each connected to the one before it. */
  async line(count: number, options: EndpointOptions = {}): Promise<Endpoint[]> {
    const all = Array.from({ length: count }, () => this.make(options));
    for (let i = 1; i < count; i++) await join(all[i]!, all[i - 1]!);
    return all;
  }

  /** Dials a place where somebody listens; resolves when the dialler knows it. */
  async dial(dialler: Endpoint, url: string, options: PeerOptions = {}): Promise<void> {
    const added = next(dialler, "peer_added");
    dialler.peer(url, { retryMs: 10, ...options });
    await added;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((endpoint) => endpoint.close()));
  }
}

/** A place inside the process that nobody else has. */
export const place = (): string => `inproc://${++names}`;

/** Resolves with the next status of this type. */
export function next<K extends "peer_added" | "peer_lost" | "peer_removed" | "gap" | "error">(
  endpoint: Endpoint,
  type: K,
) {
  return new Promise<Parameters<Parameters<typeof endpoint.onStatus<K>>[1]>[0]>((resolve) => {
    const stop = endpoint.onStatus(type, (value) => {
      stop();
      resolve(value);
    });
  });
}

/** The one dials the other; resolves when both know it. */
export async function join(dialler: Endpoint, listener: Endpoint, url = place()): Promise<string> {
  const bound = await listener.listen(url);
  const added = [next(dialler, "peer_added"), next(listener, "peer_added")];
  dialler.peer(bound, { retryMs: 10 });
  await Promise.all(added);
  return bound;
}

/** What an endpoint handles of one event, as it comes. */
export class Inbox {
  readonly events: EndpointEvent[] = [];
  #wake = (): void => {};

  constructor(endpoint: Endpoint, ...names: readonly string[]) {
    for (const name of names) {
      endpoint.on(name, (event) => {
        this.events.push(event);
        this.#wake();
      });
    }
  }

  /** The first argument of each. */
  get firsts(): readonly Js[] {
    return this.events.map(({ args: [first] }) => (first === undefined ? null : toJs(first)));
  }

  /** Waits for so many. */
  async until(count: number): Promise<readonly EndpointEvent[]> {
    while (this.events.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.events;
  }
}
