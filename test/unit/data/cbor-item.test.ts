import { Encoder } from "cbor-x/index-no-eval";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeItem, encodeItem } from "../../../src/data/cbor.ts";

const reference = new Encoder({
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  structuredClone: false,
});
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

const leaf = fc.oneof(
  fc.constantFrom(null, undefined, true, false),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.bigInt({ min: -(2n ** 64n) + 1n, max: 2n ** 64n - 1n }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.uint8Array({ maxLength: 300 }),
);
const item = fc.letrec((tie) => ({
  item: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie("item"), { maxLength: 30 }),
    fc.dictionary(fc.string({ unit: "binary" }), tie("item"), { maxKeys: 5, noNullPrototype: true }),
  ),
})).item;

describe("encodeItem", () => {
  it("writes the bytes that cbor-x writes", () => {
    fc.assert(
      fc.property(item, (value) => {
        expect(hex(encodeItem(value))).toBe(hex(reference.encode(value)));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    23,
    24,
    255,
    256,
    65_535,
    65_536,
    2 ** 32 - 1,
    2 ** 32,
    -1,
    -24,
    -25,
    -(2 ** 31) - 1,
    -(2 ** 32),
    -(2 ** 32) - 1,
    -0,
    1.5,
    NaN,
    Infinity,
  ])("writes %s as cbor-x does", (value) => {
    expect(hex(encodeItem(value))).toBe(hex(reference.encode(value)));
  });

  it("writes long strings and arrays, which are read back", () => {
    const long = ["x".repeat(70_000), "é".repeat(70_000), new Uint8Array(70_000), Array(70_000).fill(1)];
    expect(decodeItem(encodeItem(long))).toEqual(long);
  });

  it("writes U+FFFD for a lone surrogate", () => {
    expect(decodeItem(encodeItem("a\ud800b"))).toBe("a\ufffdb");
  });

  it("gives a buffer of exactly the item", () => {
    const bytes = encodeItem([1, "a"]);
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  it.each([() => {}, Symbol("s"), 2n ** 64n, -(2n ** 64n) - 1n])("refuses %s", (value) => {
    expect(() => encodeItem(value)).toThrow(expect.objectContaining({ code: "invalid_data" }) as Error);
  });
});
