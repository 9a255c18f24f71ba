/** How clones catch up: snapshots over many turns, the log of changes, and what is beyond it (rules 24 and 27). */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { string } from "../../../src/data/value.ts";
import type { StoreCommand } from "../../../src/store/command.ts";
import type { StreamMessage } from "../../../src/store/message.ts";
import { BACKENDS } from "./backends.ts";
import { Network } from "./network.ts";
import { c, k, MasterRig, put, s } from "./rig.ts";

const KIB = 1024;
const big = (n: number, bytes = 512 * KIB) => string(String(n).padEnd(bytes, "."));

/** Takes down what the first clone is sent, by type; `reset` for the first rows of a full snapshot. */
function watch(net: Network): string[] {
  const seen: string[] = [];
  const { clone } = net.clones[0]!;
  const receive = clone.receive.bind(clone);
  clone.receive = (message) => {
    if (message.type === "stream") seen.push(kind(message.message));
    receive(message);
  };
  return seen;
}

const kind = (message: StreamMessage) => (message.type === "rows" && message.reset ? "reset" : message.type);

/** Connects the first clone and leaves it where the store is. */
function caughtUp(make: (typeof BACKENDS)[number][1], keys: number): Network {
  const net = new Network(make(), 2);
  net.connect(1);
  for (let n = 0; n < keys; n++) net.write(1, put(c(n), c(n)));
  net.connect(0);
  net.flow();
  return net;
}

