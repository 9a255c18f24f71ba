/** `bro_topic_…`. A connection of null stands for all, those that are made later included. */
import { FabricError } from "../../base/errors.ts";
import type { Shared } from "./parts.ts";
import type { Routes } from "./routes.ts";
import type { Scope, TopicLists } from "./topic-lists.ts";

export class Topics {
  readonly #routes: Routes;
  readonly #shared: Shared;

  constructor(routes: Routes, shared: Shared) {
    this.#routes = routes;
    this.#shared = shared;
  }

  /** Makes a topic available. False with `invalid_topic_key` for reserved ones and those that are too long. */
  publish(topic: string, connection: Scope = null): boolean {
    return this.#add(this.#routes.published, topic, connection);
  }

  /** Ends that; false with `not_found` when the very same topic is not published. */
  unpublish(topic: string, connection: Scope = null): boolean {
    return this.#delete(this.#routes.published, topic, connection);
  }

  /** Asks for topics; `*` stands for any run of bytes. */
  subscribe(topic: string, connection: Scope = null): boolean {
    return this.#add(this.#routes.subscribed, topic, connection);
  }

  /** Takes the very same string. */
  unsubscribe(topic: string, connection: Scope = null): boolean {
    return this.#delete(this.#routes.subscribed, topic, connection);
  }

  /** From now on events that are raised here reach the handlers here, too. */
  subscribeLocally(topic: string): boolean {
    return this.#add(this.#routes.local, topic, null);
  }

  unsubscribeLocally(topic: string): boolean {
    return this.#delete(this.#routes.local, topic, null);
  }

  /** Makes this node a router for matching topics, from one connection to another. */
  forward(topic: string, from: Scope = null, to: Scope = null): boolean {
    return this.#shared.error.attempt(false, () => {
      this.#routes.forward(topic, from, to);
      this.#shared.changed();
      return true;
    });
  }

  #add(lists: TopicLists, topic: string, connection: Scope): boolean {
    return this.#shared.error.attempt(false, () => {
      this.#routes.assertOwn(topic);
      lists.add(topic, connection);
      this.#shared.changed();
      return true;
    });
  }

  #delete(lists: TopicLists, topic: string, connection: Scope): boolean {
    return this.#shared.error.attempt(false, () => {
      if (!lists.delete(topic, connection))
        throw new FabricError("not_found", `'${topic}' is not in the list`);
      this.#shared.changed();
      return true;
    });
  }
}
