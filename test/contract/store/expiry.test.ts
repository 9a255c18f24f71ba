/** When entries end: never early, to the tick, and before anything else of the turn (rule 29). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Expiry, StoreCommand } from "../../../src/store/command.ts";
import { BACKENDS } from "./backends.ts";
import { Network } from "./network.ts";
import { c, hex, k, MasterRig, put, s, START_MS, v } from "./rig.ts";

const after = (ms: number): Expiry => ({ type: "after", ms });
const ending = (command: StoreCommand, expiry: Expiry) => ({ ...command, expiry }) as StoreCommand;

describe.each(BACKENDS)("expiry over the %s backend", (_, make) => {
  it("R29 an entry lives as long as it was given, and ends in the next millisecond", () => {
    const rig = new MasterRig(make());
    rig.run(ending(put("key", c(1)), after(100)));
    expect(rig.master.deadlineMs).toBe(START_MS + 101);
    rig.nowMs = START_MS + 100;
    expect(rig.get("key")).toBe(hex(v(c(1))));
    rig.nowMs = START_MS + 101;
    rig.turn();
    expect(rig.backend.get(k("key"))).toBeUndefined();
    expect(rig.master.deadlineMs).toBeUndefined();
    expect(rig.ask({ type: "size" })).toEqual({ type: "size", keys: 0, bytes: 0 });
  });

  it("a write at half its life makes it live for one and a half", () => {
    const rig = new MasterRig(make());
    rig.run(ending(put("key", c(1)), after(100)));
    rig.nowMs = START_MS + 50;
    rig.run(ending(put("key", c(2)), after(100)));
    rig.nowMs = START_MS + 150;
    expect(rig.get("key")).toBe(hex(v(c(2))));
    rig.nowMs = START_MS + 151;
    expect(rig.get("key")).toBeUndefined();
  });

  it("put without an expiry makes it permanent; operations without one leave it, and with one set it", () => {
    const rig = new MasterRig(make());
    for (const key of ["put", "add", "added"]) rig.run(ending(put(key, c(1)), after(100)));
    rig.run(put("put", c(2)), { type: "increment", key: k("add") });
    rig.run(ending({ type: "increment", key: k("added") }, after(200)));
    rig.nowMs = START_MS + 101;
    expect(["put", "add", "added"].map((key) => rig.get(key))).toEqual([
      hex(v(c(2))),
      undefined,
      hex(v(c(2))),
    ]);
    rig.nowMs = START_MS + 201;
    expect(rig.get("added")).toBeUndefined();
  });

  it("reads do not refresh it, and a lost put_unique does not either", () => {
    const rig = new MasterRig(make());
    const unique = ending({ type: "put_unique", key: k("key"), value: v(c(1)) }, after(100));
    rig.run(unique);
    rig.nowMs = START_MS + 60;
    rig.get("key");
    expect(rig.run(unique)[0]!.inserted).toBe(false);
    rig.nowMs = START_MS + 101;
    expect(rig.run(unique)[0]!.inserted).toBe(true);
  });

  it("a moment may be given instead", () => {
    const rig = new MasterRig(make());
    rig.run(ending(put("key", c(1)), { type: "at", ms: START_MS + 5 }));
    rig.nowMs = START_MS + 6;
    expect(rig.get("key")).toBeUndefined();
  });

  it.each([
    [after(0), "invalid_data"],
    [after(-1), "invalid_data"],
    [after(0.5), "invalid_data"],
    [after(NaN), "invalid_data"],
    [after(LIMITS.storeExpiryMsMax), "ok"],
    [after(LIMITS.storeExpiryMsMax + 1), "invalid_data"],
    [{ type: "at", ms: START_MS + LIMITS.storeExpiryMsMax } as const, "ok"],
    [{ type: "at", ms: START_MS + LIMITS.storeExpiryMsMax + 1 } as const, "invalid_data"],
  ])("%j is %s", (expiry, code) => {
    const rig = new MasterRig(make());
    rig.run(put("other", c(1)));
    expect(rig.code(ending(put("key", c(1)), expiry))).toBe(code);
    expect(rig.code(ending({ type: "increment", key: k("other") }, expiry))).toBe(code);
    expect(rig.get("other")).toBe(hex(v(c(code === "ok" ? 2 : 1))));
  });

  it("R29 what fell due while the master was away ends as it starts, and its clock never goes back", () => {
    const rig = new MasterRig(make());
    rig.run(ending(put("due", c(1)), after(100)), ending(put("later", c(1)), after(1_000)));
    rig.nowMs = START_MS + 500;
    rig.run(put("any", c(1)));
    rig.nowMs = START_MS - 10_000;
    rig.restart();
    rig.open("t1", 1, 2);
    expect([rig.get("due") === undefined, rig.get("later") === undefined]).toEqual([true, false]);
    rig.run(ending(put("new", c(1)), after(10)));
    expect(rig.backend.get(k("new"))!.expiryMs).toBe(START_MS + 510);
  });

  it("R29 many at once go in several turns, but none is seen any more", () => {
    const rig = new MasterRig(make());
    const keys = Array.from({ length: LIMITS.storeExpireRows + 1 }, (_one, n) => c(n));
    for (let n = 0; n < keys.length; n += 1_000) {
      rig.run(...keys.slice(n, n + 1_000).map((key) => ending(put(key, c(1)), after(100))));
    }
    rig.nowMs = START_MS + 101;
    rig.turn();
    expect(rig.master.stat.keys).toBe(1);
    expect(rig.master.deadlineMs).toBeLessThanOrEqual(rig.nowMs);
    expect(rig.ask({ type: "keys" })).toMatchObject({ keys: [] });
    rig.turn();
    expect(rig.master.deadlineMs).toBeUndefined();
  });

  it("R29 clones are told in order: expire, and then what was written in its place", () => {
    const net = new Network(make(), 1);
    net.connect(0);
    net.write(0, ending(put("key", c(1)), after(100)));
    net.flow();
    net.wait(101);
    net.write(0, { type: "increment", key: k("key"), amount: v(c(5)) });
    net.flow();
    expect(net.clones[0]!.events.map(({ type }) => type)).toEqual(["insert", "expire", "insert"]);
    expect(net.clones[0]!.events[1]).toMatchObject({ key: s("key"), old: c(1) });
    expect(net.clones[0]!.clone.get(s("key"))).toEqual(c(5));
  });

  it("R29 is never early and never late, whatever is written when", () => {
    const action = fc.record({
      key: fc.nat(3),
      ms: fc.option(fc.integer({ min: 1, max: 30 })),
      wait: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const rig = new MasterRig(make());
        const ends = new Map<number, number>();
        for (const { key, ms, wait } of actions) {
          rig.run(ms === null ? put(c(key), c(0)) : ending(put(c(key), c(0)), after(ms)));
          ends.set(key, ms === null ? Infinity : rig.nowMs + ms);
          rig.nowMs += wait;
          rig.turn();
          for (const [at, endMs] of ends) {
            expect(rig.backend.get(k(c(at))) !== undefined).toBe(rig.nowMs <= endMs);
          }
          const next = Math.min(...[...ends.values()].filter((endMs) => endMs >= rig.nowMs)) + 1;
          if (next !== Infinity) expect(rig.master.deadlineMs).toBeLessThanOrEqual(next);
        }
      }),
      { numRuns: 200 },
    );
  });
});
