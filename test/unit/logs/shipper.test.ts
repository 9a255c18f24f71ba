import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { LogMark } from "../../../src/protocol/frame.ts";
import { applyEntry, newShipState, type JournalEntry, type Segment } from "../../../src/logs/ship-state.ts";
import { Shipper, type ShipperEffect } from "../../../src/logs/shipper.ts";

const WRITER = "w".repeat(16);
const POOL = [
  { name: "logger-1", enabled: true },
  { name: "logger-2", enabled: true },
];
const NONE: LogMark = { number: 0, hash: new Uint8Array(), range: undefined };

const hashOf = (from: number) => new Uint8Array(32).fill((from % 251) + 1);
const markOf = (number: number, from: number): LogMark => ({ number, hash: hashOf(from), range: undefined });

function segment(from: number, size = 100): Segment {
  const range = { source: "f", from, to: from + 1 };
  const batch = { stream: "conn", records: 1, hash: hashOf(from), size, range };
  return { source: "f", from, to: from + 1, context: undefined, batches: [batch] };
}

const sends = (effects: readonly ShipperEffect[]) =>
  effects.filter((e) => e.type === "send").map((e) => `${e.batch.logger}/${e.batch.number}`);
const ack = (logger: string, last: LogMark) => ({ type: "logAck", logger, writer: WRITER, last }) as const;
const refusal = (logger: string, number: number, code: string, last?: LogMark) =>
  ({ type: "logRefused", logger, writer: WRITER, number, code, message: "no", last }) as const;
const failure = (effects: readonly ShipperEffect[]) => effects.find((e) => e.type === "fail")?.error;

/** A shipper in step with both loggers, and a way to offer and record the next segment. */
function inStep(pool = POOL) {
  const shipper = new Shipper(newShipState(WRITER, 0));
  shipper.connected(pool, 0);
  for (const { name } of pool) shipper.acked(ack(name, NONE), 0);
  let next = 0;
  return {
    shipper,
    /** Offers and records; answers with what is sent. */
    ship(size?: number) {
      const effects = shipper.offer(segment(next++, size));
      return effects.flatMap((e) => (e.type === "record" ? sends(shipper.recorded(e.ticket, 0)) : []));
    },
  };
}

