/** Trunks, numbers, results and bounds of a master (rules 1 and 23 to 25). */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { string } from "../../../src/data/value.ts";
import type { StoreBackend } from "../../../src/store/backend.ts";
import type { StoreCommand } from "../../../src/store/command.ts";
import type { ToClient, ToMaster } from "../../../src/store/message.ts";
import { instance } from "../../support/router-rig.ts";
import { BACKENDS } from "./backends.ts";
import { Network } from "./network.ts";
import { c, DURABLE, hex, k, MasterRig, put, v } from "./rig.ts";

const add: StoreCommand = { type: "increment", key: k("n"), amount: v(c(1)) };

function say(rig: MasterRig, message: ToMaster, trunk = "t1"): readonly ToClient[] {
  rig.master.receive(trunk, message);
  return rig.turn(trunk);
}

const commands = (first: number, number: number, count: number, ageMs?: number): ToMaster => ({
  type: "commands",
  first,
  number,
  ageMs,
  commands: Array.from({ length: count }, () => add),
});

const codes = (messages: readonly ToClient[]) =>
  messages.flatMap((m) => (m.type === "results" ? m.results.map(({ code }) => code ?? "ok") : [m.type]));

describe.each(BACKENDS)("a master over the %s backend", (_, make) => {
  it("R23 answers a repeat with the stored result, also after a restart", () => {
    const rig = new MasterRig(make());
    const first = say(rig, commands(1, 1, 3));
    expect(say(rig, commands(1, 1, 3, 5))).toEqual(first);
    rig.restart();
    rig.open("t2", 1, 2);
    const results = first.flatMap((m) => (m.type === "results" ? m.results : []));
    expect(say(rig, commands(1, 1, 4, 5), "t2")).toMatchObject([
      { results: [...results, { number: 4, seq: 4 }] },
    ]);
    expect(rig.backend.get(k("n"))!.value).toEqual(v(c(4)));
  });

  it("R23 answers unknown for what the client had said it does not need, and does not carry it out", () => {
    const rig = new MasterRig(make());
    say(rig, commands(1, 1, 3));
    say(rig, commands(4, 4, 1));
    expect(codes(say(rig, commands(1, 2, 1, 5)))).toEqual(["unknown"]);
    expect(hex(rig.backend.get(k("n"))!.value)).toBe(hex(v(c(4))));
  });

  it("R23 asks for what is missing and carries out nothing behind it", () => {
    const rig = new MasterRig(make());
    expect(say(rig, commands(1, 2, 2))).toEqual([{ type: "expected", number: 1 }]);
    expect(rig.backend.get(k("n"))).toBeUndefined();
    expect(codes(say(rig, commands(2, 2, 2)))).toEqual(["ok", "ok"]);
  });

  it("R23 does not carry out what it may have carried out under a mark that it has forgotten", () => {
    const rig = new MasterRig(make());
    say(rig, commands(1, 1, 1));
    rig.nowMs += LIMITS.storeMarkMs + 1;
    for (let n = 0; n < 64; n++) rig.open(`other ${n}`, n + 2);
    expect(rig.backend.mark(instance(1))).toBeUndefined();
    rig.restart();
    rig.open("t1", 1, 2);
    const ageMs = LIMITS.storeMarkMs + 1;
    expect(codes(say(rig, commands(1, 1, 2, ageMs)))).toEqual(["unknown", "unknown"]);
    // The rest of what the client had sent then comes on another trunk.
    rig.open("t2", 1, 3);
    expect(codes(say(rig, commands(1, 3, 1, ageMs), "t2"))).toEqual(["unknown"]);
    expect(codes(say(rig, commands(4, 4, 1), "t2"))).toEqual(["ok"]);
    expect(rig.backend.get(k("n"))!.value).toEqual(v(c(2)));
  });

  it("R23 carries out a first command whose first trunk broke before it came", () => {
    const rig = new MasterRig(make());
    expect(codes(say(rig, commands(1, 1, 1, 30_000)))).toEqual(["ok"]);
  });

  it("lets a client have so many commands unanswered", () => {
    const rig = new MasterRig(make());
    expect(codes(say(rig, commands(1, 1, LIMITS.storeCommandsMax)))).toHaveLength(LIMITS.storeCommandsMax);
    expect(say(rig, commands(1, LIMITS.storeCommandsMax + 1, 1))).toMatchObject([
      { type: "error", code: "too_many" },
    ]);
  });

  it("R1 goes on with the newest connection of a client, whose commands in the same turn count", () => {
    const rig = new MasterRig(make());
    rig.master.receive("t1", commands(1, 1, 2));
    rig.master.receive("t2", { type: "open", instance: instance(1), connection: 2 });
    rig.master.receive("t2", commands(1, 1, 3, 5));
    rig.master.receive("t1", commands(1, 3, 1));
    const effects = rig.master.turn(rig.nowMs);
    expect(effects.filter(({ trunk }) => trunk === "t1").map(({ message }) => message)).toMatchObject([
      { type: "error", code: "superseded" },
      { type: "error", code: "invalid_message" },
    ]);
    expect(rig.backend.get(k("n"))!.value).toEqual(v(c(3)));
    expect(rig.open("t3", 1, 1)).toMatchObject([{ type: "error", code: "superseded" }]);
  });

  it("R30 carries out what came on all trunks as one batch", () => {
    const rig = new MasterRig(make());
    rig.open("t2", 2);
    rig.master.receive("t1", commands(1, 1, 3));
    rig.master.receive("t2", commands(1, 1, 2));
    rig.turn();
    expect(rig.backend.batchAfter("deltas", 0)).toMatchObject({ first: 1, last: 5 });
  });

  it("refuses what comes before open, and a second open", () => {
    const rig = new MasterRig(make());
    expect(say(rig, commands(1, 1, 1), "t9")).toMatchObject([{ type: "error", code: "invalid_message" }]);
    expect(rig.open("t1", 1, 2)).toMatchObject([{ type: "error", code: "invalid_message" }]);
  });

  it("refuses keys, values and stores that are larger than their bounds", () => {
    const rig = new MasterRig(make());
    const head = 5;
    const sized = (bytes: number) => string("x".repeat(bytes));
    const key = LIMITS.storeKeyBytesMax - 3;
    expect(k(sized(key)).length).toBe(LIMITS.storeKeyBytesMax);
    expect([rig.code(put(sized(key), c(1))), rig.code(put(sized(key + 1), c(1)))]).toEqual([
      "ok",
      "too_large",
    ]);
    const value = LIMITS.storeValueBytesMax - head;
    expect(v(sized(value)).length).toBe(LIMITS.storeValueBytesMax);
    expect([rig.code(put("v", sized(value))), rig.code(put("w", sized(value + 1)))]).toEqual([
      "ok",
      "too_large",
    ]);
    expect(rig.code({ type: "append", key: k("v"), text: v(sized(1)) })).toBe("too_large");
    const { bytes } = rig.master.stat;
    const small = new MasterRig(rig.backend, { ...DURABLE, bytesMax: bytes });
    small.open("t2", 2);
    const run = (number: number, command: StoreCommand) =>
      codes(
        say(small, { type: "commands", first: number, number, ageMs: undefined, commands: [command] }, "t2"),
      );
    expect(run(1, put("w", c(1)))).toEqual(["store_full"]);
    expect(run(2, { type: "erase", key: k("v") })).toEqual(["ok"]);
    expect(run(3, put("w", c(1)))).toEqual(["ok"]);
    expect(run(4, put("v", sized(value)))).toEqual(["store_full"]);
    expect(small.master.stat.bytes).toBeLessThanOrEqual(bytes);
    const tight = new MasterRig(rig.backend, { ...DURABLE, bytesMax: 10 });
    tight.open("t3", 3);
    const both = [put("w", c(2)), put("x", c(1))];
    const message = { type: "commands", first: 1, number: 1, ageMs: undefined, commands: both } as const;
    expect(codes(say(tight, message, "t3"))).toEqual(["ok", "store_full"]);
  });

  it("gives keys and entries in pages", () => {
    const rig = new MasterRig(make());
    const all = LIMITS.storePageRows + 5;
    for (let n = 0; n < all; n += 1_000) {
      rig.run(...Array.from({ length: Math.min(1_000, all - n) }, (_one, at) => put(c(n + at), c(at))));
    }
    const page = rig.ask({ type: "keys" });
    expect(page).toMatchObject({ keys: { length: LIMITS.storePageRows } });
    const rest = rig.ask({ type: "entries", after: (page as { next: Uint8Array }).next });
    expect(rest).toMatchObject({ entries: { length: 5 }, next: undefined });
  });

  it("R24 after a sleep tells the trunks that are left, and begins no epoch", () => {
    const rig = new MasterRig(make());
    rig.run(put("key", c(1)));
    const position = rig.master.position;
    rig.restart([{ id: "t1", instance: instance(1), connection: 1 }]);
    expect(rig.turn()).toEqual([{ type: "master", ...position }]);
    expect(codes(say(rig, commands(1, 1, 1, 5)))).toEqual(["ok"]);
  });
});

