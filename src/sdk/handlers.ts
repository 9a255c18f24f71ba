/** Typed handlers of a client's events. */
export class Handlers<Events> {
  readonly #byType = new Map<keyof Events, Set<(value: never) => void>>();

  /** Adds a handler; returns what takes it away. */
  on<K extends keyof Events>(type: K, handler: (value: Events[K]) => void): () => void {
    const handlers = this.#byType.get(type) ?? new Set();
    this.#byType.set(type, handlers);
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  /** Calls each handler of the type. */
  emit<K extends keyof Events>(type: K, value: Events[K]): void {
    for (const handler of this.#byType.get(type) ?? []) {
      try {
        handler(value as never);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** That a user's code throws is its author's concern: it is reported as uncaught, and the caller goes on. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error as Error;
  });
}
