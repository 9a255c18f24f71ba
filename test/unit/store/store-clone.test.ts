/** A clone by itself: its intervals, as in Bro 2.6 (spec/stores.md §4.2), and what it does with its writes. */
import { beforeEach, describe, expect, it } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { string } from "../../../src/data/value.ts";
import { encodeChanges } from "../../../src/store/change.ts";
import type { StoreCommand } from "../../../src/store/command.ts";
import type { StreamMessage, ToMaster } from "../../../src/store/message.ts";
import { StoreClone, type CloneEffect } from "../../../src/store/store-clone.ts";
import { c, k, put, s, v } from "../../contract/store/rig.ts";
import { instance } from "../../support/router-rig.ts";

const RESYNC_MS = 10_000;
const STALE_MS = 300_000;
const BUFFER_MS = 120_000;
const OPTIONS = {
  instance: instance(1),
  resyncIntervalMs: RESYNC_MS,
  staleIntervalMs: STALE_MS as number | null,
  mutationBufferIntervalMs: BUFFER_MS,
  isObserved: true,
};
const write: StoreCommand = put("w", c(1));

let nowMs = 0;
let clone: StoreClone;
let stream: { number: number; index: number };

const start = (options: Partial<typeof OPTIONS> = {}) => {
  nowMs = 0;
  stream = { number: 0, index: 0 };
  clone = new StoreClone({ ...OPTIONS, ...options }, nowMs);
};

const turn = (): readonly CloneEffect[] => clone.turn(nowMs);
const sent = (effects: readonly CloneEffect[]): readonly ToMaster[] =>
  effects.flatMap((effect) => (effect.type === "send" ? [effect.message] : []));
const types = (effects: readonly CloneEffect[]) =>
  effects.map((effect) => (effect.type === "send" ? effect.message.type : effect.type));

function link(): readonly CloneEffect[] {
  clone.connected(1);
  clone.receive({ type: "master", epoch: 7, seq: 1 });
  const effects = turn();
  const attach = sent(effects).find((message) => message.type === "attach")!;
  stream = { number: attach.stream, index: 0 };
  return effects;
}

function hear(...messages: StreamMessage[]): readonly CloneEffect[] {
  for (const message of messages) {
    clone.receive({ type: "stream", stream: stream.number, index: stream.index++, message });
  }
  return turn();
}

const snapshot = (rows: Record<string, number>, seq: number): StreamMessage[] => [
  { type: "attached", epoch: 7 },
  {
    type: "rows",
    reset: true,
    base: seq,
    erased: [],
    rows: Object.entries(rows).map(([key, n]) => ({ key: k(key), value: v(c(n)) })),
  },
  { type: "synced", seq },
];

const code = (run: () => unknown) => {
  try {
    run();
    return "ok";
  } catch (error) {
    return (error as FabricError).code;
  }
};

beforeEach(() => start());

describe("a clone's reads", () => {
  it("are stale from the start until all of the snapshot is there", () => {
    expect(code(() => clone.get(s("a")))).toBe("stale_data");
    link();
    const [attached, rows, synced] = snapshot({ a: 1 }, 5);
    hear(attached!, rows!);
    expect([code(() => clone.size), clone.position]).toEqual(["stale_data", undefined]);
    expect(types(hear(synced!))).toEqual(["event", "synced"]);
    expect([clone.get(s("a")), clone.exists(s("b")), clone.size, [...clone.keys()]]).toEqual([
      c(1),
      false,
      1,
      [s("a")],
    ]);
    expect(clone.getIndex(s("b"), c(0))).toBe("no_such_key");
    expect(clone.position).toEqual({ epoch: 7, seq: 5 });
  });

  it("go on without a master for the stale interval, and then do not", () => {
    link();
    hear(...snapshot({ a: 1 }, 5));
    nowMs = 1_000;
    clone.disconnected(nowMs);
    turn();
    nowMs += STALE_MS - 1;
    turn();
    expect(clone.get(s("a"))).toEqual(c(1));
    nowMs++;
    turn();
    expect(code(() => clone.get(s("a")))).toBe("stale_data");
    link();
    hear({ type: "attached", epoch: 7 }, { type: "synced", seq: 5 });
    expect(clone.get(s("a"))).toEqual(c(1));
  });

  it("never become stale where the interval says so", () => {
    start({ staleIntervalMs: null });
    link();
    hear(...snapshot({ a: 1 }, 5));
    clone.disconnected(nowMs);
    nowMs = 1e12;
    turn();
    expect(clone.get(s("a"))).toEqual(c(1));
  });
});