describe.each(BACKENDS)(
  "a store that acknowledges before its writes are durable, over the %s backend",
  (_, make) => {
    const ACCEPTED = { ...DURABLE, isDurable: false };

    it("R25 says accepted, and waits only for the note that a crash may take writes back", () => {
      const rig = new MasterRig(make(), ACCEPTED);
      expect(say(rig, commands(1, 1, 1))).toMatchObject([{ type: "results", durable: false }]);
      expect([rig.master.mustConfirm, rig.backend.head()!.isOpen]).toEqual([true, true]);
      say(rig, commands(2, 2, 1));
      expect(rig.master.mustConfirm).toBe(false);
      rig.master.settled();
      rig.turn();
      expect(rig.backend.head()!.isOpen).toBe(false);
      say(rig, commands(3, 3, 1));
      expect(rig.master.mustConfirm).toBe(true);
    });

    it("R24 begins an epoch at a start that may have lost writes, and none after it had settled", () => {
      const rig = new MasterRig(make(), ACCEPTED);
      rig.run(put("key", c(1)));
      const { epoch } = rig.master.position;
      rig.restart();
      rig.turn();
      const next = rig.master.position.epoch;
      expect(next).toBeGreaterThan(epoch);
      rig.master.settled();
      rig.turn();
      rig.restart();
      expect(rig.master.position.epoch).toBe(next);
    });

    it("R24 clones forget writes that a crash took back, and later ones have other positions", () => {
      // Two masters do the same; the second misses what the crash takes from the first.
      const net = new Network(make(), 2, ACCEPTED);
      const spare: StoreBackend = make();
      const other = new Network(spare, 2, ACCEPTED);
      for (const one of [net, other]) {
        one.connect(0);
        one.write(0, put("kept", c(1)));
        one.flow();
      }
      expect(net.clones[0]!.results).toMatchObject([{ durable: false }]);
      net.write(0, put("lost", c(1)));
      net.flow();
      expect(net.clones[0]!.clone.size).toBe(2);
      net.crash(spare);
      net.connect(1);
      net.write(1, put("new", c(1)));
      net.flow();
      net.connect(0);
      net.flow();
      expect(net.clones[0]!.content).toEqual(net.clones[1]!.content);
      expect(new Set(net.clones[0]!.content.keys())).toEqual(new Set(["s3:new", "s4:kept"]));
      expect(net.clones[0]!.events.at(-1)).toMatchObject({ type: "insert" });
    });
  },
);
