/** A logger for tests: its engine, its tables as the commits leave them, and a clock. */
import {
  Logger,
  NO_OVERRIDE,
  type LoggerInput,
  type LoggerOptions,
  type LoggerState,
  type LoggerTurn,
} from "../../../src/logs/logger.ts";
import type { LogFrame } from "../../../src/logs/logger-link.ts";
import type { LogBatchFrame } from "../../../src/protocol/frame.ts";

export const NOW = Date.UTC(2026, 10, 20, 12);
export const EMPTY: LoggerState = {
  batches: [],
  plans: [],
  marks: [],
  lastId: 0,
  override: NO_OVERRIDE,
};

export const hashOf = (n: number) => new Uint8Array(32).fill(n);

export function batch(number: number, fields: Partial<LogBatchFrame> = {}): LogBatchFrame {
  return {
    type: "logBatch",
    logger: "l",
    writer: "w",
    birthMs: NOW,
    number,
    stream: "conn",
    records: 2,
    hash: hashOf(number),
    range: { source: "f", from: number, to: number + 1 },
    bytes: new Uint8Array(10),
    ...fields,
  };
}

export class Bench {
  state = EMPTY;
  nowMs = NOW;
  logger: Logger<string>;
  readonly #options: LoggerOptions;

  constructor(options: Partial<LoggerOptions> = {}) {
    this.#options = { name: "l", enabled: true, ...options };
    this.logger = new Logger(this.#options, this.state);
  }

  /** A crash or sleep: memory goes, what was committed stays. */
  restart(options: Partial<LoggerOptions> = {}): void {
    this.logger = new Logger({ ...this.#options, ...options }, this.state);
  }

  turn(...inputs: LoggerInput<string>[]): LoggerTurn<string> {
    const turn = this.logger.turn(inputs, this.nowMs);
    const { batches, marks, plans, done, expired, override } = turn.commit;
    const gone = new Set(done.flatMap(({ members }) => members.map(({ id }) => id)));
    const doneKeys = new Set(done.map(({ key }) => key));
    const kept = new Map(
      this.state.marks.filter((m) => !expired.includes(m.writer)).map((m) => [m.writer, m]),
    );
    for (const mark of marks) kept.set(mark.writer, mark);
    this.state = {
      batches: [...this.state.batches, ...batches].filter(({ id }) => !gone.has(id)),
      plans: [...this.state.plans, ...plans].filter(({ key }) => !doneKeys.has(key)),
      marks: [...kept.values()],
      lastId: Math.max(this.state.lastId, ...done.map(({ last }) => last), ...batches.map(({ id }) => id)),
      override: override ?? this.state.override,
    };
    return turn;
  }

  send(...frames: LogFrame[]): LoggerTurn<string> {
    return this.turn(...frames.map((frame) => ({ type: "frame", from: "t", frame }) as const));
  }

  /** Answers in short: "ack 3", "expected at 2". */
  ask(...frames: LogFrame[]): string[] {
    return this.send(...frames).replies.map(({ frame }) => {
      if (frame.type === "logAck") return `ack ${frame.last.number}`;
      return frame.type === "logRefused" ? `${frame.code} at ${frame.last?.number ?? "?"}` : frame.type;
    });
  }
}