describe("the engine of a log writer", () => {
  it("[R17] spreads new batches round robin, each logger with numbers of its own", () => {
    const { ship } = inStep();
    expect([ship(), ship(), ship(), ship()].flat()).toEqual([
      "logger-1/1",
      "logger-2/1",
      "logger-1/2",
      "logger-2/2",
    ]);
  });

  it("gives a batch to the logger that it wants, and to another one while that is out of step or refuses it", () => {
    const { shipper } = inStep();
    const offer = (from: number) => {
      const { batches, ...rest } = segment(from);
      const effects = shipper.offer({ ...rest, batches: batches.map((b) => ({ ...b, logger: "logger-2" })) });
      return effects.flatMap((e) => (e.type === "record" ? sends(shipper.recorded(e.ticket, 0)) : []));
    };
    expect([offer(0), offer(1)].flat()).toEqual(["logger-2/1", "logger-2/2"]);
    const [moved] = shipper.refused(refusal("logger-2", 1, "logger_disabled"), 0);
    expect(moved).toMatchObject({ type: "record", entry: { batches: [{ number: 1 }, { number: 2 }] } });
    expect(shipper.takers).toEqual(["logger-1"]);
    expect(offer(2)).toEqual(["logger-1/1", "logger-1/2", "logger-1/3"]);
  });

  it("[R18] sends a batch only after its record is durable", () => {
    const { shipper } = inStep();
    const first = shipper.offer(segment(0));
    const second = shipper.offer(segment(1));
    expect([...first, ...second].map((e) => e.type)).toEqual(["record", "record"]);
    expect(sends(shipper.tick(1e9))).toEqual([]);
    expect(sends(shipper.recorded(1, 0))).toEqual(["logger-1/1"]);
    expect(sends(shipper.recorded(2, 0))).toEqual(["logger-2/1"]);
  });

  it("[R17] an unanswered batch waits for its logger while new ones go elsewhere", () => {
    const { shipper, ship } = inStep();
    ship();
    shipper.refused(refusal("logger-1", 1, "unavailable"), 0);
    expect([ship(), ship()].flat()).toEqual(["logger-2/1", "logger-2/2"]);
    expect(shipper.wakeAtMs).toBe(LIMITS.shipRetryMs);
    expect(shipper.tick(LIMITS.shipRetryMs)).toEqual([{ type: "resume", logger: "logger-1" }]);
    expect(sends(shipper.acked(ack("logger-1", NONE), 200))).toEqual(["logger-1/1"]);
  });

  it("waits for every enabled logger's position before it chooses, but not for long", () => {
    const shipper = new Shipper(newShipState(WRITER, 0));
    shipper.connected(POOL, 0);
    shipper.acked(ack("logger-1", NONE), 0);
    expect(shipper.hasRoom).toBe(false);
    shipper.tick(LIMITS.shipGatherMs - 1);
    expect(shipper.hasRoom).toBe(false);
    expect(shipper.wakeAtMs).toBe(LIMITS.shipGatherMs);
    shipper.tick(LIMITS.shipGatherMs);
    expect(shipper.hasRoom).toBe(true);

    shipper.connected(POOL, 0);
    shipper.acked(ack("logger-1", NONE), 0);
    shipper.refused(refusal("logger-2", 0, "unavailable"), 0);
    expect(shipper.hasRoom).toBe(true);
  });

  it("[A12] all new batches reach the other logger while one is stopped; then the rotation resumes", () => {
    const { shipper, ship } = inStep();
    shipper.refused(refusal("logger-1", 0, "unavailable"), 0);
    const others = Array.from({ length: 4 }, () => ship()).flat();
    expect(others).toEqual([1, 2, 3, 4].map((n) => `logger-2/${n}`));
    shipper.tick(LIMITS.shipRetryMs);
    shipper.acked(ack("logger-1", NONE), LIMITS.shipRetryMs);
    const loggers = Array.from({ length: 4 }, () => ship()).flatMap(([sent]) => sent!.split("/")[0]!);
    expect(new Set(loggers.slice(0, 2))).toEqual(new Set(["logger-1", "logger-2"]));
    expect(loggers.slice(2)).toEqual(loggers.slice(0, 2));
  });

  it("after a reconnect sends what the logger lacks, in order, and drops what it has", () => {
    const { shipper, ship } = inStep([POOL[0]!]);
    for (let i = 0; i < 4; i++) ship();
    shipper.disconnected();
    expect(shipper.hasRoom).toBe(false);
    expect(shipper.connected([POOL[0]!], 0)).toEqual([{ type: "resume", logger: "logger-1" }]);
    const effects = shipper.acked(ack("logger-1", markOf(2, 1)), 0);
    expect(effects.filter((e) => e.type === "taken").map((e) => e.batch.number)).toEqual([1, 2]);
    expect(sends(effects)).toEqual(["logger-1/3", "logger-1/4"]);
  });

  it("rewinds on `expected`, tries one batch, then goes on with all", () => {
    const { shipper, ship } = inStep([POOL[0]!]);
    for (let i = 0; i < 3; i++) ship();
    expect(sends(shipper.refused(refusal("logger-1", 2, "expected", NONE), 0))).toEqual(["logger-1/1"]);
    expect(sends(shipper.refused(refusal("logger-1", 3, "expected", NONE), 0))).toEqual([]);
    expect(sends(shipper.acked(ack("logger-1", markOf(1, 0)), 0))).toEqual(["logger-1/2", "logger-1/3"]);
  });

  it("moves a batch to another logger only when its disabled logger refused it", () => {
    const { shipper, ship } = inStep();
    for (let i = 0; i < 4; i++) ship();
    const effects = shipper.refused(refusal("logger-1", 2, "logger_disabled", markOf(1, 0)), 0);
    const record = effects.find((e) => e.type === "record");
    expect(record?.entry).toMatchObject({
      type: "moved",
      batches: [{ id: 3, logger: "logger-2", number: 3 }],
    });
    expect(sends(effects)).toEqual([]);
    expect(sends(shipper.recorded(record!.ticket, 0))).toEqual(["logger-2/3"]);
    expect(ship()).toEqual(["logger-2/4"]);
  });

  it.each([
    [
      "a repeat with other content",
      (s: Shipper) => s.refused(refusal("logger-1", 1, "conflict", markOf(1, 9)), 0),
    ],
    ["a mark with another hash", (s: Shipper) => s.acked(ack("logger-1", markOf(1, 9)), 0)],
    ["a mark above all numbers", (s: Shipper) => s.acked(ack("logger-1", markOf(3, 0)), 0)],
  ])("stops with `conflict` at %s", (_, act) => {
    const { shipper, ship } = inStep([POOL[0]!]);
    ship();
    ship();
    expect(failure(act(shipper))).toMatchObject({ code: "conflict" });
    expect(shipper.pending).toHaveLength(2);
  });

  it("stops when a logger stands lower than it had acknowledged", () => {
    const { shipper, ship } = inStep([POOL[0]!]);
    ship();
    shipper.acked(ack("logger-1", markOf(1, 0)), 0);
    shipper.disconnected();
    shipper.connected([POOL[0]!], 0);
    expect(failure(shipper.acked(ack("logger-1", NONE), 0))).toMatchObject({ code: "conflict" });
  });

  it("names the refusals that it cannot answer", () => {
    const { shipper, ship } = inStep();
    ship();
    const error = failure(shipper.refused(refusal("logger-1", 1, "unknown_writer"), 0));
    expect(error).toMatchObject({ code: "unknown_writer" });
    expect(failure(new Shipper(newShipState(WRITER, 0)).connected([], 0))).toMatchObject({
      code: "logger_disabled",
    });
  });

  it("[R17] leaves out a logger that is full of writers, and stops when none is left or one is needed", () => {
    const shipper = new Shipper(newShipState(WRITER, 0));
    shipper.connected(POOL, 0);
    expect(failure(shipper.refused(refusal("logger-1", 0, "too_many"), 0))).toBeUndefined();
    shipper.acked(ack("logger-2", NONE), 0);
    expect(shipper.hasRoom).toBe(true);
    const pinned = [0, 1, 2].flatMap((from) => shipper.offer(segment(from)));
    expect(pinned.flatMap((e) => (e.type === "record" ? sends(shipper.recorded(e.ticket, 0)) : []))).toEqual([
      "logger-2/1",
      "logger-2/2",
      "logger-2/3",
    ]);
    expect(shipper.tick(LIMITS.shipAnswerMs - 1)).toEqual([]);

    const lone = new Shipper(newShipState(WRITER, 0));
    lone.connected([POOL[0]!], 0);
    expect(failure(lone.refused(refusal("logger-1", 0, "too_many"), 0))).toMatchObject({ code: "too_many" });

    const needed = inStep();
    needed.ship();
    needed.shipper.disconnected();
    needed.shipper.connected(POOL, 0);
    expect(failure(needed.shipper.refused(refusal("logger-1", 0, "too_many"), 0))).toMatchObject({
      code: "too_many",
    });
    expect(needed.shipper.pending).toHaveLength(1);
  });

  it("asks a silent logger for its position", () => {
    const { shipper, ship } = inStep([POOL[0]!]);
    ship();
    expect(shipper.tick(LIMITS.shipAnswerMs - 1)).toEqual([]);
    expect(shipper.tick(LIMITS.shipAnswerMs)).toEqual([{ type: "resume", logger: "logger-1" }]);
  });

  it("takes batches up to the window of frames, and one past it waits", () => {
    const { shipper, ship } = inStep([POOL[0]!]);
    for (let i = 0; i < LIMITS.shipWindowFrames; i++) {
      expect(shipper.hasRoom).toBe(true);
      expect(ship()).toHaveLength(1);
    }
    expect(shipper.hasRoom).toBe(false);
    expect(ship()).toEqual([]);
  });

  it("takes batches up to the window of bytes, and one past it waits", () => {
    const { shipper, ship } = inStep([POOL[0]!]);
    expect(ship(LIMITS.shipWindowBytes - 1)).toHaveLength(1);
    expect(shipper.hasRoom).toBe(true);
    expect(ship(1)).toHaveLength(1);
    expect(shipper.hasRoom).toBe(false);
    expect(ship(1)).toEqual([]);
  });

  it("backs off for longer at each failure, up to the bound", () => {
    const { shipper } = inStep([POOL[0]!]);
    const waits: number[] = [];
    for (let i = 0; i < 10; i++) {
      shipper.refused(refusal("logger-1", 0, "unavailable"), 0);
      waits.push(shipper.wakeAtMs!);
      shipper.tick(shipper.wakeAtMs!);
    }
    expect(waits.slice(0, 3)).toEqual([1, 2, 4].map((n) => n * LIMITS.shipRetryMs));
    expect(waits.at(-1)).toBe(LIMITS.shipRetryMaxMs);
  });
});

