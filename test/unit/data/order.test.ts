import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalKey, compareText, compareValues, set, table } from "../../../src/data/order.ts";
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
import { anyValue } from "./arbitrary-value.ts";

const v4 = (...bytes: number[]) => Uint8Array.from(bytes);

/** Each before the next (§8.7). */
const ASCENDING: readonly Value[] = [
  none(),
  boolean(false),
  boolean(true),
  count(0),
  count(9),
  count(10),
  count(2n ** 64n - 1n),
  integer(-(2n ** 63n)),
  integer(-1),
  integer(0),
  integer(2n ** 63n - 1n),
  real(-Infinity),
  real(-1),
  real(0),
  real(5e-324),
  real(1),
  real(Infinity),
  real(NaN),
  string(""),
  string("A"),
  string("a"),
  string("aa"),
  string("b"),
  string("é"),
  string("\ue000"),
  string("\uffff"),
  string("😀"),
  string(Uint8Array.of(0xff)),
  address(new Uint8Array(16)),
  address(v4(1, 2, 3, 4)),
  address(v4(1, 2, 3, 5)),
  address(new Uint8Array(16).fill(255)),
  subnet(v4(10, 0, 0, 0), 8),
  subnet(v4(10, 0, 0, 0), 9),
  subnet(v4(11, 0, 0, 0), 8),
  port(80, "?"),
  port(80, "tcp"),
  port(80, "udp"),
  port(80, "icmp"),
  port(81, "?"),
  timestamp(-1n),
  timestamp(0n),
  timestamp(1n),
  timespan(-1n),
  timespan(0n),
  timespan(1n),
  enumValue("A"),
  enumValue("B"),
  set([]),
  set([count(1)]),
  set([count(1), count(2)]),
  set([count(2)]),
  table([]),
  table([{ key: count(1), value: count(5) }]),
  table([{ key: count(1), value: count(6) }]),
  table([
    { key: count(1), value: count(6) },
    { key: count(2), value: none() },
  ]),
  table([{ key: count(2), value: none() }]),
  vector([]),
  vector([none()]),
  vector([none(), none()]),
  vector([count(1)]),
];

describe("Broker's total order (§8.7)", () => {
  test("puts types and values in sequence", () => {
    for (const [i, a] of ASCENDING.entries()) {
      for (const [j, b] of ASCENDING.entries()) {
        expect(Math.sign(compareValues(a, b)), `${canonicalKey(a)} and ${canonicalKey(b)}`).toBe(
          Math.sign(i - j),
        );
      }
    }
  });
  test("is antisymmetric, transitive, and equal exactly where the keys are", () => {
    fc.assert(
      fc.property(anyValue, anyValue, anyValue, (a, b, c) => {
        const ab = compareValues(a, b);
        expect(Math.sign(ab) + Math.sign(compareValues(b, a))).toBe(0);
        expect(ab === 0).toBe(canonicalKey(a) === canonicalKey(b));
        const [x, y, z] = [a, b, c].toSorted(compareValues) as [Value, Value, Value];
        expect(compareValues(x, y)).toBeLessThanOrEqual(0);
        expect(compareValues(y, z)).toBeLessThanOrEqual(0);
        expect(compareValues(x, z)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 1000 },
    );
  });
  test("two zeros are one value, as in Broker", () => {
    expect(compareValues(real(0), real(-0))).toBe(0);
    expect(canonicalKey(real(0))).toBe(canonicalKey(real(-0)));
  });
  test("texts compare by their UTF-8 bytes", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", "z", "é", "\ud7ff", "\ue000", "\uffff", "😀", "\u{10ffff}"),
    });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareText(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
  });
});

describe("keys", () => {
  test('count 1, integer 1, real 1 and "1" are four keys', () => {
    const keys = [count(1), integer(1), real(1), string("1"), enumValue("1")].map(canonicalKey);
    expect(new Set(keys).size).toBe(5);
  });
  test("no text imitates structure", () => {
    expect(canonicalKey(vector([string("a"), string("b")]))).not.toBe(
      canonicalKey(vector([string("a,s1:b")])),
    );
    expect(canonicalKey(string("é"))).not.toBe(canonicalKey(string(Uint8Array.of(0xe9))));
  });
});

describe("sets and tables", () => {
  test("are sorted, whatever order they came in", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...ASCENDING]), (items) => {
        const sorted = ASCENDING.filter((item) => items.includes(item));
        expect(set(items).elements).toEqual(sorted);
        expect(table(items.map((key) => ({ key, value: none() }))).entries.map((e) => e.key)).toEqual(sorted);
      }),
    );
  });
  test("refuse equal elements and keys", () => {
    const refused = expect.objectContaining({ code: "invalid_data" });
    expect(() => set([count(2), count(1), count(2)])).toThrow(refused);
    expect(() => set([real(0), real(-0)])).toThrow(refused);
    expect(() => table([count(1), count(1)].map((key, i) => ({ key, value: count(i) })))).toThrow(refused);
  });
});
