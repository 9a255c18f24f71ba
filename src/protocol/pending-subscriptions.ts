/** Subscriptions that span several routers, until all of these have confirmed them (rule 7). */
import { LIMITS } from "../base/limits.ts";

interface Pending {
  /** Routers that have not confirmed it, and those that have. */
  readonly routers: Set<string>;
  readonly confirmed: string[];
  readonly deadlineMs: number;
}

/** One that all its routers have confirmed. */
export interface Confirmed {
  readonly id: number;
  readonly routers: readonly string[];
}

export class PendingSubscriptions {
  readonly #pending = new Map<number, Pending>();

  /** When the first one fails, ms; Infinity when none waits. */
  get deadlineMs(): number {
    let due = Infinity;
    for (const { deadlineMs } of this.#pending.values()) due = Math.min(due, deadlineMs);
    return due;
  }

  add(id: number, routers: Iterable<string>, nowMs: number): void {
    const deadlineMs = nowMs + LIMITS.subscribeMs;
    this.#pending.set(id, { routers: new Set(routers), confirmed: [], deadlineMs });
  }

  /** A router has everything up to an id. */
  confirmed(router: string, id: number): void {
    for (const [other, pending] of this.#pending) {
      if (other <= id && pending.routers.delete(router)) pending.confirmed.push(router);
    }
  }

  /** Those that are complete, in the order of their ids. */
  *takeComplete(): Generator<Confirmed> {
    for (const [id, { routers, confirmed }] of this.#pending) {
      if (routers.size > 0) continue;
      this.#pending.delete(id);
      yield { id, routers: confirmed };
    }
  }

  clear(): void {
    this.#pending.clear();
  }
}
