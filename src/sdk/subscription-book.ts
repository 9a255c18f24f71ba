/** What a client is subscribed to, and the changes of it that the fabric has not answered yet. */
import type { Frame, Options, Position } from "../protocol/frame.ts";
import type { Prefix } from "../protocol/topic.ts";

interface Change {
  readonly type: "subscribe" | "unsubscribe";
  readonly prefixes: readonly Prefix[];
  readonly options: Options;
}

export class SubscriptionBook {
  /** How many subscriptions want each prefix. */
  readonly #wanted = new Map<Prefix, number>();
  /** Changes without an answer, in order, by id. */
  readonly #changes = new Map<number, Change>();
  #lastId = 0;
  /** The frame that brings back what was in force on the last connection. */
  #resumeId = 0;

  /** Wants the prefixes. Returns the id of the change. */
  subscribe(prefixes: readonly Prefix[], options: Options = {}): number {
    for (const prefix of prefixes) this.#wanted.set(prefix, (this.#wanted.get(prefix) ?? 0) + 1);
    return this.#add({ type: "subscribe", prefixes, options });
  }

  /** Gives the prefixes up; those that another subscription wants stay. Returns the id of the change. */
  unsubscribe(prefixes: readonly Prefix[]): number {
    return this.#add({ type: "unsubscribe", prefixes: this.#unwant(prefixes), options: {} });
  }

  /** What is wanted now, answered or not. */
  get wanted(): readonly Prefix[] {
    return [...this.#wanted.keys()];
  }

  /** Changes without an answer, in order. */
  get pending(): readonly number[] {
    return [...this.#changes.keys()];
  }

  /** The frame that asks for a change, or undefined when there is nothing to ask for. */
  frameOf(id: number): Frame | undefined {
    const change = this.#changes.get(id);
    if (change === undefined || change.prefixes.length === 0) return undefined;
    const { type, prefixes, options } = change;
    return type === "subscribe" ? { type, id, prefixes, positions: [], options } : { type, id, prefixes };
  }

  /**
   * The frames that a new connection begins with: what was in force in one, from where the client stands, then what had
   * no answer, one by one, from when it is in force. A new connection does not know what was to be taken away:
   * `confirmed` are the changes that need no frame.
   */
  resume(positions: readonly Position[]): { readonly frames: Frame[]; readonly confirmed: number[] } {
    const inForce = new Map(this.#wanted);
    const frames: Frame[] = [];
    const confirmed: number[] = [];
    for (const [id, { type, prefixes, options }] of this.#changes) {
      if (type === "unsubscribe" || prefixes.length === 0) {
        confirmed.push(id);
        continue;
      }
      for (const prefix of prefixes) inForce.set(prefix, inForce.get(prefix)! - 1);
      frames.push({ type, id, prefixes, positions: [], options });
    }
    const rest = [...inForce.keys()].filter((prefix) => inForce.get(prefix)! > 0);
    if (rest.length > 0) {
      this.#resumeId = ++this.#lastId;
      frames.unshift({ type: "subscribe", id: this.#resumeId, prefixes: rest, positions, options: {} });
    }
    return { frames, confirmed };
  }

  /** Whether the id is that of a change that waited; it is in force now. */
  confirm(id: number): boolean {
    return this.#changes.delete(id);
  }

  /** Forgets a change that the fabric refused. `lost`: what was in force is refused now; `unknown`: no such change. */
  refuse(id: number): "change" | "lost" | "unknown" {
    if (id === this.#resumeId) return "lost";
    const change = this.#changes.get(id);
    if (change === undefined) return "unknown";
    this.#changes.delete(id);
    if (change.type === "subscribe") this.#unwant(change.prefixes);
    return "change";
  }

  #add(change: Change): number {
    const id = ++this.#lastId;
    this.#changes.set(id, change);
    return id;
  }

  #unwant(prefixes: readonly Prefix[]): Prefix[] {
    return prefixes.filter((prefix) => {
      const left = (this.#wanted.get(prefix) ?? 0) - 1;
      if (left > 0) this.#wanted.set(prefix, left);
      return left <= 0 && this.#wanted.delete(prefix);
    });
  }
}
