/** How a logger brings batches to R2: plans, puts and their retries. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { Logger, type LoggerTurn } from "../../../src/logs/logger.ts";
import { parseStreamName } from "../../../src/logs/stream-name.ts";
import { batch, Bench, NOW } from "./logger-bench.ts";

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
