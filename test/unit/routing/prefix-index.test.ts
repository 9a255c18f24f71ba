import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { parsePrefix, parseTopic, type Topic } from "../../../src/protocol/topic.ts";
import { makeFilter, type Filter } from "../../../src/routing/filter.ts";
import { PrefixIndex } from "../../../src/routing/prefix-index.ts";
import vectors from "../../vectors/topics.json" with { type: "json" };

const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "\u00e9"), maxLength: 5 });
const filter = fc.array(text.map(parsePrefix), { maxLength: 6 }).map(makeFilter);

type Step =
  | { readonly type: "add"; readonly filter: Filter }
  | { readonly type: "remove"; readonly which: number }
  | { readonly type: "match"; readonly topic: Topic };
const step: fc.Arbitrary<Step> = fc.oneof(
  filter.map((f) => ({ type: "add" as const, filter: f })),
  fc.nat().map((which) => ({ type: "remove" as const, which })),
  text.map((t) => ({ type: "match" as const, topic: parseTopic(t) })),
);

describe("PrefixIndex", () => {
  test.each(vectors.prefix)(
    "[A26][A27][A44] $subscription and $topic: $matches",
    ({ subscription, topic, matches }) => {
      const index = new PrefixIndex<string>();
      index.add(makeFilter([parsePrefix(subscription)]), "peer");
      expect(index.match(parseTopic(topic))).toEqual(matches ? ["peer"] : []);
    },
  );

  test("[A1] finds what a list of prefixes and startsWith finds, under any changes", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const index = new PrefixIndex<number>();
        const model: { id: number; filter: Filter }[] = [];
        let next = 0;
        for (const s of steps) {
          if (s.type === "add") {
            model.push({ id: next, filter: s.filter });
            index.add(s.filter, next++);
          } else if (s.type === "remove" && model.length > 0) {
            const [gone] = model.splice(s.which % model.length, 1);
            index.remove(gone!.filter, gone!.id);
          } else if (s.type === "match") {
            const expected = model
              .filter((m) => m.filter.some((p) => s.topic.startsWith(p)))
              .map((m) => m.id);
            expect([...index.match(s.topic)].toSorted((a, b) => a - b)).toEqual(expected);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("keeps answers right when more topics are asked for than the cache holds", () => {
    const index = new PrefixIndex<string>();
    index.add(makeFilter([parsePrefix("t")]), "peer");
    for (let i = 0; i <= LIMITS.matchCacheTopicsMax; i++) index.match(parseTopic(`t${i}`));
    expect(index.match(parseTopic("t0"))).toEqual(["peer"]);
    index.remove(makeFilter([parsePrefix("t")]), "peer");
    expect(index.match(parseTopic("t0"))).toEqual([]);
  });

  test("removing a filter that was never entered changes nothing", () => {
    const index = new PrefixIndex<string>();
    index.add(makeFilter([parsePrefix("a")]), "peer");
    index.remove(makeFilter([parsePrefix("a"), parsePrefix("b")]), "other");
    expect(index.match(parseTopic("ab"))).toEqual(["peer"]);
  });
});