describe.each(BACKENDS)("catching up with a master over the %s backend", (_, make) => {
  it("R27 a clone that was away gets the changes since, and nothing else", () => {
    const net = caughtUp(make, 20);
    net.cut(0);
    net.write(1, put(c(3), s("new")));
    net.write(1, { type: "erase", key: k(c(4)) });
    net.flow();
    const seen = watch(net);
    const events = net.clones[0]!.events.length;
    net.connect(0);
    net.flow();
    expect(seen).toEqual(["attached", "deltas", "synced"]);
    expect(net.clones[0]!.events.slice(events).map(({ type }) => type)).toEqual(["update", "erase"]);
    expect(net.clones[0]!.content).toEqual(net.content);
  });

  it("one that nothing was missed by is told so at once", () => {
    const net = caughtUp(make, 20);
    net.cut(0);
    const seen = watch(net);
    net.connect(0);
    net.flow();
    expect(seen).toEqual(["attached", "synced"]);
  });

  it("R27 one that was away for longer than the log reaches gets what changed, and the keys that went", () => {
    const net = caughtUp(make, 20_000);
    net.cut(0);
    net.write(1, { type: "erase", key: k(c(5)) });
    net.write(1, { type: "erase", key: k(c(6)) });
    net.write(1, put(c(6), s("back")));
    for (let n = 0; n * 512 * KIB <= LIMITS.storeDeltasBytes; n++) {
      net.write(1, put(c(n % 3), big(n)));
      net.flow();
    }
    const seen = watch(net);
    const events = net.clones[0]!.events.length;
    net.connect(0);
    net.flow();
    expect(new Set(seen)).toEqual(new Set(["attached", "rows", "synced"]));
    expect(net.clones[0]!.content).toEqual(net.content);
    const told = net.clones[0]!.events.slice(events).map(({ type }) => type);
    expect(told.toSorted()).toEqual(["erase", "update", "update", "update", "update"]);
  });

  it.each(["clear", "tombstones"] as const)(
    "R27 one that cannot know what went (%s) takes it all again",
    (why) => {
      const net = caughtUp(make, 50);
      net.cut(0);
      if (why === "clear") net.write(1, { type: "clear" });
      else {
        const size = LIMITS.storeKeyBytesMax - 8;
        for (let n = 0; n * size <= LIMITS.storeTombstonesBytes; n++) {
          net.write(1, put(big(n, size), c(1)));
          net.write(1, { type: "erase", key: k(big(n, size)) });
          if (n % 100 === 0) net.flow();
        }
      }
      for (let n = 0; n * 512 * KIB <= LIMITS.storeDeltasBytes; n++) {
        net.write(1, put(c(n % 3), big(n)));
        net.flow();
      }
      const seen = watch(net);
      net.connect(0);
      net.flow();
      expect(seen.slice(0, 2)).toEqual(["attached", "reset"]);
      expect(net.clones[0]!.content).toEqual(net.content);
    },
  );

  it("R27 a snapshot comes over many turns, in frames and windows of bounded size, while the store is written", () => {
    const net = new Network(make(), 2);
    net.connect(1);
    for (let n = 0; n < 40; n++) net.write(1, put(c(n), big(n)));
    for (let n = 100; n < 12_000; n++) net.write(1, put(c(n), c(n)));
    net.flow();
    net.connect(0);
    net.up(0);
    let frames = 0;
    for (let turn = 0; net.clones[0]!.clone.isStale; turn++) {
      const n = (turn * 7) % 40;
      net.write(1, turn % 3 === 0 ? { type: "erase", key: k(c(n)) } : put(c(n), big(turn)));
      net.up(1);
      net.turn();
      const waiting = net.clones[0]!.toClone;
      const bytes = waiting.flatMap((m) =>
        m.type === "stream" && m.message.type === "rows" ? m.message.rows : [],
      );
      const sum = bytes.reduce((all, { key, value }) => all + key.length + value.length, 0);
      expect(sum).toBeLessThanOrEqual(LIMITS.storeCreditBytes + LIMITS.storeSnapshotBytes + KIB);
      frames += waiting.length;
      net.down(0, 2);
      net.down(1);
      net.up(0);
      expect(turn).toBeLessThan(1_000);
    }
    net.flow();
    expect(frames).toBeGreaterThan(40);
    expect(net.clones[0]!.content).toEqual(net.content);
  });

  it("R27 nothing of a snapshot shows before it is complete", () => {
    const net = caughtUp(make, 50);
    const before = net.clones[0]!.content;
    net.cut(0);
    net.write(1, { type: "clear" });
    for (let n = 0; n * 512 * KIB <= LIMITS.storeDeltasBytes; n++) {
      net.write(1, put(c(n % 30), big(n)));
      net.flow();
    }
    net.connect(0);
    for (let round = 0; round < 2; round++) {
      net.down(0);
      net.up(0);
      net.turn();
    }
    const { toClone } = net.clones[0]!;
    const parts = toClone.filter((m) => m.type === "stream" && m.message.type === "rows");
    expect(parts.length).toBeGreaterThan(1);
    net.down(0);
    expect(net.clones[0]!.content).toEqual(before);
    net.flow();
    expect(net.clones[0]!.content).toEqual(net.content);
  });

  it("a missing message makes the clone ask again from where it stands", () => {
    const net = caughtUp(make, 5);
    const seen = watch(net);
    for (const n of [1, 2, 3]) {
      net.write(1, put(c(n), s("new")));
      net.up(1);
      net.turn();
    }
    net.clones[0]!.toClone.shift();
    net.flow();
    expect(seen.filter((type) => type === "attached")).toHaveLength(1);
    expect(seen).not.toContain("reset");
    expect(net.clones[0]!.content).toEqual(net.content);
  });

  it("a clone that begins in the middle of a turn is not told that a key went which had come back before", () => {
    const rig = new MasterRig(make());
    const commands = (number: number, ...list: StoreCommand[]) =>
      rig.master.receive("t1", { type: "commands", first: number, number, ageMs: undefined, commands: list });
    const attach = { type: "attach", stream: 1, position: undefined, grantedBytes: 0 } as const;
    commands(1, put("a", c(1)), { type: "erase", key: k("a") }, put("a", c(2)));
    rig.master.receive("t1", attach);
    commands(4, put("b", c(1)));
    rig.turn();
    let number = 5;
    for (; number * 512 * KIB <= LIMITS.storeDeltasBytes + 8 * 512 * KIB; number++) {
      commands(number, put("c", big(number)));
      rig.turn();
    }
    rig.master.receive("t1", { type: "credit", stream: 1, grantedBytes: LIMITS.storeCreditBytes });
    const sent = rig
      .turn()
      .flatMap((m) => (m.type === "stream" && m.message.type === "rows" ? [m.message] : []));
    expect(sent[0]).toMatchObject({ base: 3, reset: true });
    const again = sent.filter(({ base, reset }) => base === number - 1 && !reset);
    expect(sent.flatMap(({ erased }) => erased)).toEqual([]);
    expect(again.flatMap(({ rows }) => rows.map(({ key }) => key))).toEqual([k("b"), k("c")]);
  });

  it("R27 a clone that reads nothing for longer than the log reaches goes on with what changed", () => {
    const net = caughtUp(make, 100);
    net.write(1, { type: "erase", key: k(c(9)) });
    for (let n = 0; n * 512 * KIB <= LIMITS.storeDeltasBytes + 2 * LIMITS.storeCreditBytes; n++) {
      net.write(1, put(c(n % 3), big(n)));
      net.up(1);
      net.turn();
      net.down(1);
    }
    const seen = watch(net);
    net.flow();
    expect(seen).toContain("rows");
    expect(seen).not.toContain("reset");
    expect(seen).not.toContain("attached");
    expect(net.clones[0]!.content).toEqual(net.content);
  });

  it("keys that went and are forgotten before the clone heard of them make it begin anew", () => {
    const rig = new MasterRig(make());
    rig.run(put("gone", c(1)), put("left", c(1)));
    const { position } = rig.master;
    rig.run({ type: "erase", key: k("gone") });
    for (let n = 0; n * 512 * KIB <= LIMITS.storeDeltasBytes; n++) rig.run(put(c(n % 2), big(n)));
    rig.master.receive("t1", { type: "attach", stream: 1, position, grantedBytes: 0 });
    rig.turn();
    const size = LIMITS.storeKeyBytesMax - 8;
    for (let n = 0; n * size <= LIMITS.storeTombstonesBytes; n++) {
      rig.run(put(big(n, size), c(1)), { type: "erase", key: k(big(n, size)) });
    }
    rig.master.receive("t1", { type: "credit", stream: 1, grantedBytes: LIMITS.storeCreditBytes });
    const sent = rig.turn().flatMap((m) => (m.type === "stream" ? [m.message] : []));
    expect(sent[0]).toMatchObject({ type: "rows", reset: true });
  });
});
