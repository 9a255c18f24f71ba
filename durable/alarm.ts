/**
 * One alarm of an object serves many deadlines (rule 36). Deadlines live in memory: each is derived from durable rows,
 * so an object that starts sets them anew, and that arms the alarm again.
 */
import { LIMITS } from "../src/base/limits.ts";

/** The part of DurableObjectStorage that an alarm needs. */
export interface AlarmStorage {
  setAlarm(scheduledMs: number): Promise<void>;
  deleteAlarm(): Promise<void>;
}

export class AlarmQueue<Name extends string> {
  readonly #storage: AlarmStorage;
  readonly #deadlines = new Map<Name, number>();
  /** What the platform has; `unknown` after a start. */
  #armed: number | undefined | "unknown" = "unknown";

  constructor(storage: AlarmStorage) {
    this.#storage = storage;
  }

  /** The earliest deadline, or undefined. */
  get nextMs(): number | undefined {
    return this.#deadlines.size === 0 ? undefined : Math.min(...this.#deadlines.values());
  }

  /** Sets or (undefined) drops a deadline. Writes only when the earliest deadline changes. */
  set(name: Name, atMs: number | undefined): void {
    if (atMs === undefined) this.#deadlines.delete(name);
    else this.#deadlines.set(name, atMs);
    this.#arm(this.nextMs);
  }

  /**
   * The body of `alarm()`: never throws. It re-arms first, so that a handler that dies is called again; a deadline
   * whose `run` throws is reported and comes back after `LIMITS.alarmRetryMs`. `run` may set deadlines.
   */
  async fire(
    nowMs: number,
    run: (name: Name) => void | Promise<void>,
    report: (error: unknown, name: Name) => void,
  ): Promise<void> {
    this.#armed = undefined;
    this.#arm(nowMs + LIMITS.alarmRetryMs);
    const due = [...this.#deadlines].filter(([, atMs]) => atMs <= nowMs);
    for (const [name] of due) {
      this.#deadlines.delete(name);
      try {
        await run(name);
      } catch (error) {
        report(error, name);
        this.#deadlines.set(name, nowMs + LIMITS.alarmRetryMs);
      }
    }
    this.#arm(this.nextMs);
  }

  /** Not awaited: the output gate holds replies until the write is durable, and a failed write resets the object. */
  #arm(atMs: number | undefined): void {
    if (atMs === this.#armed) return;
    // The platform refuses 0; a time that has passed fires at once.
    if (atMs !== undefined) void this.#storage.setAlarm(Math.max(1, atMs));
    else if (this.#armed !== "unknown") void this.#storage.deleteAlarm();
    this.#armed = atMs;
  }
}
