import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import {
  Logger,
  type LoggerInput,
  type LoggerOptions,
  type LoggerState,
  type LoggerTurn,
} from "../../../src/logs/logger.ts";
import type { LogFrame } from "../../../src/logs/logger-link.ts";
import { parseStreamName } from "../../../src/logs/stream-name.ts";
import type { LogBatchFrame } from "../../../src/protocol/frame.ts";

const NOW = Date.UTC(2026, 10, 20, 12);
const DAY = 86_400_000;
const EMPTY: LoggerState = { batches: [], plans: [], marks: [], lastId: 0 };

const hashOf = (n: number) => new Uint8Array(32).fill(n);

function batch(number: number, fields: Partial<LogBatchFrame> = {}): LogBatchFrame {
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

/** A logger, its tables as the commits leave them, and a clock. */
class Bench {
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
    const { batches, marks, plans, done, expired } = turn.commit;
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

const resume = (birthMs = NOW) => ({ type: "logResume", logger: "l", writer: "w", birthMs }) as const;

describe("[R17] batch numbers", () => {
  it("are taken exactly one after the other", () => {
    const bench = new Bench();
    expect(bench.ask(batch(1), batch(2), batch(4), batch(3))).toEqual([
      "ack 1",
      "ack 2",
      "expected at 2",
      "ack 3",
    ]);
    expect(bench.state.batches.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  it("up to the last are answered as repeats, also after a restart, and stored once", () => {
    const bench = new Bench();
    bench.ask(batch(1), batch(2));
    expect(bench.ask(batch(2), batch(1))).toEqual(["ack 2", "ack 2"]);
    bench.restart();
    expect(bench.ask(batch(2), batch(1), resume())).toEqual(["ack 2", "ack 2", "ack 2"]);
    expect(bench.state.batches).toHaveLength(2);
  });

  it("run for each writer", () => {
    const bench = new Bench();
    expect(bench.ask(batch(1), batch(1, { writer: "v" }), batch(2))).toEqual(["ack 1", "ack 1", "ack 2"]);
  });

  it("start at 1, not at 0", () => {
    expect(new Bench().ask(resume(), batch(0))).toEqual(["ack 0", "invalid_data at 0"]);
  });

  it("above the last are refused by a disabled logger, which still answers repeats", () => {
    const bench = new Bench();
    bench.ask(batch(1));
    bench.restart({ enabled: false });
    expect(bench.ask(batch(1), batch(2), batch(3), resume())).toEqual([
      "ack 1",
      "logger_disabled at 1",
      "logger_disabled at 1",
      "ack 1",
    ]);
    bench.restart();
    expect(bench.ask(batch(2))).toEqual(["ack 2"]);
  });
});

describe("[R18] marks of writers", () => {
  it("tell a repeat of the last number from another batch by hash and range", () => {
    const bench = new Bench();
    bench.ask(batch(1));
    expect(bench.ask(batch(1, { hash: hashOf(9) }))).toEqual(["conflict at 1"]);
    expect(bench.ask(batch(1, { range: { source: "f", from: 1, to: 9 } }))).toEqual(["conflict at 1"]);
    expect(bench.ask(batch(1, { range: undefined }))).toEqual(["conflict at 1"]);
    bench.restart();
    const { frame } = bench.send(batch(1, { hash: hashOf(9) })).replies[0]!;
    expect(frame).toMatchObject({ type: "logRefused", number: 1, last: { number: 1, hash: hashOf(1) } });
    expect(bench.ask(batch(1), batch(2))).toEqual(["ack 1", "ack 2"]);
  });

  it("an unknown writer starts at 1 only", () => {
    const bench = new Bench();
    expect(bench.ask(batch(2))).toEqual(["unknown_writer at ?"]);
    expect(bench.ask(batch(1))).toEqual(["ack 1"]);
  });

  it("a writer that was told it may start is known, also after a restart", () => {
    const bench = new Bench();
    expect(bench.ask(resume())).toEqual(["ack 0"]);
    bench.restart();
    expect(bench.ask(batch(2), batch(1))).toEqual(["expected at 0", "ack 1"]);
  });

  it("an unknown writer starts young: at the bound of age, not past it", () => {
    const { logBirthAgeMsMax: age, logClockSkewMs: skew } = LIMITS;
    expect(new Bench().ask(batch(1, { birthMs: NOW - age }))).toEqual(["ack 1"]);
    expect(new Bench().ask(batch(1, { birthMs: NOW - age - 1 }))).toEqual(["unknown_writer at ?"]);
    expect(new Bench().ask(batch(1, { birthMs: NOW + skew }))).toEqual(["ack 1"]);
    expect(new Bench().ask(batch(1, { birthMs: NOW + skew + 1 }))).toEqual(["unknown_writer at ?"]);
    expect(new Bench().ask(resume(NOW - age - 1))).toEqual(["unknown_writer at ?"]);
  });

  it("expire after logMarkMs without a batch, and then no old batch is taken again", () => {
    const bench = new Bench();
    bench.ask(batch(1));
    bench.nowMs += LIMITS.logMarkMs - 1;
    expect(bench.ask(batch(1))).toEqual(["ack 1"]);
    bench.nowMs += 1;
    expect(bench.ask(batch(1))).toEqual(["unknown_writer at ?"]);
    expect(bench.turn({ type: "wake" }).commit.expired).toEqual(["w"]);
    expect(bench.state.marks).toEqual([]);
    expect(bench.ask(batch(1), batch(2))).toEqual(["unknown_writer at ?", "unknown_writer at ?"]);
    expect(LIMITS.logBirthAgeMsMax + 2 * LIMITS.logClockSkewMs).toBeLessThanOrEqual(LIMITS.logMarkMs);
    expect(LIMITS.logMarkMs).toBe(30 * DAY);
  });

  it("a mark that expires in the turn in which its writer starts anew is kept", () => {
    const bench = new Bench();
    bench.ask(batch(1));
    bench.nowMs += LIMITS.logMarkMs;
    const again = { type: "frame", from: "t", frame: batch(1, { birthMs: bench.nowMs }) } as const;
    bench.turn({ type: "wake" }, again);
    expect(bench.state.marks).toMatchObject([{ writer: "w", last: { number: 1 } }]);
  });

  it("are kept for logWritersMax writers, and one more is refused", () => {
    const writers = Array.from({ length: LIMITS.logWritersMax }, (_, i) => batch(1, { writer: `w${i}` }));
    const bench = new Bench();
    bench.logger.turn(
      writers.map((frame) => ({ type: "frame", from: "t", frame }) as const),
      NOW,
    );
    expect(bench.logger.writers).toBe(LIMITS.logWritersMax);
    expect(bench.ask(batch(1, { writer: "more" }), batch(2, { writer: "w0" }))).toEqual([
      "too_many at ?",
      "ack 2",
    ]);
  });
});

describe("the bounds of a batch and of the buffer", () => {
  it("refuses an empty batch and one past logBatchBytesMax", () => {
    const bench = new Bench();
    expect(bench.ask(batch(1, { bytes: new Uint8Array(LIMITS.logBatchBytesMax) }))).toEqual(["ack 1"]);
    expect(bench.ask(batch(2, { bytes: new Uint8Array(LIMITS.logBatchBytesMax + 1) }))).toEqual([
      "too_large at 1",
    ]);
    expect(bench.ask(batch(2, { bytes: new Uint8Array(0) }))).toEqual(["too_large at 1"]);
    expect(bench.ask(batch(2, { stream: "../x" }))).toEqual(["invalid_data at 1"]);
  });

  it("buffers logBufferBytesMax and refuses more as unavailable, until R2 has taken some", () => {
    const bench = new Bench();
    const bytes = new Uint8Array(LIMITS.logBatchBytesMax);
    const count = LIMITS.logBufferBytesMax / LIMITS.logBatchBytesMax;
    for (let n = 1; n <= count; n++) expect(bench.ask(batch(n, { bytes }))).toEqual([`ack ${n}`]);
    expect(bench.logger.buffered).toEqual({ bytes: LIMITS.logBufferBytesMax, batches: count });
    expect(bench.ask(batch(count + 1))).toEqual([`unavailable at ${count}`]);
    bench.turn({ type: "put", key: bench.logger.planned()[0]!, ok: true });
    expect(bench.ask(batch(count + 1))).toEqual([`ack ${count + 1}`]);
  });

  it("buffers logBufferBatchesMax and refuses one more", () => {
    const max = LIMITS.logBufferBatchesMax;
    const batches = Array.from({ length: max - 1 }, (_, i) => ({
      id: i + 1,
      stream: parseStreamName("dns"),
      hourMs: NOW,
      receivedMs: NOW,
      records: 1,
      length: 1,
    }));
    const logger = new Logger<string>({ name: "l", enabled: true }, { ...EMPTY, batches, lastId: max - 1 });
    const frames = [batch(1), batch(2)].map((frame) => ({ type: "frame", from: "t", frame }) as const);
    const { replies } = logger.turn(frames, NOW);
    expect(replies.map(({ frame }) => frame)).toMatchObject([{ type: "logAck" }, { code: "unavailable" }]);
  });
});

describe("[R20] flushes", () => {
  const keys = (turn: LoggerTurn<string>) =>
    turn.commit.plans.map(({ key }) => key.split("/").slice(1).join("/"));

  it("are planned in the commit and put after it; the batches go when the put is done", () => {
    const bench = new Bench();
    bench.send(batch(1), batch(2));
    const planned = bench.turn({ type: "flush", stream: undefined });
    expect(keys(planned)).toEqual(["conn/date=2026-11-20/hour=12/l-1-2.ndjson.gz"]);
    expect(planned.puts).toEqual(planned.commit.plans);
    expect(bench.state.batches).toHaveLength(2);

    const [plan] = planned.puts;
    const done = bench.turn({ type: "put", key: plan!.key, ok: true });
    expect(done.commit.done).toEqual([plan]);
    expect(bench.state.batches).toEqual([]);
    expect(bench.logger.buffered).toEqual({ bytes: 0, batches: 0 });
    expect(bench.logger.wakeAtMs).toBeUndefined();
  });

  it("retry the same plan after a restart, whatever came since", () => {
    const bench = new Bench();
    bench.send(batch(1), batch(2));
    const [plan] = bench.turn({ type: "flush", stream: undefined }).puts;
    bench.send(batch(3));
    bench.restart();
    expect(bench.logger.wakeAtMs).toBeLessThanOrEqual(bench.nowMs);
    expect(bench.turn({ type: "wake" }).puts).toEqual([plan]);
    const next = bench.turn({ type: "put", key: plan!.key, ok: true }, { type: "flush", stream: undefined });
    expect(keys(next)).toEqual(["conn/date=2026-11-20/hour=12/l-3-3.ndjson.gz"]);
  });

  it("never use a number twice, also when everything has left the buffer", () => {
    const bench = new Bench();
    bench.send(batch(1));
    const [plan] = bench.turn({ type: "flush", stream: undefined }).puts;
    bench.turn({ type: "put", key: plan!.key, ok: true });
    bench.restart();
    bench.send(batch(2));
    expect(keys(bench.turn({ type: "flush", stream: undefined }))).toEqual([
      "conn/date=2026-11-20/hour=12/l-2-2.ndjson.gz",
    ]);
  });

  it("cut objects by stream and by the hour of receipt", () => {
    const bench = new Bench();
    bench.send(batch(1), batch(2, { stream: "dns" }), batch(3));
    bench.nowMs += 3_600_000 - 1;
    bench.logger = new Logger({ name: "l", enabled: true }, bench.state);
    const late = bench.send(batch(4));
    expect(keys(late)).toEqual([
      "conn/date=2026-11-20/hour=12/l-1-4.ndjson.gz",
      "dns/date=2026-11-20/hour=12/l-2-2.ndjson.gz",
    ]);
    bench.nowMs += 1;
    bench.send(batch(5));
    bench.nowMs -= 5_000;
    bench.send(batch(6));
    expect(keys(bench.turn({ type: "flush", stream: undefined }))).toEqual([
      "conn/date=2026-11-20/hour=13/l-5-6.ndjson.gz",
    ]);
  });

  it("come by age: at logObjectAgeMs, not before", () => {
    const bench = new Bench();
    bench.send(batch(1));
    expect(bench.logger.wakeAtMs).toBe(NOW + LIMITS.logObjectAgeMs);
    bench.nowMs += LIMITS.logObjectAgeMs - 1;
    expect(keys(bench.turn({ type: "wake" }))).toEqual([]);
    bench.nowMs += 1;
    expect(keys(bench.turn({ type: "wake" }))).toHaveLength(1);
  });

  it("come by size: when a stream has logObjectBytes, in objects of at most one batch more", () => {
    const bench = new Bench();
    const bytes = new Uint8Array(LIMITS.logBatchBytesMax);
    const count = LIMITS.logObjectBytes / LIMITS.logBatchBytesMax;
    for (let n = 1; n < count; n++) expect(keys(bench.send(batch(n, { bytes })))).toEqual([]);
    expect(keys(bench.send(batch(count, { bytes })))).toHaveLength(1);
  });

  it("come by count: when a stream has logObjectMembersMax batches", () => {
    const bench = new Bench();
    const frames = Array.from({ length: LIMITS.logObjectMembersMax }, (_, i) => batch(i + 1));
    expect(keys(bench.send(...frames.slice(0, -1)))).toEqual([]);
    const turn = bench.send(frames.at(-1)!);
    expect(turn.commit.plans.map(({ members }) => members.length)).toEqual([LIMITS.logObjectMembersMax]);
  });

  it("of one stream leave the others", () => {
    const bench = new Bench();
    bench.send(batch(1), batch(2, { stream: "dns" }));
    expect(keys(bench.turn({ type: "flush", stream: parseStreamName("dns") }))).toEqual([
      "dns/date=2026-11-20/hour=12/l-2-2.ndjson.gz",
    ]);
  });

  it("put at most logPutsMax objects at once, and do not wake for those that wait", () => {
    const bench = new Bench();
    const streams = Array.from({ length: LIMITS.logPutsMax + 1 }, (_, i) => `s${i}`);
    bench.send(...streams.map((stream, i) => batch(i + 1, { stream })));
    const { puts } = bench.turn({ type: "flush", stream: undefined });
    expect(puts).toHaveLength(LIMITS.logPutsMax);
    expect(bench.logger.wakeAtMs).toBe(NOW + LIMITS.logPutMs);
    expect(bench.turn({ type: "put", key: puts[0]!.key, ok: true }).puts).toHaveLength(1);
  });

  it("wait longer after each failed put, up to logPutRetryMaxMs; a request for a flush ends the wait", () => {
    const bench = new Bench();
    bench.send(batch(1));
    const [plan] = bench.turn({ type: "flush", stream: undefined }).puts;
    const waits: number[] = [];
    for (let n = 0; n < 8; n++) {
      bench.turn({ type: "put", key: plan!.key, ok: false });
      waits.push(bench.logger.wakeAtMs! - bench.nowMs);
      bench.nowMs = bench.logger.wakeAtMs!;
      expect(bench.turn({ type: "wake" }).puts).toEqual([plan]);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    bench.turn({ type: "put", key: plan!.key, ok: false });
    expect(bench.turn({ type: "wake" }).puts).toEqual([]);
    expect(bench.turn({ type: "flush", stream: undefined }).puts).toEqual([plan]);
  });

  it("put again what has no answer after logPutMs, and take either answer once", () => {
    const bench = new Bench();
    bench.send(batch(1));
    const [plan] = bench.turn({ type: "flush", stream: undefined }).puts;
    bench.nowMs += LIMITS.logPutMs - 1;
    expect(bench.turn({ type: "wake" }).puts).toEqual([]);
    bench.nowMs += 1;
    expect(bench.turn({ type: "wake" }).puts).toEqual([plan]);
    expect(bench.turn({ type: "put", key: plan!.key, ok: true }).commit.done).toEqual([plan]);
    expect(bench.turn({ type: "put", key: plan!.key, ok: true }).commit.done).toEqual([]);
    expect(bench.turn({ type: "put", key: plan!.key, ok: false }).puts).toEqual([]);
  });
});
