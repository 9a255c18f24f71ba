import { describe, expect, test } from "vitest";
import {
  address,
  count,
  COUNT_MAX,
  enumValue,
  integer,
  INTEGER_MAX,
  INTEGER_MIN,
  isIPv4,
  port,
  string,
  subnet,
  timespan,
  timestamp,
  TIMESTAMP_MIN_NS,
} from "../../../src/data/value.ts";

const refused = expect.objectContaining({ code: "invalid_data" });

describe("numbers", () => {
  test.each([
    [count, 0n, COUNT_MAX],
    [integer, INTEGER_MIN, INTEGER_MAX],
  ])("%o takes its range and nothing beyond", (make, min, max) => {
    expect(make(min).value).toBe(min);
    expect(make(max).value).toBe(max);
    expect(() => make(min - 1n)).toThrow(refused);
    expect(() => make(max + 1n)).toThrow(refused);
  });
  test.each([1.5, NaN, Infinity, 2 ** 53])("a count is not made from the number %d", (number) => {
    expect(() => count(number)).toThrow(refused);
  });
  test("safe integers are taken as numbers", () => {
    expect(integer(-(2 ** 53) + 1).value).toBe(-(2n ** 53n) + 1n);
  });
  test.each([
    [timestamp, TIMESTAMP_MIN_NS, INTEGER_MAX],
    [timespan, INTEGER_MIN, INTEGER_MAX],
  ])("times hold 64 bits: %o", (make, min, max) => {
    expect(make(min).ns).toBe(min);
    expect(make(max).ns).toBe(max);
    expect(() => make(min - 1n)).toThrow(refused);
    expect(() => make(max + 1n)).toThrow(refused);
  });
  test("a port holds 16 bits", () => {
    expect(port(65_535, "tcp").number).toBe(65_535);
    for (const number of [65_536, -1, 1.5, NaN]) expect(() => port(number, "tcp")).toThrow(refused);
  });
});

describe("strings", () => {
  test("bytes that are UTF-8 become text, others stay bytes of their own", () => {
    expect(string(new TextEncoder().encode("é😀\ufeff"))).toEqual(string("é😀\ufeff"));
    const bytes = Uint8Array.of(0x61, 0xff);
    const value = string(bytes);
    bytes[0] = 0;
    expect(value).toEqual({ type: "string", value: Uint8Array.of(0x61, 0xff) });
  });
  test("a byte order mark is kept", () => {
    expect(string(Uint8Array.of(0xef, 0xbb, 0xbf)).value).toBe("\ufeff");
  });
  test("a lone surrogate is refused", () => {
    expect(() => string("a\ud800")).toThrow(refused);
    expect(() => enumValue("\udc00")).toThrow(refused);
  });
});

describe("addresses and subnets", () => {
  test("an IPv4 address is mapped into IPv6", () => {
    const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3);
    expect(address(Uint8Array.of(10, 1, 2, 3)).bytes).toEqual(mapped);
    expect(isIPv4(mapped)).toBe(true);
    expect(isIPv4(mapped.map((byte, i) => (i === 3 ? 1 : byte)))).toBe(false);
  });
  test.each([0, 3, 5, 15, 17])("%i bytes are no address", (length) => {
    expect(() => address(new Uint8Array(length))).toThrow(refused);
  });
  test.each([
    [0, [0, 0, 0, 0]],
    [1, [128, 0, 0, 0]],
    [8, [255, 0, 0, 0]],
    [15, [255, 254, 0, 0]],
    [31, [255, 255, 255, 254]],
    [32, [255, 255, 255, 255]],
  ])("a length of %i clears the host bits", (length, kept) => {
    const value = subnet(Uint8Array.of(255, 255, 255, 255), length);
    expect([...value.network.subarray(12)]).toEqual(kept);
    expect(value.network[11]).toBe(255);
  });
  test("lengths are those of the family", () => {
    const v4 = Uint8Array.of(1, 2, 3, 4);
    const v6 = new Uint8Array(16).fill(255);
    expect(subnet(v6, 128).network).toEqual(v6);
    expect(() => subnet(v4, 33)).toThrow(refused);
    expect(() => subnet(v6, 129)).toThrow(refused);
    for (const length of [-1, 0.5, NaN]) expect(() => subnet(v4, length)).toThrow(refused);
  });
});
