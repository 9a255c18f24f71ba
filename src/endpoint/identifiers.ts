/**
 * Zeek's `Broker::publish_id`: the value of a global identifier, sent to peers. On the wire it is the event
 * `Broker::identifier_update(id: string, value)`.
 */
import { string, type Value } from "../data/value.ts";
import type { FabricEvent } from "../protocol/event.ts";
import type { EndpointEvent } from "./event-handlers.ts";

const NAME = "Broker::identifier_update";

export class Identifiers {
  readonly #values = new Map<string, Value>();

  /** Declares an identifier with its value: from now on peers may update it. */
  declare(id: string, value: Value): void {
    this.#values.set(id, value);
  }

  /** The value of an identifier; undefined when it is not declared. */
  get(id: string): Value | undefined {
    return this.#values.get(id);
  }

  /** @internal The event that sends a value. */
  update(id: string, value: Value): FabricEvent {
    return { name: NAME, args: [string(id), value], metadata: [] };
  }

  /** @internal Whether the event is an update; a value of an identifier that is not declared goes nowhere. */
  take({ name, args: [id, value] }: EndpointEvent): boolean {
    if (name !== NAME) return false;
    if (
      id?.type === "string" &&
      typeof id.value === "string" &&
      value !== undefined &&
      this.#values.has(id.value)
    )
      this.#values.set(id.value, value);
    return true;
  }
}
