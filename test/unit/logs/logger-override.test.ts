/** A logger that is disabled and enabled while it runs: what it takes then, and what a restart remembers. */
import { describe, expect, it } from "vitest";
import type { LoggerInput } from "../../../src/logs/logger.ts";
import { overrideOf, overrideOptions } from "../../../src/logs/override-option.ts";
import { batch, Bench, hashOf, NOW } from "./logger-bench.ts";

const said = (epoch: number, enabled: boolean | undefined): LoggerInput<string> => ({
  type: "override",
  override: { epoch, enabled },
});
const resume = { type: "logResume", logger: "l", writer: "w", birthMs: NOW } as const;

describe("[R34] what operators say of a logger", () => {
  it("holds for the next frame of the same turn, and after a restart", () => {
    const bench = new Bench();
    const frame = (number: number) => ({ type: "frame", from: "t", frame: batch(number) }) as const;
    const { replies, commit } = bench.turn(frame(1), said(1, false), frame(2));
    expect(replies.map((reply) => reply.frame.type)).toEqual(["logAck", "logRefused"]);
    expect(commit.override).toEqual({ epoch: 1, enabled: false });
    bench.restart();
    expect(bench.logger.enabled).toBe(false);
    expect(bench.ask(batch(1), batch(2))).toEqual(["ack 1", "logger_disabled at 1"]);
  });

  it("counts with a higher epoch only, and is stored only then", () => {
    const bench = new Bench();
    bench.turn(said(2, false));
    for (const epoch of [1, 2]) {
      expect(bench.turn(said(epoch, true)).commit.override).toBeUndefined();
      expect(bench.logger.enabled).toBe(false);
    }
    bench.turn(said(3, true));
    expect(bench.logger.enabled).toBe(true);
  });

  it("goes before the deployed layout, and back to it", () => {
    const bench = new Bench({ enabled: false });
    bench.turn(said(1, true));
    expect(bench.logger.enabled).toBe(true);
    bench.restart({ enabled: false });
    expect(bench.logger.enabled).toBe(true);
    bench.turn(said(2, undefined));
    expect(bench.logger.enabled).toBe(false);
    bench.restart({ enabled: true });
    expect(bench.logger.enabled).toBe(true);
  });

  it("[R17] lets no batch in that was refused and went elsewhere", () => {
    const bench = new Bench();
    bench.ask(resume, batch(1));
    bench.turn(said(1, false));
    expect(bench.ask(batch(2), batch(3))).toEqual(["logger_disabled at 1", "logger_disabled at 1"]);
    bench.turn(said(2, true));
    // The rest of the window was on its way; the writer has sent 2 and 3 to another logger.
    expect(bench.ask(batch(2), batch(3))).toEqual(["unavailable at 1", "unavailable at 1"]);
    expect(bench.ask(resume, batch(2, { hash: hashOf(9) }))).toEqual(["ack 1", "ack 2"]);
  });
});

describe("the option of a trunk's hello", () => {
  it("carries it there and back; nothing before the first change", () => {
    for (const enabled of [true, false, undefined]) {
      expect(overrideOf(overrideOptions({ epoch: 7, enabled }))).toEqual({ epoch: 7, enabled });
    }
    expect(overrideOptions({ epoch: 0, enabled: undefined })).toEqual({});
    expect(overrideOf({ table: "x" })).toBeUndefined();
  });

  it.each([[7], [[]], [[1]], [["1", true]], [[-1, true]], [[1.5, true]], [[1, 0]], [null]])(
    "in another form is refused: %j",
    (layout) => {
      expect(() => overrideOf({ layout })).toThrow(expect.objectContaining({ code: "invalid_message" }));
    },
  );
});
