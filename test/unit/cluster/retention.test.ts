/** Retention in the layout: what it may say, and its bounds. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { parseLayout } from "../../../src/cluster/layout.ts";

const retention = (...all: unknown[]) => parseLayout({ retention: all }).retention;
const prefixes = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ prefix: `p${i}`, seconds: 1 }));

describe("retention", () => {
  test("a bound that is left out is as large as it may be", () => {
    expect(retention({ prefix: "zeek/é", seconds: 5 })).toEqual([
      {
        prefix: "zeek/\u00c3\u00a9",
        seconds: 5,
        bytes: LIMITS.retentionBytesMax,
        events: LIMITS.retentionEventsMax,
      },
    ]);
  });

  test.each(["seconds", "bytes", "events"] as const)("%s has a bound", (bound) => {
    const name = `retention${bound[0]!.toUpperCase()}${bound.slice(1)}Max` as "retentionSecondsMax";
    const at = LIMITS[name];
    expect(retention({ prefix: "", [bound]: at })[0]![bound]).toBe(at);
    expect(() => retention({ prefix: "", [bound]: at + 1 })).toThrow(`retention[0].${bound} must be at most`);
    expect(() => retention({ prefix: "", [bound]: 0 })).toThrow(`retention[0].${bound} must be an integer`);
  });

  test("so many prefixes, one more is refused", () => {
    expect(retention(...prefixes(LIMITS.retentionsMax))).toHaveLength(LIMITS.retentionsMax);
    expect(() => retention(...prefixes(LIMITS.retentionsMax + 1))).toThrow("17 retention");
  });

  test.each([
    [[1], "retention[0] must be an object"],
    [[{ seconds: 1 }], "retention[0].prefix must be a string"],
    [[{ prefix: "a" }], "retention[0] must have seconds, bytes or events"],
    [
      [
        { prefix: "a", seconds: 1 },
        { prefix: "a", seconds: 2 },
      ],
      "retention prefixes must be unique",
    ],
  ])("%j is refused", (all, message) => {
    expect(() => retention(...all)).toThrow(message);
  });

  test("it is a list", () =>
    expect(() => parseLayout({ retention: {} })).toThrow("retention must be an array"));
});
