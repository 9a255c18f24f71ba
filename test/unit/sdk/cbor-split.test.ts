import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeItem } from "../../../src/data/cbor.ts";
import { itemEnds } from "../../../src/sdk/cbor-split.ts";

/** Arrays of everything that an event is made of. */
const { item } = fc.letrec<{ item: unknown[]; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(null, true, false),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.double(),
    fc.string({ unit: "binary" }),
    fc.uint8Array({ maxLength: 300 }),
  ),
  item: fc.array(fc.oneof({ maxDepth: 4 }, tie("leaf"), tie("item")), { maxLength: 6 }),
}));

test("finds the items of any sequence of arrays", () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 8 }), (items) => {
      const parts = items.map((one) => new Uint8Array(encodeItem(one)));
      const all = new Uint8Array(parts.flatMap((part) => [...part]));
      let end = 0;
      expect(itemEnds(all)).toEqual(parts.map((part) => (end += part.length)));
    }),
  );
});

test("what is cut short, or no array, is deserialization_failed", () => {
  const refused = expect.objectContaining({ code: "deserialization_failed" });
  const bytes = new Uint8Array(encodeItem(["name", [1, "text", new Uint8Array(40), [true]]]));
  for (let length = 1; length < bytes.length; length++) {
    expect(() => itemEnds(bytes.subarray(0, length))).toThrow(refused);
  }
  for (const wrong of [
    [0x01],
    [0x80, 0xf6],
    [0x81, 0xa0],
    [0x81, 0xc0, 0x01],
    [0x9f, 0xff],
    [0x9b, 255, 255, 255, 255, 255, 255, 255, 255],
  ]) {
    expect(() => itemEnds(new Uint8Array(wrong))).toThrow(refused);
  }
});

test("any bytes are split or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        const ends = itemEnds(bytes);
        expect([0, ...ends].at(-1)).toBe(bytes.length);
        expect(ends.toSorted((a, b) => a - b)).toEqual(ends);
      } catch (error) {
        expect(error).toMatchObject({ code: "deserialization_failed" });
      }
    }),
  );
});