describe("a clone without a master", () => {
  it("looks for one at once, and every resync interval", () => {
    expect(types(turn())).toEqual(["resync"]);
    nowMs = RESYNC_MS - 1;
    expect([types(turn()), clone.deadlineMs]).toEqual([[], RESYNC_MS]);
    nowMs = RESYNC_MS;
    expect(types(turn())).toEqual(["resync"]);
    clone.connected(1);
    turn();
    nowMs = 5 * RESYNC_MS;
    expect(types(turn())).toEqual([]);
    clone.disconnected(nowMs);
    expect(types(turn())).toEqual(["resync"]);
  });

  it("keeps writes, in order, and sends them when there is one", () => {
    clone.write(put("1", c(1)));
    clone.write(put("2", c(2)));
    nowMs = BUFFER_MS - 1;
    turn();
    expect(sent(link()).at(-1)).toMatchObject({
      type: "commands",
      first: 1,
      number: 1,
      ageMs: undefined,
      commands: { length: 2 },
    });
  });

  it("R29 gives kept writes up after the mutation buffer interval, and refuses more until there is one", () => {
    const id = clone.write(write);
    nowMs = BUFFER_MS;
    expect(turn()).toContainEqual({
      type: "result",
      id,
      result: { code: "request_timeout", seq: 0 },
      durable: false,
      isSent: false,
    });
    expect(code(() => clone.write(write))).toBe("request_timeout");
    link();
    expect(code(() => clone.write(write))).toBe("ok");
    expect(sent(turn())).toMatchObject([{ type: "commands", first: 1, number: 1 }]);
  });

  it("keeps none where the interval is 0", () => {
    start({ mutationBufferIntervalMs: 0 });
    expect(code(() => clone.write(write))).toBe("request_timeout");
    link();
    const id = clone.write(write);
    turn();
    clone.disconnected(nowMs);
    expect(turn()).toContainEqual(expect.objectContaining({ type: "result", id, isSent: true }));
    expect(code(() => clone.write(write))).toBe("request_timeout");
  });

  it("R23 sends what had no answer again, with its age, and says what it has given up", () => {
    link();
    for (const n of [1, 2, 3]) {
      nowMs = n;
      clone.write(write);
      turn();
    }
    clone.receive({ type: "results", durable: true, results: [{ number: 1, code: undefined, seq: 2 }] });
    clone.disconnected(nowMs);
    nowMs = 100;
    turn();
    clone.write(write);
    expect(sent(link()).filter(({ type }) => type === "commands")).toMatchObject([
      { first: 2, number: 2, ageMs: 98, commands: { length: 2 } },
      { first: 2, number: 4, ageMs: undefined, commands: { length: 1 } },
    ]);
    clone.disconnected(nowMs);
    nowMs += BUFFER_MS;
    expect(types(turn()).filter((type) => type === "result")).toHaveLength(3);
    link();
    clone.write(write);
    expect(sent(turn())).toMatchObject([{ first: 5, number: 5, ageMs: undefined }]);
  });

  it("holds so many bytes of writes", () => {
    const large = string("x".repeat(LIMITS.storeValueBytesMax - 200));
    const fits = Math.floor(LIMITS.storeWritesBytesMax / (LIMITS.storeValueBytesMax - 100));
    for (let n = 0; n < fits; n++) clone.write(put("w", large));
    expect(code(() => clone.write(put("w", large)))).toBe("too_many");
  });
});