/** A logger as rule 17 has it: takes exactly last + 1, answers repeats, refuses the rest. */
class ModelLogger {
  readonly taken: { from: number; stream: string }[] = [];
  #last: LogMark = NONE;
  readonly name: string;
  enabled = true;
  constructor(name: string) {
    this.name = name;
  }
  answer(effect: Extract<ShipperEffect, { type: "send" | "resume" }>) {
    if (effect.type === "resume") return ack(this.name, this.#last);
    const { number, hash, range, stream } = effect.batch;
    if (number > this.#last.number + 1) return refusal(this.name, number, "expected", this.#last);
    if (number <= this.#last.number) return ack(this.name, this.#last);
    if (!this.enabled) return refusal(this.name, number, "logger_disabled", this.#last);
    this.#last = { number, hash, range: undefined };
    this.taken.push({ from: range.from, stream });
    return ack(this.name, this.#last);
  }
}

function randomSource(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ships `total` segments over a network that loses frames and connections, with crashes of the writer. */
function shipThroughTrouble(seed: number, total: number): ModelLogger[] {
  const random = randomSource(seed);
  const loggers = [new ModelLogger("a"), new ModelLogger("b"), new ModelLogger("c")];
  const journal: JournalEntry[] = [];
  const queue: ShipperEffect[] = [];
  let nowMs = 0;
  let shipper: Shipper;
  let pool = () => loggers.map(({ name, enabled }) => ({ name, enabled }));
  const restart = () => {
    const state = newShipState(WRITER, 0);
    for (const entry of journal) applyEntry(state, entry);
    shipper = new Shipper(state);
    queue.length = 0;
    queue.push(...shipper.connected(pool(), nowMs));
    return state;
  };
  let state = restart();
  for (let steps = 0; ; steps++) {
    if (steps > 100_000) throw new Error(`seed ${seed} does not end`);
    nowMs += 1;
    const calm = steps > 2_000;
    const at = state.sources.get("f")?.to ?? 0;
    if (at === total && shipper!.pending.length === 0) return loggers;
    if (!calm && random() < 0.01) state = restart();
    if (!calm && random() < 0.02) {
      shipper!.disconnected();
      const kept = queue.filter((e) => e.type !== "send" && e.type !== "resume");
      queue.splice(0, queue.length, ...kept);
      queue.push(...shipper!.connected(pool(), nowMs));
    }
    if (!calm && random() < 0.005) loggers[0]!.enabled = !loggers[0]!.enabled;
    if (queue.length === 0) {
      if (at < total && shipper!.hasRoom) queue.push(...shipper!.offer(segment(at)));
      else nowMs = shipper!.wakeAtMs ?? nowMs;
      queue.push(...shipper!.tick(nowMs));
      continue;
    }
    const effect = queue.shift()!;
    if (effect.type === "fail") throw effect.error;
    if (effect.type === "record") {
      journal.push(effect.entry);
      queue.push(...shipper!.recorded(effect.ticket, nowMs));
    } else if (effect.type === "send" || effect.type === "resume") {
      if (!calm && random() < 0.1) continue;
      const name = effect.type === "send" ? effect.batch.logger : effect.logger;
      const answer = loggers.find((l) => l.name === name)!.answer(effect);
      if (!calm && random() < 0.1) continue;
      queue.push(
        ...(answer.type === "logAck" ? shipper!.acked(answer, nowMs) : shipper!.refused(answer, nowMs)),
      );
    }
  }
}

it("[R17] [R18] each segment reaches exactly one logger once, whatever is lost (2,000 seeds)", () => {
  for (let seed = 1; seed <= 2_000; seed++) {
    const taken = shipThroughTrouble(seed, 40).flatMap((logger) => logger.taken.map(({ from }) => from));
    expect(
      taken.toSorted((a, b) => a - b),
      `seed ${seed}`,
    ).toEqual([...Array(40).keys()]);
  }
});
