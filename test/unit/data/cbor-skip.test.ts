// The walker must take exactly what the decoder takes: readers rely on it without looking again.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { CborReader } from "../../../src/data/cbor-reader.ts";
import { skipValue } from "../../../src/data/cbor-skip.ts";
import { encodeValue, readValue } from "../../../src/data/cbor-value.ts";
import { anyValue, ONE_OF_EACH } from "./arbitrary-value.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

/** Bytes left behind the value, or the code of the refusal. */
function outcome(bytes: Uint8Array, take: (reader: CborReader) => unknown): unknown {
  const reader = new CborReader(bytes);
  try {
    take(reader);
    return reader.left;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}
const skipped = (bytes: Uint8Array) => outcome(bytes, skipValue);
const read = (bytes: Uint8Array) => outcome(bytes, readValue);

/** An encoded value with some bytes changed, so that most of it still makes sense. */
const damaged = fc
  .tuple(
    anyValue.map((value) => encodeValue(value)),
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
    fc.nat(3),
  )
  .map(([bytes, changes, cut]) => {
    for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
    return bytes.subarray(0, Math.max(0, bytes.length - cut));
  });

describe("skipValue", () => {
  it("passes over every type, up to its last byte", () => {
    for (const value of ONE_OF_EACH) expect(skipped(encodeValue(value)), value.type).toBe(0);
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(skipped(encodeValue(value))).toBe(0);
      }),
    );
  });

  it("agrees with the decoder about damaged values", () => {
    fc.assert(
      fc.property(damaged, (bytes) => {
        expect(skipped(bytes)).toBe(read(bytes));
      }),
      { numRuns: 5_000 },
    );
  });

  it("agrees with the decoder about any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(skipped(bytes)).toBe(read(bytes));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ["62 c3a9", 0, "two bytes of UTF-8"],
    ["66 6161 6161 c3a9", 0, "UTF-8 behind ASCII"],
    ["66 6161 6161 61c3", undefined, "text that ends within a character"],
    ["64 6161 61ff", undefined, "text that is not UTF-8 in its fourth byte"],
    ["63 6161 61", 0, "text of no multiple of four bytes"],
    ["41 ff", 0, "bytes"],
    ["20", undefined, "a negative number without a type"],
    ["1b ffffffffffffffff", 0, "the largest count"],
    ["82 03 3b 7fffffffffffffff", 0, "the lowest integer"],
    ["82 03 3b 8000000000000000", undefined, "one below"],
    ["82 03 1b 7fffffffffffffff", 0, "the largest integer"],
    ["82 03 1b 8000000000000000", undefined, "one above"],
    ["82 09 3b 7ffffffffff4297f", 0, "the first timestamp"],
    ["82 09 3b 7ffffffffff42980", undefined, "one before"],
    ["82 06 43 0a0000", undefined, "an address of three bytes"],
    ["83 07 44 0a000000 1820", 0, "a subnet of 32 bits"],
    ["83 07 44 0a000000 1821", undefined, "a subnet of 33 bits"],
    ["83 08 19 ffff 03", 0, "the last port"],
    ["83 08 1a 00010000 03", undefined, "one above"],
    ["83 08 20 03", undefined, "a port below 0"],
    ["83 08 18 35 04", undefined, "a port of an unknown protocol"],
    ["83 08 18 35 20", undefined, "a port of a negative protocol"],
    ["83 0c 01 01", undefined, "a set that holds an element twice"],
    ["85 0d 01 02 01 03", undefined, "a table that holds a key twice"],
    ["82 0d 01", undefined, "a table with a key alone"],
    ["80", undefined, "an array of no type"],
    ["82 0f 01", undefined, "an unknown type"],
    ["82 20 01", undefined, "a negative type"],
    ["f7", undefined, "undefined"],
    ["f8 ff", undefined, "a simple value"],
    ["a0", undefined, "a map"],
    ["c0 00", undefined, "a tag"],
  ])("takes or refuses %s as the decoder does", (text, left, _what) => {
    expect(skipped(hex(text))).toBe(left ?? "deserialization_failed");
    expect(read(hex(text))).toBe(left ?? "deserialization_failed");
  });

  it("bounds nesting as the decoder does", () => {
    const nested = (levels: number) => hex("82 0e".repeat(levels) + "00");
    expect(skipped(nested(LIMITS.valueNestingMax))).toBe(0);
    expect(skipped(nested(LIMITS.valueNestingMax + 1))).toBe("deserialization_failed");
  });
});
