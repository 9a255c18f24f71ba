/** The turn that a node's scripts are in: its time, whose code runs, and the effects so far. */
import { FabricError } from "../base/errors.ts";
import { timestamp } from "../data/value.ts";
import { parseStreamName, type StreamName } from "../logs/stream-name.ts";
import type { ScriptChange, ScriptEffect, ScriptReport } from "./effects.ts";
import { logLine, type LogRecord } from "./log-line.ts";

/** Whose code runs, and for what. */
export interface Running {
  readonly script: string;
  /** Undefined in the callback of a `when`. */
  readonly event: string | undefined;
  readonly isRemote: boolean;
}

const NS_PER_MS = 1_000_000n;
/** Zeek's streams, by their paths. */
const REPORTER = parseStreamName("reporter");
const CLUSTER = parseStreamName("cluster");
const LEVELS = { error: "Reporter::ERROR", warning: "Reporter::WARNING" } as const;

export class Turn {
  readonly #node: string;
  #effects: ScriptEffect[] = [];
  #running: Running | undefined;
  #nowMs = 0;
  /** The script that is being set up. */
  settingUp: string | undefined;

  constructor(node: string) {
    this.#node = node;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  begin(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  get running(): Running | undefined {
    return this.#running;
  }

  /** Takes the effects since the last call. */
  take(): readonly ScriptEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  add(effect: ScriptEffect): void {
    this.#effects.push(effect);
  }

  persist(change: ScriptChange): void {
    this.#effects.push({ type: "persist", change });
  }

  /** Whose handler this is. Throws `script_error` outside of one: at the start, and after an `await`. */
  acting(what: string): Running {
    if (this.#running !== undefined) return this.#running;
    throw new FabricError("script_error", `${what} can only be called by a handler, and not after an await`);
  }

  /** Runs code of a script. What it did until it threw stays done, as in Zeek; that it threw is reported. */
  run(running: Running, code: () => unknown): void {
    this.#running = running;
    try {
      const result = code();
      if (isPromise(result)) {
        // Its later end is nobody's business: what it would do then is refused, and this says why.
        result.then(undefined, () => undefined);
        this.report("error", "the handler returned a promise: handlers are synchronous, use `when`");
      }
    } catch (error) {
      this.report("error", error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    } finally {
      this.#running = undefined;
    }
  }

  /** Reports to the host and to the reporter's log. */
  report(level: ScriptReport["level"], message: string): void {
    const { script = this.settingUp, event } = this.#running ?? {};
    this.add({ type: "report", report: { level, script, event, message } });
    const location = [script, event].filter((part) => part !== undefined).join(", ");
    this.log(REPORTER, { ...this.#stamp(), level: LEVELS[level], message, location });
  }

  clusterLog(message: string): void {
    this.log(CLUSTER, { ...this.#stamp(), message });
  }

  log(stream: StreamName, record: LogRecord): void {
    this.add({ type: "log", stream, record, line: logLine(record) });
  }

  #stamp(): LogRecord {
    return { ts: timestamp(BigInt(Math.round(this.#nowMs)) * NS_PER_MS), node: this.#node };
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
