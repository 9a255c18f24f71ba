/** What one turn, one batch and one store may take. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { string } from "../../../src/data/value.ts";
import { creditBytes } from "../../../src/store/message.ts";
import { instance } from "../../support/router-rig.ts";
import { BACKENDS } from "./backends.ts";
import { c, k, MasterRig, put, v } from "./rig.ts";

const KIB = 1024;
const big = (n: number, bytes: number) => string(String(n).padEnd(bytes, "."));

describe.each(BACKENDS)("bounds of a master over the %s backend", (_, make) => {
  it("changes of one turn go into batches of bounded size, a large one into its own", () => {
    const rig = new MasterRig(make());
    const sizes = [...Array.from({ length: 20 }, () => 100 * KIB), LIMITS.storeValueBytesMax - 5, 10];
    rig.run(...sizes.map((size, n) => put(c(n), big(n, size))));
    let seq = 0;
    for (let batch = rig.backend.batchAfter("deltas", 0); batch !== undefined;) {
      expect(batch.first).toBe(seq + 1);
      seq = batch.last;
      if (batch.first < batch.last) expect(batch.bytes.length).toBeLessThanOrEqual(LIMITS.storeBatchBytes);
      else expect(batch.bytes.length).toBeLessThan(2_000_000);
      batch = rig.backend.batchAfter("deltas", seq);
    }
    expect(seq).toBe(sizes.length);
  });

  it("the log of changes keeps to its bound and says from where on it holds all", () => {
    const rig = new MasterRig(make());
    for (let n = 0; n < 80; n++) rig.run(put(c(n % 2), big(n, 512 * KIB)));
    const { deltas } = rig.backend.head()!;
    expect(deltas.bytes).toBeLessThanOrEqual(LIMITS.storeDeltasBytes);
    expect(deltas.bytes).toBeGreaterThan(LIMITS.storeDeltasBytes - 600 * KIB);
    expect(rig.backend.batchAfter("deltas", 0)!.first).toBe(deltas.after + 1);
  });

  it("clones that begin together share what a turn may read, and all get on", () => {
    const rig = new MasterRig(make());
    for (let n = 0; n < 20; n++) rig.run(put(c(n), big(n, 512 * KIB)));
    const clones = Array.from({ length: 8 }, (_one, n) => `clone ${n}`);
    for (const [n, trunk] of clones.entries()) {
      rig.master.receive(trunk, { type: "open", instance: instance(n + 2), connection: 1 });
      const grantedBytes = 16 * LIMITS.storeCreditBytes;
      rig.master.receive(trunk, { type: "attach", stream: 1, position: undefined, grantedBytes });
    }
    const done = new Set<string>();
    for (let turn = 0; done.size < clones.length; turn++) {
      const effects = rig.master.turn(rig.nowMs);
      let bytes = 0;
      for (const { trunk, message } of effects) {
        if (message.type !== "stream") continue;
        bytes += creditBytes(message.message);
        if (message.message.type === "synced") done.add(trunk);
      }
      expect(bytes).toBeLessThan(LIMITS.storeTurnBytes + LIMITS.storeSnapshotBytes + 64 * KIB);
      expect(rig.master.deadlineMs).toBe(done.size < clones.length ? 0 : undefined);
      expect(turn).toBeLessThan(100);
    }
  });

  it("a clone that grants nothing gets no snapshot, but hears that it is up to date", () => {
    const rig = new MasterRig(make());
    rig.run(put(c(1), c(1)));
    const attach = (stream: number, position: { epoch: number; seq: number } | undefined) => {
      rig.master.receive("t1", { type: "attach", stream, position, grantedBytes: 0 });
      return rig.turn().flatMap((m) => (m.type === "stream" ? [m.message.type] : []));
    };
    expect(attach(1, undefined)).toEqual(["attached"]);
    expect(attach(2, rig.master.position)).toEqual(["attached", "synced"]);
    rig.master.receive("t1", { type: "detach" });
    expect(rig.run(put(c(2), c(2)))).toHaveLength(1);
    expect(rig.master.stat).toMatchObject({ keys: 2, clones: 0, trunks: 1 });
  });

  it("takes so many trunks", () => {
    const rig = new MasterRig(make());
    for (let n = 2; n <= LIMITS.trunksMax; n++) {
      rig.master.receive(`t${n}`, { type: "open", instance: instance(n), connection: 1 });
    }
    rig.turn();
    expect(rig.master.stat.trunks).toBe(LIMITS.trunksMax);
    expect(rig.open("more", LIMITS.trunksMax + 1)).toMatchObject([{ type: "error", code: "unavailable" }]);
  });

  it("keeps the marks of so many clients, and forgets the oldest", () => {
    const rig = new MasterRig(make());
    const some = LIMITS.storeClientsMax + 64;
    for (let n = 2; n <= some; n++) {
      rig.nowMs++;
      rig.master.receive(`t${n}`, { type: "open", instance: instance(n), connection: 1 });
      const commands = [{ type: "increment", key: k("n"), amount: v(c(1)) } as const];
      rig.master.receive(`t${n}`, { type: "commands", first: 1, number: 1, ageMs: undefined, commands });
      rig.master.closed(`t${n}`);
      rig.turn();
    }
    expect(rig.backend.mark(instance(2))).toBeUndefined();
    expect(rig.backend.mark(instance(some))).toBeDefined();
    expect(rig.backend.mark(instance(some - LIMITS.storeClientsMax + 65))).toBeDefined();
    expect(rig.backend.head()!.forgottenMs).toBeGreaterThan(0);
  }, 60_000);
});
