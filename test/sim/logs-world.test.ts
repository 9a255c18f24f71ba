/** A few hundred seeds of the world of logs, and proof that its checkers see what rules 17, 18 and 20 prevent. */
import { describe, expect, it } from "vitest";
import { Logger, type LoggerInput, type LoggerTurn } from "../../src/logs/logger.ts";
import type { ObjectPlan } from "../../src/logs/object-plan.ts";
import type { JournalEntry } from "../../src/logs/ship-state.ts";
import type { End } from "./kit/link.ts";
import { runShards } from "./kit/shards.ts";
import { Violation } from "./kit/world.ts";
import { runLogsWorld, type LogsParts } from "./logs-world.ts";
import { LoggerTables, loggerParts } from "./logs/logger-host.ts";
import { ShipDisk, ShipperHost } from "./logs/shipper-host.ts";

const SEEDS = 700;
/** It takes an old session, a restart and two changes of the layout within seconds: one seed in two thousand. */
const SEEDS_FORGIVING = 12_000;

const PARTS: LogsParts = { makeLoggerParts: loggerParts, Shipper: ShipperHost };

/** What the first `wanted` seeds that fail say, within `seeds` seeds. */
function violations(parts: LogsParts, seeds: number, wanted = 3): string[] {
  const out: string[] = [];
  for (let seed = 1; seed <= seeds && out.length < wanted; seed++) {
    try {
      runLogsWorld({ seed }, parts);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      out.push(error.message);
    }
  }
  return out;
}

/** Takes any number: each frame comes, as it were, from a writer of its own. */
class AnyNumber extends Logger<End> {
  #count = 0;

  override turn(inputs: readonly LoggerInput<End>[], nowMs: number): LoggerTurn<End> {
    const frames = inputs.flatMap((input) => (input.type === "frame" ? [input.frame] : []));
    const loose = inputs.map((input): LoggerInput<End> => {
      if (input.type !== "frame" || input.frame.type !== "logBatch") return input;
      const writer = `any-${++this.#count}-${nowMs}`;
      return { ...input, frame: { ...input.frame, writer, number: 1 } };
    });
    const turn = super.turn(loose, nowMs);
    const replies = turn.replies.map(({ to, frame }, i) => {
      const asked = frames[i]!;
      if (frame.type !== "logAck" || asked.type !== "logBatch")
        return { to, frame: { ...frame, ...idOf(asked) } };
      return { to, frame: { ...frame, ...idOf(asked), last: { ...frame.last, number: asked.number } } };
    });
    return { ...turn, replies };
  }
}

const idOf = (frame: { readonly writer: string; readonly number?: number }) =>
  frame.number === undefined ? { writer: frame.writer } : { writer: frame.writer, number: frame.number };

/** Hears whom it refused when disabled as soon as it is enabled: as if each batch came with a question for the position. */
class Forgiving extends Logger<End> {
  override turn(inputs: readonly LoggerInput<End>[], nowMs: number): LoggerTurn<End> {
    const asked = inputs.flatMap((input): LoggerInput<End>[] => {
      if (input.type !== "frame" || input.frame.type !== "logBatch") return [input];
      const { logger, writer, birthMs } = input.frame;
      return [{ ...input, frame: { type: "logResume", logger, writer, birthMs } }, input];
    });
    const turn = super.turn(asked, nowMs);
    const frames = asked.filter((input) => input.type === "frame");
    return { ...turn, replies: turn.replies.filter((_, i) => inputs.includes(frames[i]!)) };
  }
}

/** Says that an entry is durable when it is not: the last few are lost in a crash. */
class LazyDisk extends ShipDisk {
  #late: [JournalEntry, ReadonlyMap<number, Uint8Array>][] = [];

  override record(entry: JournalEntry, bytes: ReadonlyMap<number, Uint8Array>): void {
    this.#late.push([structuredClone(entry), new Map(bytes)]);
    if (this.#late.length > 4) super.record(...this.#late.shift()!);
  }

  forget(): void {
    this.#late = [];
  }
}

/** Sends before the record is durable: what a crash forgets is cut and numbered anew. */
class Unrecorded extends ShipperHost {
  constructor(...[world, name, total, , connectTo]: ConstructorParameters<typeof ShipperHost>) {
    super(world, name, total, new LazyDisk(), connectTo);
  }

  protected override crashed(): void {
    if (this.disk instanceof LazyDisk) this.disk.forget();
    super.crashed();
  }
}

/** Puts without a durable plan: after a crash the batches are planned again, with those that came since. */
class Unplanned extends LoggerTables {
  protected override keepPlan(_plan: ObjectPlan): void {}
}

describe("the world of logs", () => {
  it(`[R17, R18, R20] holds over ${SEEDS} seeds, and every kind of fault happens`, async () => {
    const { failedSeed, faults } = await runShards("logs", { from: 1, seeds: SEEDS, jobs: 2 });
    expect(failedSeed, "npm run sim says more").toBeUndefined();
    expect([...faults.keys()].toSorted()).toEqual([
      "change not told",
      "change of the layout",
      "connection cut",
      "connection lost",
      "crash between effects",
      "crash of LoggerHost",
      "crash of SessionHost",
      "crash of ShipperHost",
      "deploy",
      "deploy of LoggerHost",
      "deploy of SessionHost",
      "end of SessionHost",
      "flush on request",
      "maintenance of LoggerHost",
      "message repeated",
      "put applied after its failure",
      "put applied, answer lost",
      "put refused",
      "reorder between connections",
      "sleep of LoggerHost",
    ]);
  });

  it("repeats a seed event for event", () => {
    const traceOf = (seed: number) => {
      const lines: string[] = [];
      runLogsWorld({ seed, trace: (line) => lines.push(line) });
      return lines;
    };
    expect(traceOf(7)).toEqual(traceOf(7));
    expect(traceOf(8)).not.toEqual(traceOf(7));
  });

  it("[R17] catches a logger that takes any number", () => {
    const makeLoggerParts = () => ({
      ...loggerParts(),
      makeEngine: (...args: ConstructorParameters<typeof AnyNumber>) => new AnyNumber(...args),
    });
    expect(violations({ ...PARTS, makeLoggerParts }, 20).length).toBe(3);
  });

  it("[R17] catches a logger that takes what it has refused from a session that lost its client", () => {
    const makeLoggerParts = () => ({
      ...loggerParts(),
      makeEngine: (...args: ConstructorParameters<typeof Forgiving>) => new Forgiving(...args),
    });
    expect(violations({ ...PARTS, makeLoggerParts }, SEEDS_FORGIVING, 1)).toHaveLength(1);
  });

  it("[R18] catches a writer that sends before its record is durable", () => {
    expect(violations({ ...PARTS, Shipper: Unrecorded }, 100).length).toBe(3);
  });

  it("[R20] catches a logger that puts without a durable plan", () => {
    const makeLoggerParts = () => ({ ...loggerParts(), tables: new Unplanned() });
    expect(violations({ ...PARTS, makeLoggerParts }, 100).length).toBe(3);
  });
});
