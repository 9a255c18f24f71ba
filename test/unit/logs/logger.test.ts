/** What a logger takes and refuses: numbers, marks of writers, and the bounds of batch and buffer. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { Logger, type LoggerTurn } from "../../../src/logs/logger.ts";
import { parseStreamName } from "../../../src/logs/stream-name.ts";
import { batch, Bench, EMPTY, hashOf, NOW } from "./logger-bench.ts";

const DAY = 86_400_000;

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
  });

  it("refused by a disabled logger are not taken later from a session that has lost its client", () => {
    const bench = new Bench({ enabled: false });
    bench.ask(resume());
    expect(bench.ask(batch(1), batch(2))).toEqual(["logger_disabled at 0", "logger_disabled at 0"]);
    bench.restart({ enabled: true });
    // The writer has sent both elsewhere; a session that did not hear of it brings them over another trunk.
    const stale = (number: number) => ({ type: "frame", from: "stale", frame: batch(number) }) as const;
    const codesOf = ({ replies }: LoggerTurn<string>) =>
      replies.map(({ frame }) => (frame.type === "logRefused" ? frame.code : frame.type));
    expect(codesOf(bench.turn(stale(1), stale(2)))).toEqual(["unavailable", "unavailable"]);
    expect(bench.ask(resume(), batch(1, { hash: hashOf(9) }))).toEqual(["ack 0", "ack 1"]);
    expect(codesOf(bench.turn(stale(2)))).toEqual(["unavailable"]);
    expect(bench.ask(batch(2, { hash: hashOf(8) }))).toEqual(["ack 2"]);

    // The trunk's word goes with the trunk and with the memory; asking again is all it takes.
    bench.turn({ type: "gone", from: "t" });
    expect(bench.ask(batch(3), resume(), batch(3))).toEqual(["unavailable at 2", "ack 2", "ack 3"]);
    bench.restart({ enabled: true });
    expect(bench.ask(batch(3), batch(4), resume(), batch(4))).toEqual([
      "ack 3",
      "unavailable at 3",
      "ack 3",
      "ack 4",
    ]);
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

  it("takes a source of logSourceBytesMax bytes, and refuses one past it", () => {
    const bench = new Bench();
    const range = (length: number) => ({ source: "s".repeat(length), from: 0, to: 1 });
    expect(bench.ask(batch(1, { range: range(LIMITS.logSourceBytesMax) }))).toEqual(["ack 1"]);
    expect(bench.ask(batch(2, { range: range(LIMITS.logSourceBytesMax + 1) }))).toEqual(["too_large at 1"]);
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
