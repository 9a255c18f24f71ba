/** The pages that are made from the source are those that the source makes now. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { pages, ROOT, sectionsOf } from "../../../scripts/docs-pages.ts";
import { ERROR_CODES } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";

const made = await pages();

describe("generated pages", () => {
  test.each([...made.keys()])("%s is up to date: npx node scripts/docs.ts", (path) => {
    expect(readFileSync(join(ROOT, path), "utf8")).toBe(made.get(path));
  });

  test("docs/limits.md names every bound once", () => {
    const names = [...made.get("docs/limits.md")!.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    expect(names).toEqual(Object.keys(LIMITS));
  });

  test("docs/errors.md names every code once", () => {
    const codes = [...made.get("docs/errors.md")!.matchAll(/^\| `(\w+)`/gm)].map(([, code]) => code);
    expect(codes).toEqual(Object.keys(ERROR_CODES));
  });

  test("a bound without a comment is an error", () => {
    const source = readFileSync(join(ROOT, "src/base/limits.ts"), "utf8");
    const silent = source
      .replace(/ {2}\/\*\* Longest topic[^\n]*\n/, "")
      .replace(/( {2})(\/\/ Topics)/, "\n$1$2");
    expect(silent).not.toBe(source);
    expect(() => sectionsOf(silent)).toThrow("topicBytesMax");
  });
});
