/** The subscriptions of a node over its client: each event comes once, however many of them match. */
import { isMatch, parseTopic, textOf, type Prefix } from "../protocol/topic.ts";
import type { Client } from "../sdk/client.ts";
import type { ReceivedEvent } from "../sdk/received-event.ts";
import type { Subscription } from "../sdk/subscriptions.ts";

export class NodeSubscriptions {
  readonly #client: Client;
  readonly #received: (event: ReceivedEvent) => unknown;
  /** In the order of subscribing: the first that matches delivers. */
  readonly #subscriptions = new Map<Prefix, Promise<Subscription>>();

  /** @param received What it returns is awaited before the event counts as consumed. */
  constructor(client: Client, received: (event: ReceivedEvent) => unknown) {
    this.#client = client;
    this.#received = received;
  }

  /** Resolves when every later matching event will come. Throws like the client's `subscribe`. */
  async add(prefix: Prefix): Promise<void> {
    if (this.#subscriptions.has(prefix)) return;
    const subscribed = this.#client.subscribe(textOf(prefix), (event) => this.#deliver(prefix, event));
    this.#subscriptions.set(prefix, subscribed);
    try {
      await subscribed;
    } catch (error) {
      this.#subscriptions.delete(prefix);
      throw error;
    }
  }

  async remove(prefix: Prefix): Promise<void> {
    const subscribed = this.#subscriptions.get(prefix);
    this.#subscriptions.delete(prefix);
    await (await subscribed)?.unsubscribe();
  }

  #deliver(prefix: Prefix, event: ReceivedEvent): unknown {
    const topic = parseTopic(event.topic);
    for (const other of this.#subscriptions.keys()) {
      if (other === prefix) return this.#received(event);
      if (isMatch(other, topic)) return undefined;
    }
    return undefined;
  }
}
