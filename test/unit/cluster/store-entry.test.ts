/** Stores in the layout: Zeek's defaults, fields and bounds. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { parseStores, storeEntry } from "../../../src/cluster/store-entry.ts";

const SQLITE = {
  path: "",
  synchronous: "full",
  journalMode: "wal",
  failureMode: "fail",
  integrityCheck: false,
};

describe("a store in the layout", () => {
  it("[E18] has Zeek's defaults, also without an entry", () => {
    const defaults = {
      name: "s",
      backend: "memory",
      sqlite: SQLITE,
      cloneResyncIntervalMs: 10_000,
      cloneStaleIntervalMs: 300_000,
      cloneMutationBufferIntervalMs: 120_000,
    };
    expect(parseStores([{ name: "s" }])).toEqual([defaults]);
    expect(storeEntry([], "s")).toEqual(defaults);
  });

  it("keeps what it says, over a second reading too", () => {
    const entry = {
      name: "s",
      masterNode: "proxy-1",
      backend: "sqlite",
      sqlite: { ...SQLITE, synchronous: "off", path: "a.sqlite" },
      cloneResyncIntervalMs: 1,
      cloneStaleIntervalMs: null,
      cloneMutationBufferIntervalMs: 0,
    };
    const stores = parseStores([entry]);
    expect(stores).toEqual([entry]);
    expect(parseStores(JSON.parse(JSON.stringify(stores)))).toEqual(stores);
    expect(storeEntry(stores, "s")).toBe(stores[0]);
  });

  it.each([
    ["stores[0].name must have 1 to 256 characters", [{ name: "" }]],
    ["stores[0].backend: there is no rocksdb; sqlite", [{ name: "s", backend: "rocksdb" }]],
    [
      'stores[0].backend must be one of memory, sqlite; it is the string "redis"',
      [{ name: "s", backend: "redis" }],
    ],
    ["stores[0].sqlite.synchronous must be one of", [{ name: "s", sqlite: { synchronous: 2 } }]],
    ["stores[0].sqlite has no field pragma", [{ name: "s", sqlite: { pragma: 1 } }]],
    ["stores[0].cloneResyncIntervalMs must be an integer", [{ name: "s", cloneResyncIntervalMs: "1" }]],
    [
      "stores[0].cloneStaleIntervalMs must be an integer of at least 0",
      [{ name: "s", cloneStaleIntervalMs: -1 }],
    ],
    [
      "stores[0].cloneResyncIntervalMs must be at most",
      [{ name: "s", cloneResyncIntervalMs: LIMITS.storeIntervalMsMax + 1 }],
    ],
    ["store names must be unique", [{ name: "s" }, { name: "s" }]],
  ])("is refused: %s", (message, input) => {
    expect(() => parseStores(input)).toThrow(
      expect.objectContaining({ code: "invalid_layout", message: expect.stringContaining(message) }),
    );
  });

  it("has bounds", () => {
    const long = "s".repeat(LIMITS.storeNameMax);
    expect(parseStores([{ name: long, cloneResyncIntervalMs: LIMITS.storeIntervalMsMax }])).toHaveLength(1);
    expect(() => parseStores([{ name: `${long}s` }])).toThrow("1 to 256");
    const many = Array.from({ length: LIMITS.storesMax }, (_, i) => ({ name: `s${i}` }));
    expect(parseStores(many)).toHaveLength(LIMITS.storesMax);
    expect(() => parseStores([...many, { name: "one more" }])).toThrow("257 stores, at most 256");
  });
});
