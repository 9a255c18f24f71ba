/** Operations that scripts wait for. Only a process that lives can hear their end: they are not stored. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Outcome } from "./zeek.ts";

export interface PendingWhen {
  readonly id: number;
  readonly script: string;
  readonly dueMs: number;
  readonly callback: (outcome: Outcome<unknown>) => void;
}

export class Whens {
  readonly #pending = new Map<number, PendingWhen>();
  #lastId: number;

  /** @param lastId Ids of operations of before are not used again. */
  constructor(lastId: number) {
    this.#lastId = lastId;
  }

  /** When the next one is over, ms; Infinity when there is none. Cost: all of them. */
  get dueMs(): number {
    let due = Infinity;
    for (const { dueMs } of this.#pending.values()) due = Math.min(due, dueMs);
    return due;
  }

  /** Throws `invalid_data` for a timeout that is not in (0, `LIMITS.scriptWhenMsMax`], `too_many`. */
  add(
    script: string,
    nowMs: number,
    timeoutMs: number,
    callback: (outcome: Outcome<unknown>) => void,
  ): number {
    if (!(timeoutMs > 0 && timeoutMs <= LIMITS.scriptWhenMsMax)) {
      throw new FabricError(
        "invalid_data",
        `when waits for more than 0 and at most ${LIMITS.scriptWhenMsMax} ms`,
      );
    }
    if (this.#pending.size >= LIMITS.scriptWhensMax) {
      throw new FabricError("too_many", `a node waits for at most ${LIMITS.scriptWhensMax} operations`);
    }
    const id = ++this.#lastId;
    this.#pending.set(id, { id, script, dueMs: nowMs + timeoutMs, callback });
    return id;
  }

  /** Takes the one with this id; undefined when its time was over before. */
  take(id: number): PendingWhen | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  /** Takes those whose time is over, oldest first. */
  takeOver(nowMs: number): readonly PendingWhen[] {
    const over = [...this.#pending].filter(([, { dueMs }]) => dueMs <= nowMs);
    for (const [id] of over) this.#pending.delete(id);
    return over.map(([, pending]) => pending);
  }
}
