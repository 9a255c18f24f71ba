/** The ids of PROTOCOL.md and those in the titles of tests belong together. */
import { describe, expect, test } from "vitest";
import { textOf } from "../../support/documents.ts";
import { definedIds, idsOf, namedIds, titlesOf } from "../../../scripts/rule-ids.ts";

const defined = definedIds();
const named = namedIds();

describe("rule ids", () => {
  test("every id in a title is defined in PROTOCOL.md", () => {
    const unknown = [...named].filter(([id]) => !defined.includes(id));
    expect(unknown).toEqual([]);
  });

  test("every rule has a test that names it", () => {
    expect(defined.length).toBeGreaterThan(80);
    expect(defined.filter((id) => !named.has(id))).toEqual([]);
  });

  test("every HTTP route is in PROTOCOL.md, and no other", () => {
    const app = textOf("src/worker/app.ts");
    const routes = [...app.matchAll(/app\.(get|post|put|delete)\("([^"]+)"/g)].map(
      ([, method, path]) =>
        `${method!.toUpperCase()} ${path!.replace(/:(\w+)/g, (_, part: string) => part.toUpperCase())}`,
    );
    const shown = [...textOf("PROTOCOL.md").matchAll(/^\| \*\*H-\d+\*\* +\| `([A-Z]+ [^`[]+)/gm)].map(
      ([, route]) => route!,
    );
    expect(new Set(shown)).toEqual(new Set(routes));
    expect(shown.length).toBeGreaterThan(5);
  });

  test("an id defined twice is an error", () => {
    expect(definedIds("**R1** a **R2** b, see R1")).toEqual(["R1", "R2"]);
    expect(() => definedIds("**R1** a **R1** b")).toThrow("R1 twice");
  });

  test("ids are told from other words", () => {
    expect(idsOf("R7 [R8] §4 [A26] prefix, §2.1. and N-4, not R2D2, N-4-x, §11.2, (R9) or UTF-8")).toEqual([
      "R7",
      "R8",
      "§4",
      "§2.1",
      "N-4",
      "R9",
    ]);
  });

  test("titles are strings that begin with an id", () => {
    const source = ['test("R7 §4 one", f);', "  [`§8.7 two ${x}`, 1],", 'test("no R7 here", f); // "x"'];
    expect(titlesOf(source.join("\n"))).toEqual(["R7 §4 one", "§8.7 two ${x}"]);
  });
});
