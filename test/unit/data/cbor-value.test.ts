import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { decodeValue, encodeValue } from "../../../src/data/cbor-value.ts";
import { compareValues, set, table } from "../../../src/data/order.ts";
import {
  address,
  boolean,
  count,
  enumValue,
  integer,
  none,
  port,
  real,
  string,
  subnet,
  timespan,
  timestamp,
  vector,
  type Value,
} from "../../../src/data/value.ts";
import { anyValue, ONE_OF_EACH } from "./arbitrary-value.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const refused = expect.objectContaining({ code: "deserialization_failed" });

/** The encoding as it is written down, one of each type and edge. */
const VECTORS: readonly (readonly [value: Value, bytes: string])[] = [
  [none(), "f6"],
  [boolean(false), "f4"],
  [boolean(true), "f5"],
  [count(0), "00"],
  [count(23), "17"],
  [count(24), "18 18"],
  [count(256), "19 0100"],
  [count(65_536), "1a 00010000"],
  [count(2n ** 32n), "1b 0000000100000000"],
  [count(2n ** 64n - 1n), "1b ffffffffffffffff"],
  [integer(1), "82 03 01"],
  [integer(-1), "82 03 20"],
  [integer(-(2n ** 63n)), "82 03 3b 7fffffffffffffff"],
  [real(1), "fb 3ff0000000000000"],
  [real(-0), "fb 8000000000000000"],
  [real(NaN), "fb 7ff8000000000000"],
  [string("é"), "62 c3a9"],
  [string(Uint8Array.of(0xff)), "41 ff"],
  [address(Uint8Array.of(10, 0, 0, 1)), "82 06 44 0a000001"],
  [address(new Uint8Array(16)), `82 06 50 ${"00".repeat(16)}`],
  [subnet(Uint8Array.of(10, 0, 0, 0), 8), "83 07 44 0a000000 08"],
  [port(53, "udp"), "83 08 18 35 02"],
  [timestamp(1n), "82 09 01"],
  [timespan(-1_000_000_000n), "82 0a 3a 3b9ac9ff"],
  [enumValue("A::B"), "82 0b 64 413a3a42"],
  [set([count(2), count(1)]), "83 0c 01 02"],
  [table([{ key: string("k"), value: none() }]), "83 0d 61 6b f6"],
  [vector([]), "81 0e"],
  [vector([count(1), vector([integer(1)])]), "83 0e 01 82 0e 82 03 01"],
];

describe("values as CBOR", () => {
  test.each(VECTORS.map(([value, bytes]) => [bytes, value] as const))("C9 %s", (bytes, value) => {
    expect(Buffer.from(encodeValue(value)).toString("hex")).toBe(bytes.replaceAll(" ", ""));
    expect(decodeValue(hex(bytes))).toStrictEqual(value);
  });
  test("C12 every value reads back with its type", () => {
    for (const value of ONE_OF_EACH) expect(decodeValue(encodeValue(value))).toStrictEqual(value);
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = encodeValue(value);
        expect(decodeValue(bytes)).toStrictEqual(value);
        expect(encodeValue(decodeValue(bytes))).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });
  test("C9 the bytes do not depend on the order in which a set was made", () => {
    const items = fc.uniqueArray(anyValue, { comparator: (a, b) => compareValues(a, b) === 0, maxLength: 6 });
    fc.assert(
      fc.property(items, (list) => {
        expect(encodeValue(set(list.toReversed()))).toEqual(encodeValue(set(list)));
      }),
    );
  });
  test("longer heads, short floats and unsorted sets are taken", () => {
    expect(decodeValue(hex("18 01"))).toStrictEqual(count(1));
    expect(decodeValue(hex("1b 0000000000000001"))).toStrictEqual(count(1));
    expect(decodeValue(hex("f9 3c00"))).toStrictEqual(real(1));
    expect(decodeValue(hex("f9 8000"))).toStrictEqual(real(-0));
    expect(decodeValue(hex("f9 0001"))).toStrictEqual(real(2 ** -24));
    expect(decodeValue(hex("f9 fc00"))).toStrictEqual(real(-Infinity));
    expect(decodeValue(hex("f9 7e00"))).toStrictEqual(real(NaN));
    expect(decodeValue(hex("fa 40490fdb"))).toStrictEqual(real(Math.fround(Math.PI)));
    expect(decodeValue(hex("83 0c 02 01"))).toStrictEqual(set([count(1), count(2)]));
    expect(decodeValue(hex("41 61"))).toStrictEqual(string("a"));
    expect(decodeValue(hex(`82 06 50 ${"00".repeat(10)} ffff 0a000001`))).toStrictEqual(VECTORS[18]![0]);
  });
});

describe("bytes that are no value", () => {
  test.each([
    ["nothing", ""],
    ["bytes behind", "00 00"],
    ["a bare negative number", "20"],
    ["a map", "a0"],
    ["a tag", "c0 00"],
    ["undefined", "f7"],
    ["an empty array", "80"],
    ["an unknown type number", "82 0f 00"],
    ["a type that stands as it is", "82 02 01"],
    ["a type number that is text", "82 61 61 01"],
    ["a negative type number", "82 20 01"],
    ["an integer past 63 bits", "82 03 1b 8000000000000000"],
    ["an integer that is a float", "82 03 f9 3c00"],
    ["an integer with two items", "83 03 01 01"],
    ["a port past 16 bits", "83 08 1a 00010000 01"],
    ["a port of an unknown protocol", "83 08 01 04"],
    ["an address of 5 bytes", "82 06 45 0102030405"],
    ["an address that is text", "82 06 64 61616161"],
    ["a subnet that is too long", "83 07 44 01020304 18 21"],
    ["a timestamp past 63 bits", "82 09 1b 8000000000000000"],
    ["an enum value that is bytes", "82 0b 41 61"],
    ["text that is not UTF-8", "61 ff"],
    ["a set with equal elements", "83 0c 01 01"],
    ["a table with equal keys", "85 0d 01 01 01 02"],
    ["a table with a key alone", "82 0d 01"],
    ["an array of 2^32 items", "9a ffffffff 0e"],
    ["indefinite length", "9f 0e ff"],
  ])("%s", (_, bytes) => expect(() => decodeValue(hex(bytes))).toThrow(refused));

  test("any bytes give a value or the one error", () => {
    const piece = fc.constantFrom(...VECTORS.map(([, bytes]) => [...hex(bytes)]));
    const pieces = fc.array(
      fc.oneof(
        piece,
        fc.uint8Array({ maxLength: 2 }).map((b) => [...b]),
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          pieces.map((list) => Uint8Array.from(list.flat())),
        ),
        (bytes) => {
          try {
            decodeValue(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(FabricError);
            expect((error as FabricError).code).toBe("deserialization_failed");
          }
        },
      ),
      { numRuns: 5000 },
    );
  });
});

test("values nest to the bound and no deeper, both ways", () => {
  const nested = (levels: number): Value => (levels === 0 ? count(1) : vector([nested(levels - 1)]));
  const bytes = (levels: number) => hex(`${"820e".repeat(levels)}01`);
  const max = LIMITS.valueNestingMax;
  expect(encodeValue(nested(max))).toEqual(bytes(max));
  expect(decodeValue(bytes(max))).toStrictEqual(nested(max));
  expect(() => encodeValue(nested(max + 1))).toThrow(expect.objectContaining({ code: "invalid_data" }));
  expect(() => decodeValue(bytes(max + 1))).toThrow(refused);
  expect(() => decodeValue(bytes(1_000_000))).toThrow(refused);
});