describe("a clone's writes", () => {
  it("R28 are answered when the clone shows them", () => {
    link();
    hear(...snapshot({}, 5));
    const id = clone.write(write);
    turn();
    clone.receive({ type: "results", durable: true, results: [{ number: 1, code: undefined, seq: 6 }] });
    expect(types(turn())).toEqual([]);
    expect(clone.unanswered).toBe(1);
    const batch = encodeChanges(6, [
      { type: "put", key: k("w"), value: v(c(1)), expiryMs: undefined, publisher: instance(1) },
    ]);
    expect(hear({ type: "deltas", batch })).toMatchObject([
      { type: "event", event: { type: "insert", key: s("w"), value: c(1), publisher: instance(1) } },
      { type: "result", id, durable: true, isSent: true, result: { seq: 6 } },
    ]);
  });

  it("of another epoch are answered when the clone shows that one", () => {
    link();
    hear(...snapshot({}, 5));
    const ids = [clone.write(write), clone.write(write)];
    turn();
    clone.receive({ type: "results", durable: false, results: [{ number: 1, code: undefined, seq: 9 }] });
    clone.disconnected(nowMs);
    clone.connected(2);
    clone.receive({ type: "master", epoch: 8, seq: 3 });
    clone.receive({ type: "results", durable: false, results: [{ number: 2, code: undefined, seq: 4 }] });
    stream = { number: sent(turn()).find((message) => message.type === "attach")!.stream, index: 0 };
    const [, rows, synced] = snapshot({ w: 1 }, 4);
    expect(types(hear({ type: "attached", epoch: 8 }, rows!))).toEqual([]);
    const results = hear(synced!).flatMap((effect) => (effect.type === "result" ? [effect.id] : []));
    expect(results).toEqual(ids);
  });

  it("go in windows of so many", () => {
    link();
    for (let n = 0; n < LIMITS.storeCommandsMax + 1; n++) clone.write(write);
    const numbers = sent(turn()).flatMap((m) => (m.type === "commands" ? m.commands : []));
    expect(numbers).toHaveLength(LIMITS.storeCommandsMax);
    clone.receive({ type: "results", durable: true, results: [{ number: 1, code: undefined, seq: 1 }] });
    expect(sent(turn())).toMatchObject([{ first: 2, number: LIMITS.storeCommandsMax + 1 }]);
  });
});

describe("a clone's stream", () => {
  it("tells a new snapshot by what differs: gone, other and new, and nothing of what stayed", () => {
    link();
    hear(...snapshot({ gone: 1, other: 1, same: 1 }, 5));
    clone.disconnected(nowMs);
    turn();
    link();
    const events = hear(...snapshot({ other: 2, same: 1, new: 1 }, 9));
    expect(events.flatMap((e) => (e.type === "event" ? [[e.event.type, e.event.key]] : []))).toEqual([
      ["erase", s("gone")],
      ["update", s("other")],
      ["insert", s("new")],
    ]);
  });

  it("skips repeats, and asks again from where it stands when something is missing", () => {
    link();
    hear(...snapshot({ a: 1 }, 5));
    clone.receive({ type: "stream", stream: stream.number, index: 1, message: { type: "synced", seq: 99 } });
    expect(clone.position).toEqual({ epoch: 7, seq: 5 });
    stream.index++;
    expect(sent(hear({ type: "synced", seq: 6 }))).toEqual([
      {
        type: "attach",
        stream: stream.number + 1,
        position: { epoch: 7, seq: 5 },
        grantedBytes: LIMITS.storeCreditBytes,
      },
    ]);
    expect(sent(hear({ type: "synced", seq: 7 }))).toEqual([]);
    expect(clone.position).toEqual({ epoch: 7, seq: 5 });
  });

  it("does not take deltas that leave something out", () => {
    link();
    hear(...snapshot({}, 5));
    const batch = encodeChanges(7, [{ type: "expire", key: k("w") }]);
    expect(code(() => hear({ type: "deltas", batch }))).toBe("invalid_message");
  });

  it("grants more when half of what it takes has come", () => {
    link();
    const [attached] = snapshot({}, 5);
    const value = new Uint8Array(LIMITS.storeCreditBytes / 4 - 64);
    value[0] = 0x58;
    const rows = { type: "rows", reset: false, base: 5, erased: [], rows: [{ key: k("a"), value }] } as const;
    expect(sent(hear(attached!, { ...rows, reset: true }))).toEqual([]);
    expect(sent(hear(rows, rows))).toMatchObject([{ type: "credit", stream: stream.number }]);
  });
});
