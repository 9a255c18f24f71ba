/** The subscriptions of a node over its client: each event comes once, however many of them match. */
import { isMatch, parseTopic, textOf, type Prefix } from "../protocol/topic.ts";
import type { Client } from "../sdk/client.ts";
import type { ReceivedEvent } from "../sdk/received-event.ts";
import type { Subscription } from "../sdk/subscriptions.ts";

export class NodeSubscriptions {
  readonly #client: Client;
  readonly #received: (event: ReceivedEvent) => void;
  /** In the order of subscribing: the first that matches delivers. */
  readonly #subscriptions = new Map<Prefix, Promise<Subscription>>();

  constructor(client: Client, received: (event: ReceivedEvent) => void) {
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

  #deliver(prefix: Prefix, event: ReceivedEvent): void {
    const topic = parseTopic(event.topic);
    for (const other of this.#subscriptions.keys()) {
      if (other === prefix) return this.#received(event);
      if (isMatch(other, topic)) return;
    }
  }
}
