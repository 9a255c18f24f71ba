/** Handlers of events by name, and what an event is to them. */
import type { EventMetadata } from "../protocol/event.ts";
import type { Value } from "../data/value.ts";
import { report } from "../sdk/handlers.ts";

/** An event as handlers get it. */
export interface EndpointEvent {
  /** A Zeek identifier with its module where it has one. */
  readonly name: string;
  readonly args: readonly Value[];
  readonly metadata: readonly EventMetadata[];
  /** Under which it came; empty when it was raised here. */
  readonly topic: string;
  /** Zeek's `is_remote_event()`. */
  readonly isRemote: boolean;
  /** Id of the endpoint, or of the client, that published it. */
  readonly origin: string;
}

export type EndpointHandler = (event: EndpointEvent) => void;

/** Handlers by a key, in the order in which they came. One that throws is reported, and costs the others nothing. */
export class EventHandlers<Event = EndpointEvent> {
  readonly #byKey = new Map<string, Set<(event: Event) => void>>();

  /** Adds a handler; returns what takes it away. */
  on(key: string, handler: (event: Event) => void): () => void {
    const handlers = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, handlers);
    const entry = (event: Event) => handler(event);
    handlers.add(entry);
    return () => handlers.delete(entry);
  }

  /** Calls the handlers. */
  call(key: string, event: Event): void {
    for (const handler of this.#byKey.get(key) ?? []) {
      try {
        handler(event);
      } catch (error) {
        report(error);
      }
    }
  }
}
