/** Topics with `*`. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../../src/base/limits.ts";
import { Glob } from "../../../../src/endpoint/api2014/glob.ts";

describe("globs", () => {
  test.each([
    ["a.b", "a.b", true],
    ["a.b", "a.b.c", false],
    ["a.*", "a.", true],
    ["a.*", "a.b.c", true],
    ["a.*", "b.a.", false],
    ["*", "", true],
    ["*.c", "a.b.c", true],
    ["*.c", "a.c.d", false],
    ["a*c*e", "abcde", true],
    ["a*c*e", "ace", true],
    ["a*c*e", "aec", false],
    ["ab*ba", "aba", false],
    ["ab*ba", "abba", true],
    ["a**b", "ab", true],
    ["*a*a*", "a", false],
  ])("'%s' and '%s': %s", (glob, topic, isMatch) => {
    expect(new Glob(glob).matches(topic)).toBe(isMatch);
  });

  test("agrees with a regular expression", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 12 });
    const glob = fc.array(text, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(glob, text, (parts, topic) => {
        const escaped = parts.map((part) => part.replaceAll(".", "\\."));
        const expected = new RegExp(`^${escaped.join(".*")}$`, "s").test(topic);
        expect(new Glob(parts.join("*")).matches(topic)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  test("everything that matches begins with the prefix, which has the bound of topics", () => {
    expect(new Glob("a.b*c").prefix).toBe("a.b");
    expect(new Glob("x".repeat(LIMITS.topicBytesMax)).prefix).toHaveLength(LIMITS.topicBytesMax);
    expect(() => new Glob("x".repeat(LIMITS.topicBytesMax + 1))).toThrow(
      expect.objectContaining({ code: "invalid_topic_key" }) as Error,
    );
  });
});
