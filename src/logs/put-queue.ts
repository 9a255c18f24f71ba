/** The puts of planned objects: which are under way, which wait for their next try, oldest first. Knows no bytes. */
import { LIMITS } from "../base/limits.ts";
import type { ObjectPlan } from "./object-plan.ts";

interface Put {
  readonly plan: ObjectPlan;
  /** When the put under way began, or undefined. */
  startedMs: number | undefined;
  /** When the next try is due; meaningful while none is under way. */
  retryMs: number;
  failures: number;
}

export class PutQueue {
  readonly #puts = new Map<string, Put>();

  /** Plans that are not done. */
  get plans(): readonly ObjectPlan[] {
    return [...this.#puts.values()].map(({ plan }) => plan);
  }

  add(plan: ObjectPlan): void {
    this.#puts.set(plan.key, { plan, startedMs: undefined, retryMs: 0, failures: 0 });
  }

  /** R2 has the object. Returns its plan, or undefined when another put of it was answered before. */
  succeeded(key: string): ObjectPlan | undefined {
    const put = this.#puts.get(key);
    this.#puts.delete(key);
    return put?.plan;
  }

  /** The put failed or its fate is unknown: it is tried again later. */
  failed(key: string, nowMs: number): void {
    const put = this.#puts.get(key);
    if (put === undefined) return;
    const waitMs = LIMITS.logPutRetryMs * 2 ** Math.min(put.failures, 16);
    put.failures++;
    put.startedMs = undefined;
    put.retryMs = nowMs + Math.min(waitMs, LIMITS.logPutRetryMaxMs);
  }

  /** Waiting puts of the stream (of all streams: undefined) need not wait longer. */
  hurry(stream?: string): void {
    for (const put of this.#puts.values()) {
      if (stream === undefined || put.plan.stream === stream) put.retryMs = 0;
    }
  }

  /** Marks and returns the puts to begin now. */
  start(nowMs: number): ObjectPlan[] {
    const out: ObjectPlan[] = [];
    let active = 0;
    for (const put of this.#puts.values()) {
      if (put.startedMs !== undefined && nowMs - put.startedMs >= LIMITS.logPutMs) put.startedMs = undefined;
      if (put.startedMs !== undefined) active++;
    }
    for (const put of this.#puts.values()) {
      if (active >= LIMITS.logPutsMax) break;
      if (put.startedMs !== undefined || put.retryMs > nowMs) continue;
      put.startedMs = nowMs;
      active++;
      out.push(put.plan);
    }
    return out;
  }

  /**
   * When `start` may have something to do, or undefined. A put under way counts, because it may never answer; one
   * that waits for a place does not, because the end of another put brings the next turn.
   */
  get dueMs(): number | undefined {
    const puts = [...this.#puts.values()];
    const hasPlace = puts.filter(({ startedMs }) => startedMs !== undefined).length < LIMITS.logPutsMax;
    let due: number | undefined;
    for (const { startedMs, retryMs } of puts) {
      if (startedMs === undefined && !hasPlace) continue;
      const at = startedMs === undefined ? retryMs : startedMs + LIMITS.logPutMs;
      if (due === undefined || at < due) due = at;
    }
    return due;
  }
}
