/** The handlers of events, logs and writes: registered by topic, with `*` as in subscriptions. */
import { FabricError } from "../../base/errors.ts";
import { HandlerTable } from "./handler-table.ts";
import type { Shared } from "./parts.ts";

export class Handled<Callback> {
  /** @internal */
  readonly handlers = new HandlerTable<Callback>();
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** Several handlers may have one topic. False with `invalid_topic_key`. */
  registerHandler(topic: string, callback: Callback, cookie?: unknown): boolean {
    return this.#shared.error.attempt(false, () => {
      this.handlers.add(topic, callback, cookie);
      this.#shared.changed();
      return true;
    });
  }

  /** False with `not_found` when the callback has not the very same topic. */
  unregisterHandler(topic: string, callback: Callback): boolean {
    return this.#shared.error.attempt(false, () => {
      if (!this.handlers.delete(topic, callback)) {
        throw new FabricError("not_found", `no such handler of '${topic}'`);
      }
      this.#shared.changed();
      return true;
    });
  }
}
