/** Topics by connection: those of one, and those of all, also of connections that are made later. */
import { Glob } from "./glob.ts";
import type { Connection } from "./connection.ts";

/** A connection, or null for all. */
export type Scope = Connection | null;

export class TopicLists {
  readonly #byScope = new Map<Scope, Map<string, Glob>>();

  /** Adds a topic. Throws `invalid_topic_key`. */
  add(topic: string, scope: Scope): void {
    const topics = this.#byScope.get(scope) ?? new Map<string, Glob>();
    this.#byScope.set(scope, topics);
    topics.set(topic, new Glob(topic));
  }

  /** Takes the very same string away; false when it is not there. */
  delete(topic: string, scope: Scope): boolean {
    return this.#byScope.get(scope)?.delete(topic) ?? false;
  }

  /** Whether the very same string is there, for this connection or for all. */
  has(topic: string, scope: Scope): boolean {
    return this.#byScope.get(null)?.has(topic) === true || this.#byScope.get(scope)?.has(topic) === true;
  }

  /** What holds for a connection. */
  *of(scope: Scope): Generator<Glob> {
    yield* this.#byScope.get(null)?.values() ?? [];
    if (scope !== null) yield* this.#byScope.get(scope)?.values() ?? [];
  }

  /** Whether one of a connection's topics matches. */
  matches(topic: string, scope: Scope): boolean {
    for (const glob of this.of(scope)) if (glob.matches(topic)) return true;
    return false;
  }

  /** Forgets a connection. */
  forget(connection: Connection): void {
    this.#byScope.delete(connection);
  }
}
