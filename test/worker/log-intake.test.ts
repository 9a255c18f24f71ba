/** The session's way of log batches in workerd: checks, trunks opened on first use, and what a lost trunk does. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/base/limits.ts";
import { parseLayout } from "../../src/cluster/layout.ts";
import { NO_OVERRIDE } from "../../src/logs/logger.ts";
import type { Frame, LogBatchFrame } from "../../src/protocol/frame.ts";
import type { Grant } from "../../src/protocol/grant.ts";
import { LogIntake } from "../../src/worker/log-intake.ts";
import { openTrunk } from "../../durable/trunk.ts";
import { batchOf, lines, writerId } from "../support/log-batch.ts";
import { freshLogger } from "../support/log-trunk.ts";

const ALL: Grant = {
  publish: [],
  subscribe: [],
  logs: ["*"],
  name: undefined,
  nodeType: undefined,
  admin: false,
  peer: false,
};

/** An intake over a logger of its own: what it replied, and how often it opened a trunk. */
function bench(grant: Grant = ALL, logger = freshLogger(), override = NO_OVERRIDE) {
  const replies: Frame[] = [];
  const state = { opened: 0, failOpens: 0 };
  const intake = new LogIntake({
    openTrunk: async (name) => {
      if (state.failOpens-- > 0) throw new Error("no");
      state.opened++;
      return openTrunk(env.LOGGER.getByName(name));
    },
    reply: (frame) => replies.push(frame),
    layout: parseLayout({ loggers: [{ name: logger }] }),
    overrideOf: () => override,
    grant,
    instance: writerId(50),
    nowMs: () => Date.now(),
  });
  const batch = (number: number, text: string, fields: Partial<LogBatchFrame> = {}) =>
    batchOf(text, { logger, number, ...fields });
  return { intake, replies, state, logger, batch, stub: env.LOGGER.getByName(logger) };
}

const shortOf = (frames: readonly Frame[]) =>
  frames.map((frame) => {
    if (frame.type === "logAck") return `ack ${frame.last.number}`;
    return frame.type === "logRefused" ? `${frame.code} ${frame.number}` : frame.type;
  });

describe("log batches of a session", () => {
  it("[R16] reach their logger in order over one trunk, opened with the first", async () => {
    const { intake, replies, state, batch, stub } = bench();
    expect(state.opened).toBe(0);
    for (let n = 1; n <= 5; n++) intake.handle(batch(n, lines(`${n}`, 2)));
    await intake.idle();
    expect(shortOf(replies)).toEqual([1, 2, 3, 4, 5].map((n) => `ack ${n}`));
    expect(state.opened).toBe(1);
    expect(await stub.stat()).toMatchObject({ bufferedBatches: 5, writers: 1 });
    intake.close();
  });

  it("[R19] that are not what they claim are refused; those before and after are not", async () => {
    const { intake, replies, batch } = bench();
    intake.handle(batch(1, lines("a", 2)));
    intake.handle(batch(2, lines("b", 2), { records: 9 }));
    intake.handle(batch(2, lines("c", 2)));
    await intake.idle();
    expect(shortOf(replies).toSorted()).toEqual(["ack 1", "ack 2", "invalid_batch 2"]);
    intake.close();
  });

  it("[R19] that inflate to too much, or are no gzip, are refused for that reason", async () => {
    const { intake, replies, batch } = bench();
    const bomb = `{${" ".repeat(LIMITS.logBatchRatioFreeBytes)}}\n`;
    intake.handle(batch(1, bomb));
    intake.handle(batch(1, "{}\n", { bytes: new Uint8Array([1, 2, 3]) }));
    expect(replies).toMatchObject([
      { code: "invalid_batch", message: expect.stringContaining("inflates to more than") as string },
      { code: "invalid_batch", message: expect.stringContaining("not whole gzip members") as string },
    ]);
    intake.close();
  });

  it("are refused for a stream that is not granted and a logger that the layout does not have", async () => {
    const { intake, replies, state, batch, logger } = bench({ ...ALL, logs: ["dns"] });
    intake.handle(batch(1, lines("a", 1)));
    intake.handle(batch(1, lines("a", 1), { stream: "dns", logger: "another" }));
    intake.handle({ type: "logResume", logger: "another", writer: writerId(1), birthMs: Date.now() });
    expect(shortOf(replies)).toEqual(["forbidden 1", "unknown_logger 1", "unknown_logger 0"]);
    expect(state.opened).toBe(0);
    const none = bench({ ...ALL, logs: [] }, logger);
    none.intake.handle({ type: "logResume", logger, writer: writerId(1), birthMs: Date.now() });
    expect(shortOf(none.replies)).toEqual(["forbidden 0"]);
  });

  it("[R34] are refused by a logger that learns of its disabling with the trunk alone", async () => {
    const { intake, replies, batch, stub } = bench(ALL, freshLogger(), { epoch: 1, enabled: false });
    intake.handle(batch(1, lines("a", 1)));
    await intake.idle();
    expect(shortOf(replies)).toEqual(["logger_disabled 1"]);
    expect(await stub.stat()).toMatchObject({ enabled: false, bufferedBatches: 0 });
    intake.close();
  });

  it("[R17] are sent again over a new trunk when the old one is lost, and stored once", async () => {
    const { intake, replies, state, batch, stub } = bench();
    intake.handle(batch(1, lines("a", 1)));
    await intake.idle();
    intake.handle(batch(2, lines("b", 1)));
    await evictDurableObject(stub, { webSockets: "close" });
    intake.handle(batch(3, lines("c", 1)));
    await intake.idle();
    expect(shortOf(replies)).toEqual(["ack 1", "ack 2", "ack 3"]);
    expect(state.opened).toBeGreaterThan(1);
    expect(await stub.stat()).toMatchObject({ bufferedBatches: 3 });
    intake.close();
  });

  it("wait for a trunk that does not open at once", async () => {
    const { intake, replies, state, batch } = bench();
    state.failOpens = 2;
    intake.handle(batch(1, lines("a", 1)));
    await intake.idle();
    expect(shortOf(replies)).toEqual(["ack 1"]);
    intake.close();
  });

  it("end with the session: nothing is replied after close, and idle resolves", async () => {
    const { intake, replies, batch } = bench();
    intake.handle(batch(1, lines("a", 1)));
    const idle = intake.idle();
    intake.close();
    await idle;
    intake.handle(batch(2, lines("b", 1)));
    expect(replies).toEqual([]);
    expect(intake.unanswered).toEqual({ frames: 0, bytes: 0 });
  });
});
