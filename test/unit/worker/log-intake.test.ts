/** The driver's own part: deadlines of trunks. The rest is tested in workerd (test/worker/log-intake.test.ts). */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { NO_OVERRIDE } from "../../../src/logs/logger.ts";
import { parseLayout } from "../../../src/cluster/layout.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import { LogIntake, type TrunkSocket } from "../../../src/worker/log-intake.ts";
import { batchOf, lines, writerId } from "../../support/log-batch.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a logger that accepts a trunk and says nothing", () => {
  it("is tried again after logTrunkMs, and then given up", async () => {
    const replies: Frame[] = [];
    let opened = 0;
    const mute: TrunkSocket = {
      send: () => undefined,
      close: () => undefined,
      addEventListener: () => undefined,
    };
    const intake = new LogIntake({
      openTrunk: async () => {
        opened++;
        return mute;
      },
      reply: (frame) => replies.push(frame),
      layout: parseLayout({ loggers: [{ name: "logger-1" }] }),
      overrideOf: () => NO_OVERRIDE,
      grant: {
        publish: [],
        subscribe: [],
        logs: ["*"],
        name: undefined,
        nodeType: undefined,
        admin: false,
        peer: false,
      },
      instance: writerId(1),
      nowMs: () => Date.now(),
    });
    intake.handle(batchOf(lines("a", 1)));
    await vi.advanceTimersByTimeAsync(LIMITS.logTrunkMs - 1);
    expect([opened, replies.length]).toEqual([1, 0]);
    await vi.advanceTimersByTimeAsync(1 + LIMITS.trunkRetryMs);
    expect([opened, replies.length]).toEqual([2, 0]);
    await vi.advanceTimersByTimeAsync(LIMITS.logTrunkMs);
    expect(replies).toMatchObject([{ type: "logRefused", number: 1, code: "unavailable" }]);
    await intake.idle();
  });
});
