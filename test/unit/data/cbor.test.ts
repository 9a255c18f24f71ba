import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { decodeItem, encodeItem } from "../../../src/data/cbor.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const refused = expect.objectContaining({ code: "deserialization_failed" });

/** Only bytes that an item of the fabric may be made of. */
const item = fc.letrec<{ item: unknown }>((tie) => ({
  item: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.bigInt(2n ** 53n, 2n ** 63n),
    fc.double({ noNaN: true }).filter((n) => !Number.isInteger(n)),
    fc.string({ unit: "binary" }),
    fc.uint8Array(),
    fc.array(tie("item"), { maxLength: 4 }),
    fc
      .dictionary(fc.string(), tie("item"), { maxKeys: 4, noNullPrototype: true })
      .filter((o) => !("__proto__" in o) || !Object.hasOwn(o, "__proto__")),
  ),
})).item;

/** Buffers of Node compare as the Uint8Arrays they are. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

test("items read back", () => {
  fc.assert(
    fc.property(item, (value) => {
      expect(plain(decodeItem(encodeItem(value)))).toEqual(value);
    }),
  );
});

test("byte strings are views", () => {
  const bytes = hex("43 010203");
  const view = decodeItem(bytes) as Uint8Array;
  bytes[1] = 9;
  expect(view[0]).toBe(9);
});

describe("bytes that are no item", () => {
  test.each([
    ["nothing", ""],
    ["bytes after the item", "01 01"],
    ["an array that ends too early", "82 01"],
    ["an array of 2^32 items", "9a ffffffff"],
    ["an array of 2^64 items", "9b ffffffffffffffff"],
    ["a map of 2^32 pairs", "ba ffffffff"],
    ["a byte string of 2^31 bytes", "5a 80000000 00"],
    ["a text of 2^64 bytes", "7b ffffffffffffffff 61"],
    ["a head cut off", "19 01"],
    ["an array of indefinite length", "9f 01 ff"],
    ["a text of indefinite length", "7f 61 61 ff"],
    ["a lone break", "ff"],
    ["reserved information", "1c"],
    ["a tag (date)", "c1 1a 00000000"],
    ["a tag (bignum)", "c2 41 01"],
    ["a tag (shared value)", "d8 1c 80"],
    ["a tag (shared reference)", "d8 1d 00"],
    ["a tag (typed array)", "d8 40 41 00"],
    ["a tag (record definition)", "d9 df ff 82 01 81 61 61"],
    ["a key that is a number", "a1 01 02"],
    ["a key that is an array", "a1 81 01 02"],
    ["a simple value without meaning", "e0"],
    ["a simple value of a byte", "f8 20"],
    ["text that is not UTF-8", "61 ff"],
    ["a surrogate in text", "63 eda080"],
    ["a key that is not UTF-8", "a1 61 ff 01"],
  ])("%s", (_, bytes) => expect(() => decodeItem(hex(bytes))).toThrow(refused));

  test("items nest to the bound and no deeper", () => {
    const nested = (levels: number) => Uint8Array.from([...new Uint8Array(levels).fill(0x81), 0x01]);
    expect(decodeItem(nested(LIMITS.valueNestingMax))).toBeInstanceOf(Array);
    expect(() => decodeItem(nested(LIMITS.valueNestingMax + 1))).toThrow(refused);
    expect(() => decodeItem(nested(1_000_000))).toThrow(refused);
  });

  test("keys of the prototype do no harm", () => {
    const decoded = decodeItem(
      hex("a2 69 5f5f70726f746f5f5f a1 61 78 01 6b 636f6e7374727563746f72 02"),
    ) as object;
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect("x" in decoded).toBe(false);
    expect("x" in {}).toBe(false);
  });

  test("any bytes at all give an item or the one error", () => {
    const head = fc
      .tuple(fc.nat(255), fc.uint8Array({ maxLength: 3 }))
      .map(([first, rest]) => [first, ...rest]);
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.array(head).map((heads) => Uint8Array.from(heads.flat())),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          decodeItem(input);
        } catch (error) {
          expect(error).toBeInstanceOf(FabricError);
          expect((error as FabricError).code).toBe("deserialization_failed");
        }
      }),
      { numRuns: 5000 },
    );
  });
});
