/** When what a router keeps expires: rules 4 and 11. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { back, kept, policy, rigOf, rows, say, settle } from "../../support/kept-rig.ts";
import { publish, segment } from "../../support/router-rig.ts";

describe("expiry", () => {
  test("never early, and never more than a row too much: by events, bytes and time", () => {
    const rig = rigOf(
      policy("e/", { events: 3 }),
      policy("b/", { bytes: 400 }),
      policy("s/", { seconds: 5 }),
    );
    rig.join("p", 2, []);
    for (let i = 0; i < 40; i++) {
      const seq = i * 3 + 1;
      const body = "x".repeat(60);
      settle(
        rig.receive(
          "p",
          publish(seq, segment("e/", body)),
          publish(seq + 1, segment("b/", body)),
          publish(seq + 2, segment("s/", body)),
        ),
      );
      rig.pass(LIMITS.expireMs - LIMITS.keepIntervalMs);
      for (const [, log] of rig.store.logs) {
        const all = rows(rig).filter((row) => Math.floor(row.id / 2 ** 40) === log.number);
        const [front, next] = all;
        if (front === undefined || next === undefined || i < 10) continue;
        const back = all.at(-1)!;
        if (log.prefix === "e/") expect(back.eventsEnd - front.eventsEnd).toBeLessThanOrEqual(3);
        if (log.prefix === "e/") expect(all.length).toBeGreaterThanOrEqual(3);
        if (log.prefix === "b/") expect(back.bytesEnd - next.bytesEnd).toBeLessThan(400);
        if (log.prefix === "s/") expect(rig.nowMs - front.timeMs).toBeLessThanOrEqual(7_000);
        if (log.prefix === "s/") expect(rig.nowMs - front.timeMs).toBeGreaterThanOrEqual(4_000);
      }
    }
  });

  test("a quiet router names the time at which it is to be woken, and drops what has expired then", () => {
    const rig = rigOf(policy("k/", { seconds: 300 })).join("p", 2, []);
    say(rig, 1, "k/a", "1");
    expect(rig.router.expiryMs).toBeUndefined();
    rig.pass(LIMITS.checkpointMs);
    const atMs = rig.router.expiryMs!;
    expect(atMs).toBe(rows(rig)[0]!.timeMs + 300_000);
    rig.nowMs = atMs;
    rig.restart("kept").turn();
    expect(rows(rig)).toEqual([]);
    expect(rig.router.expiryMs).toBeUndefined();
    expect(rig.store.checkpoint).toBeDefined();
    back(rig, "s", [kept(1, 0)]);
    expect(rig.take("s").map((f) => f.type)).toEqual(["welcome", "subscribed", "gap", "recovered"]);
  });

  test("R11 what is past its time is not replayed even if nothing has dropped it yet", () => {
    const rig = rigOf(policy("k/", { seconds: 5 })).join("p", 2, []);
    say(rig, 1, "k/a", "1");
    rig.pass(5_000 - LIMITS.keepIntervalMs - 1);
    back(rig, "young", [kept(1, 0)]);
    expect(rig.takeTexts("young")).toEqual(["1"]);
    rig.pass(1);
    back(rig, "old", [kept(1, 0)]);
    expect(rig.takeTexts("old")).toEqual([]);
  });

  test("at most so many rows are dropped at once", () => {
    const rig = rigOf(policy("k/", { seconds: 1 })).join("p", 2, []);
    const frames = new Uint8Array([0x80]);
    const { number } = [...rig.store.logs.values()][0]!;
    for (let i = 0; i <= LIMITS.expireRowsMax; i++) {
      const row = {
        id: number * 2 ** 40 + i,
        incarnation: 1,
        last: i,
        timeMs: 1,
        eventsEnd: i,
        bytesEnd: i,
        frames,
      };
      rig.store.apply({ type: "keep", row });
    }
    rig.nowMs = 100_000;
    rig.restart("closed").turn();
    expect(rows(rig)).toHaveLength(1);
    rig.pass(LIMITS.expireMs).turn();
    expect(rows(rig)).toEqual([]);
  });
});
