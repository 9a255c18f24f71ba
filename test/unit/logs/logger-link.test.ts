import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { LoggerLink, type LinkEffect } from "../../../src/logs/logger-link.ts";
import type { LogBatchFrame } from "../../../src/protocol/frame.ts";

const NOW = 1_000_000;

function batch(number: number, size = 10): LogBatchFrame {
  const [hash, bytes] = [new Uint8Array(32), new Uint8Array(size)];
  const rest = { stream: "conn", records: 1, range: undefined, birthMs: 0 };
  return { type: "logBatch", logger: "l", writer: "w", number, hash, bytes, ...rest };
}

const ack = (number: number, writer = "w") =>
  ({
    type: "logAck",
    logger: "l",
    writer,
    last: { number, hash: new Uint8Array(), range: undefined },
  }) as const;
const sent = (effects: readonly LinkEffect[]) =>
  effects.flatMap((e) => (e.type === "send" && e.frame.type === "logBatch" ? [e.frame.number] : []));

describe("the session's end of a logger's trunk", () => {
  it("[R16] opens on the first frame and sends when it is open", () => {
    const link = new LoggerLink();
    expect(link.take(batch(1))).toEqual([{ type: "open", afterMs: 0 }]);
    expect(link.take(batch(2))).toEqual([]);
    expect(sent(link.opened())).toEqual([1, 2]);
    expect(sent(link.take(batch(3)))).toEqual([3]);
  });

  it("[R17] sends what is unanswered again, in order, on the next trunk", () => {
    const link = new LoggerLink();
    for (const n of [1, 2, 3]) link.take(batch(n));
    link.opened();
    expect(link.answered(ack(1))).toEqual([{ type: "reply", frame: ack(1) }]);
    expect(link.lost(NOW)).toEqual([{ type: "open", afterMs: LIMITS.trunkRetryMs }]);
    link.take(batch(4));
    expect(sent(link.opened())).toEqual([2, 3, 4]);
  });

  it("stays closed when nothing is unanswered", () => {
    const link = new LoggerLink();
    link.take(batch(1));
    link.opened();
    link.answered(ack(1));
    expect(link.lost(NOW)).toEqual([]);
    expect(link.take(batch(2))).toEqual([{ type: "open", afterMs: 0 }]);
  });

  it("drops a trunk that answers what was not asked", () => {
    const link = new LoggerLink();
    link.take(batch(1));
    link.opened();
    expect(link.answered({ type: "pong", id: 1 })).toMatchObject([{ type: "drop" }]);
    expect(link.answered(ack(1, "another"))).toMatchObject([{ type: "drop" }]);
  });

  it("takes logUnansweredFramesMax frames and refuses one more as unavailable", () => {
    const link = new LoggerLink();
    for (let n = 1; n <= LIMITS.logUnansweredFramesMax; n++) link.take(batch(n));
    expect(link.take(batch(1_000))).toMatchObject([
      { type: "reply", frame: { type: "logRefused", number: 1_000, code: "unavailable" } },
    ]);
  });

  it("takes logUnansweredBytesMax and refuses more as unavailable, until an answer makes room", () => {
    const link = new LoggerLink();
    const count = LIMITS.logUnansweredBytesMax / LIMITS.logBatchBytesMax;
    for (let n = 1; n <= count; n++) link.take(batch(n, LIMITS.logBatchBytesMax));
    link.opened();
    expect(link.unanswered).toEqual({ frames: count, bytes: LIMITS.logUnansweredBytesMax });
    expect(link.take(batch(99, 1))).toMatchObject([{ frame: { code: "unavailable" } }]);
    link.answered(ack(1));
    expect(sent(link.take(batch(99, 1)))).toEqual([99]);
  });

  it("gives up after logTrunkMs without an answer, and tries anew with the next frame", () => {
    const link = new LoggerLink();
    link.take(batch(1));
    expect(link.lost(NOW)).toMatchObject([{ type: "open" }]);
    link.opened();
    expect(link.lost(NOW + LIMITS.logTrunkMs - 1)).toMatchObject([{ type: "open" }]);
    expect(link.lost(NOW + LIMITS.logTrunkMs)).toMatchObject([
      { type: "reply", frame: { number: 1, code: "unavailable" } },
    ]);
    expect(link.unanswered).toEqual({ frames: 0, bytes: 0 });
    expect(link.take(batch(1))).toEqual([{ type: "open", afterMs: 0 }]);
  });

  it("backs off up to trunkRetryMaxMs, and an answer starts the back-off again", () => {
    const link = new LoggerLink();
    link.take(batch(1));
    const waits = Array.from({ length: 8 }, () => link.lost(NOW)).flat();
    expect(waits.map((e) => (e.type === "open" ? e.afterMs : e.type))).toEqual([
      50, 100, 200, 400, 800, 1_600, 2_000, 2_000,
    ]);
    link.opened();
    link.answered(ack(1));
    link.take(batch(2));
    expect(link.lost(NOW)).toEqual([{ type: "open", afterMs: LIMITS.trunkRetryMs }]);
  });
});
