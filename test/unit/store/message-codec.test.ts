import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { encodeItem } from "../../../src/data/cbor.ts";
import { decodeChanges, encodeChanges, type Change } from "../../../src/store/change.ts";
import type { StoreCommand, StoreQuery } from "../../../src/store/command.ts";
import { checkCommand } from "../../../src/store/command-codec.ts";
import type { ToClient, ToMaster } from "../../../src/store/message.ts";
import {
  decodeToClient,
  decodeToMaster,
  encodeToClient,
  encodeToMaster,
} from "../../../src/store/message-codec.ts";
import { c, hex, k, list, r, s, v } from "../../contract/store/rig.ts";
import { instance } from "../../support/router-rig.ts";

const key = k("key");
const value = v(c(1));
const COMMANDS: readonly StoreCommand[] = [
  { type: "put", key, value },
  { type: "put", key, value, expiry: { type: "after", ms: 2 ** 40 } },
  { type: "put_unique", key, value, expiry: { type: "at", ms: 5 } },
  { type: "erase", key },
  { type: "clear" },
  { type: "increment", key },
  { type: "increment", key, amount: value },
  { type: "decrement", key, create: true },
  { type: "append", key, text: v(s("x")) },
  { type: "insert_into_set", key, index: value },
  { type: "insert_into_table", key, index: value, value: key },
  { type: "remove_from", key, index: value },
  { type: "push", key, value },
  { type: "pop", key },
];
const QUERIES: readonly StoreQuery[] = [
  { type: "get", key },
  { type: "exists", key },
  { type: "get_index", key, index: value },
  { type: "size" },
  { type: "keys" },
  { type: "entries", after: key },
];
const UP: readonly Exclude<ToMaster, { type: "open" }>[] = [
  { type: "commands", first: 1, number: 2 ** 40, ageMs: undefined, commands: COMMANDS },
  { type: "commands", first: 1, number: 2, ageMs: 0, commands: [] },
  ...QUERIES.map((query, id) => ({ type: "query" as const, id, query })),
  { type: "attach", stream: 1, position: { epoch: 2 ** 41, seq: 7 }, grantedBytes: 9 },
  { type: "attach", stream: 1, position: undefined, grantedBytes: 9 },
  { type: "credit", stream: 1, grantedBytes: 9 },
  { type: "detach" },
];
const DOWN: readonly Exclude<ToClient, { type: "error" }>[] = [
  { type: "master", epoch: 2 ** 41, seq: 7 },
  { type: "results", durable: true, results: [] },
  {
    type: "results",
    durable: false,
    results: [
      { number: 1, code: undefined, seq: 3 },
      { number: 2, code: "type_clash", inserted: false, seq: 3 },
    ],
  },
  { type: "expected", number: 4 },
  { type: "answer", id: 1, answer: { type: "refused", code: "no_such_key" } },
  { type: "answer", id: 1, answer: { type: "value", value } },
  { type: "answer", id: 1, answer: { type: "exists", exists: false } },
  { type: "answer", id: 1, answer: { type: "size", keys: 1, bytes: 2 } },
  { type: "answer", id: 1, answer: { type: "keys", keys: [key, value], next: undefined } },
  {
    type: "answer",
    id: 1,
    answer: {
      type: "entries",
      entries: [
        { key, value, expiryMs: undefined },
        { key, value, expiryMs: 2 ** 41 },
      ],
      next: key,
    },
  },
  { type: "stream", stream: 1, index: 0, message: { type: "attached", epoch: 2 ** 41 } },
  {
    type: "stream",
    stream: 1,
    index: 1,
    message: {
      type: "rows",
      reset: true,
      base: 3,
      erased: [key],
      rows: [
        { key, value },
        { key: value, value: key },
      ],
    },
  },
  {
    type: "stream",
    stream: 1,
    index: 2,
    message: { type: "rows", reset: false, base: 3, erased: [], rows: [] },
  },
  { type: "stream", stream: 1, index: 3, message: { type: "deltas", batch: value } },
  { type: "stream", stream: 1, index: 4, message: { type: "synced", seq: 3 } },
];

const code = (run: () => unknown) => {
  try {
    run();
    return "ok";
  } catch (error) {
    return (error as FabricError).code;
  }
};

describe("messages of stores", () => {
  it.each(UP)("to a master: $type", (message) => {
    expect(decodeToMaster(encodeToMaster(message))).toEqual(message);
  });

  it.each(DOWN)("to a client: $type", (message) => {
    expect(decodeToClient(encodeToClient(message))).toEqual(message);
  });

  it("of any other bytes none comes, and no error but those of frames", () => {
    const items = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .array(
          fc.oneof(
            fc.nat(24),
            fc.constant(null),
            fc.boolean(),
            fc.uint8Array({ maxLength: 3 }),
            fc.array(fc.nat(12)),
          ),
        )
        .map(encodeItem),
    );
    fc.assert(
      fc.property(items, (bytes) => {
        for (const decode of [decodeToMaster, decodeToClient, decodeChanges]) {
          expect(["ok", "deserialization_failed", "invalid_message"]).toContain(code(() => decode(bytes)));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("batches of changes keep kinds, expiries and publishers", () => {
    const changes: readonly Change[] = [
      { type: "put", key, value, expiryMs: 2 ** 41, publisher: instance(1) },
      { type: "put", key, value, expiryMs: undefined, publisher: instance(2) },
      { type: "erase", key, publisher: instance(1) },
      { type: "expire", key },
      { type: "clear", publisher: instance(2) },
    ];
    expect(decodeChanges(encodeChanges(2 ** 40, changes))).toEqual({ first: 2 ** 40, changes });
  });
});

describe("commands of clients", () => {
  it("have canonical keys, and values as values", () => {
    for (const command of COMMANDS) expect(code(() => checkCommand(command))).toBe("ok");
    const put = (over: object) => code(() => checkCommand({ type: "put", key, value, ...over }));
    expect(put({ key: v(r(-0)) })).toBe("invalid_data");
    expect(put({ key: v(list(r(-0))) })).toBe("invalid_data");
    expect(put({ key: Uint8Array.of(0x18, 1) })).toBe("invalid_data");
    expect(put({ key: Uint8Array.of(1, 1) })).toBe("invalid_data");
    expect(put({ value: Uint8Array.of(1, 1) })).toBe("invalid_data");
    expect(put({ value: Uint8Array.of() })).toBe("invalid_data");
    expect(code(() => checkCommand({ type: "pop", key: Uint8Array.of(0xff) }))).toBe("invalid_data");
    expect(hex(k(r(-0)))).toBe(hex(v(r(0))));
  });
});
