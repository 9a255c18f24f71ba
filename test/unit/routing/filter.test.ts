import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isMatch, parsePrefix, parseTopic, type Prefix } from "../../../src/protocol/topic.ts";
import { filterKey, makeFilter } from "../../../src/routing/filter.ts";

const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "\u00ff", ":", "1"), maxLength: 6 });
const prefixes = fc.array(text.map(parsePrefix), { maxLength: 12 });

describe("makeFilter", () => {
  test("matches what its prefixes match, each topic at most once", () => {
    fc.assert(
      fc.property(prefixes, text, (all, raw) => {
        const topic = parseTopic(raw);
        const matching = makeFilter(all).filter((prefix) => isMatch(prefix, topic));
        expect(matching.length).toBe(all.some((prefix) => isMatch(prefix, topic)) ? 1 : 0);
      }),
    );
  });

  test("is minimal: no prefix of it could be left out", () => {
    fc.assert(
      fc.property(prefixes, (all) => {
        const filter = makeFilter(all);
        for (const prefix of filter) {
          expect(filter.filter((other) => prefix.startsWith(other))).toEqual([prefix]);
          expect(all).toContain(prefix);
        }
      }),
    );
  });

  test("does not depend on order or on repeats", () => {
    fc.assert(
      fc.property(prefixes, (all) => {
        expect(makeFilter([...all.toReversed(), ...all])).toEqual(makeFilter(all));
      }),
    );
  });

  test("the empty prefix swallows all others", () => {
    expect(makeFilter(["b", "", "a"].map(parsePrefix))).toEqual([""]);
  });
});

describe("filterKey", () => {
  test("is equal iff the filters are", () => {
    fc.assert(
      fc.property(prefixes, prefixes, (a, b) => {
        const [left, right] = [makeFilter(a), makeFilter(b)];
        expect(filterKey(left) === filterKey(right)).toBe(JSON.stringify(left) === JSON.stringify(right));
      }),
    );
  });

  test("tells prefixes apart that hold the separators of the key", () => {
    const key = (...all: string[]) => filterKey(makeFilter(all as Prefix[]));
    expect(key("1:a")).not.toBe(key("1", "a"));
    expect(key("a1:b")).not.toBe(key("a", "b"));
  });
});
