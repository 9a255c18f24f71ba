import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { Placement, tableVersion, type Route } from "../../../src/routing/placement.ts";

const route = (name: string, prefix: string): Route => ({ name, prefix: parsePrefix(prefix) });
const routes = [route("main", ""), route("zeek", "zeek/"), route("logs", "zeek/logs/"), route("a", "a")];
const placement = new Placement(routes);

const text = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 5 });
const table = fc
  .uniqueArray(
    text.filter((t) => t !== ""),
    { maxLength: 6 },
  )
  .map((all) => ["", ...all].map((prefix, i) => route(`r${i}`, prefix)));

describe("owner", () => {
  test.each([
    ["zeek/logs/conn", "logs"],
    ["zeek/logs", "zeek"],
    ["zeek/", "zeek"],
    ["zeek", "main"],
    ["abc", "a"],
    ["", "main"],
  ])("%s belongs to %s", (topic, owner) => {
    expect(placement.owner(parseTopic(topic))).toBe(owner);
  });

  test("R8 is the longest match of a naive search", () => {
    fc.assert(
      fc.property(table, text, (all, topic) => {
        const matching = all.filter((r) => topic.startsWith(r.prefix));
        const longest = Math.max(...matching.map((r) => r.prefix.length));
        const expected = matching.find((r) => r.prefix.length === longest)!.name;
        expect(new Placement(all.toReversed()).owner(parseTopic(topic))).toBe(expected);
      }),
    );
  });
});

describe("span", () => {
  test.each([
    ["zeek/logs/conn", ["logs"]],
    ["zeek/lo", ["zeek", "logs"]],
    ["zeek/", ["zeek", "logs"]],
    ["z", ["main", "zeek", "logs"]],
    ["", ["main", "zeek", "logs", "a"]],
    ["b", ["main"]],
  ])("%s spans %j", (prefix, span) => {
    expect(placement.span(parsePrefix(prefix))).toEqual(span);
  });

  test("R7 holds the owner of every topic under the prefix", () => {
    fc.assert(
      fc.property(table, text, text, (all, prefix, rest) => {
        const p = new Placement(all);
        expect(p.span(parsePrefix(prefix))).toContain(p.owner(parseTopic(prefix + rest)));
      }),
    );
  });

  test("holds only routers that own a topic under the prefix", () => {
    fc.assert(
      fc.property(table, text, (all, prefix) => {
        const p = new Placement(all);
        for (const name of p.span(parsePrefix(prefix))) {
          const own = all.find((r) => r.name === name)!.prefix;
          const topic = own.length > prefix.length ? own : prefix;
          expect(p.owner(parseTopic(topic))).toBe(name);
          expect(topic.startsWith(prefix)).toBe(true);
        }
      }),
    );
  });
});

test("a table without the empty prefix is a defect", () => {
  expect(() => new Placement([route("zeek", "zeek/")])).toThrow(/empty prefix/);
});

test("R8 the version of a table is equal iff the table is", () => {
  expect(tableVersion(routes)).toBe(tableVersion([...routes]));
  expect(tableVersion(routes)).not.toBe(tableVersion(routes.slice(1)));
  expect(tableVersion([route("a", "b")])).not.toBe(tableVersion([route("b", "a")]));
});
