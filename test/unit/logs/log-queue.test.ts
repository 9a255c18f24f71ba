import { describe, expect, it } from "vitest";
import { LogQueue, type LogQueueChange, type LogQueueState } from "../../../src/logs/log-queue.ts";
import type { Frame, LogMark } from "../../../src/protocol/frame.ts";

const LIFE = { writer: "w".repeat(16), birthMs: 1 };
const NEXT_LIFE = { writer: "x".repeat(16), birthMs: 2 };
const EMPTY: LogQueueState = { life: LIFE, lasts: new Map(), batches: [] };
const lines = (n: number) => ({
  stream: "cluster",
  records: 1,
  hash: new Uint8Array(32).fill(n),
  bytes: new Uint8Array([n]),
});
const mark = (number: number): LogMark => ({ number, hash: new Uint8Array(32), range: undefined });
const ack = (number: number, logger = "a"): Frame => ({
  type: "logAck",
  logger,
  writer: LIFE.writer,
  last: mark(number),
});
const refusal = (code: string): Frame => ({
  type: "logRefused",
  logger: "a",
  writer: LIFE.writer,
  number: 1,
  code,
  message: "",
  last: undefined,
});
/** Logger, number and content of what is sent next. */
const next = (queue: LogQueue) => {
  const frame = queue.next();
  return frame?.type === "logBatch" ? `${frame.logger}/${frame.number}:${frame.bytes[0]}` : frame?.type;
};
/** The state that storage has after these changes. */
function stored(state: LogQueueState, changes: readonly LogQueueChange[]): LogQueueState {
  let { life } = state;
  const lasts = new Map(state.lasts);
  const batches = new Map(state.batches.map((batch) => [batch.id, batch]));
  for (const change of changes) {
    if (change.type === "batch") batches.set(change.batch.id, change.batch);
    else if (change.type === "life") {
      ({ life } = change);
      lasts.clear();
    } else {
      batches.delete(change.id);
      lasts.set(change.logger, change.number);
    }
  }
  return { life, lasts, batches: [...batches.values()] };
}

describe("the queue of an object's log batches", () => {
  it("R17 numbers batches without holes, and sends one at a time until it is acknowledged", () => {
    const queue = new LogQueue(["a", "b"], EMPTY);
    for (const n of [1, 2]) queue.add(lines(n));
    expect(next(queue)).toBe("a/1:1");
    expect(next(queue)).toBe("a/1:1");
    queue.answered(ack(1), NEXT_LIFE);
    expect(next(queue)).toBe("a/2:2");
    queue.answered(ack(2), NEXT_LIFE);
    expect([queue.length, next(queue)]).toEqual([0, undefined]);
    queue.add(lines(3));
    expect(next(queue)).toBe("a/3:3");
  });

  it("R18 after a crash the same batch goes under the same number to the same logger", () => {
    const queue = new LogQueue(["a", "b"], EMPTY);
    const changes = [lines(1), lines(2), lines(3)].flatMap((batch) => queue.add(batch));
    changes.push(...queue.answered(ack(1), NEXT_LIFE));
    const again = new LogQueue(["b", "a"], stored(EMPTY, changes));
    expect(next(again)).toBe("a/2:2");
    again.answered(ack(2), NEXT_LIFE);
    expect(next(again)).toBe("a/3:3");
  });

  it("R17 what a disabled logger refuses goes to another, and what comes later too", () => {
    const queue = new LogQueue(["a", "b"], EMPTY);
    let state = stored(
      EMPTY,
      [lines(1), lines(2)].flatMap((batch) => queue.add(batch)),
    );
    state = stored(state, queue.answered(refusal("logger_disabled"), NEXT_LIFE));
    expect(state.batches.map(({ logger, number }) => `${logger}/${number}`)).toEqual(["b/1", "b/2"]);
    expect(next(queue)).toBe("b/1:1");
    queue.add(lines(3));
    queue.answered(ack(1, "b"), NEXT_LIFE);
    queue.answered(ack(2, "b"), NEXT_LIFE);
    expect(next(queue)).toBe("b/3:3");
  });

  it("R17 when every logger refuses it begins again with the first one", () => {
    const queue = new LogQueue(["a", "b"], EMPTY);
    queue.add(lines(1));
    queue.answered(refusal("logger_disabled"), NEXT_LIFE);
    queue.answered(refusal("too_many"), NEXT_LIFE);
    expect(next(queue)).toBe("a/1:1");
  });

  it("R17 a logger that is unavailable is asked for the writer's position first", () => {
    const queue = new LogQueue(["a", "b"], EMPTY);
    queue.add(lines(1));
    queue.answered(refusal("unavailable"), NEXT_LIFE);
    expect(next(queue)).toBe("logResume");
    queue.answered(ack(0), NEXT_LIFE);
    expect(next(queue)).toBe("a/1:1");
    queue.answered(refusal("unavailable"), NEXT_LIFE);
    // It had been taken, and only the answer was lost.
    queue.answered(ack(1), NEXT_LIFE);
    expect(next(queue)).toBeUndefined();
  });

  it.each(["unknown_writer", "expected", "conflict"])("R18 after %s a new life begins at 1", (code) => {
    const before: LogQueueState = { life: LIFE, lasts: new Map([["a", 7]]), batches: [] };
    const queue = new LogQueue(["a"], before);
    const changes = [...queue.add(lines(1)), ...queue.add(lines(2))];
    expect(next(queue)).toBe("a/8:1");
    changes.push(...queue.answered(refusal(code), NEXT_LIFE));
    expect(queue.next()).toMatchObject({ writer: NEXT_LIFE.writer, birthMs: 2, number: 1 });
    const state = stored(before, changes);
    expect(state.life).toEqual(NEXT_LIFE);
    expect(state.batches.map(({ number }) => number)).toEqual([1, 2]);
  });

  it("without a logger there is nowhere to write", () => {
    const queue = new LogQueue([], EMPTY);
    expect(queue.add(lines(1))).toEqual([]);
    expect(queue.length).toBe(0);
  });
});
