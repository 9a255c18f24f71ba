import { describe, expect, test } from "vitest";
import { RepeatFilter } from "../../../src/protocol/repeat-filter.ts";

describe("RepeatFilter", () => {
  test("R5 a frame is new once; what stands before it came before", () => {
    const filter = new RepeatFilter(4);
    expect([1, 2, 2, 1, 5, 4].map((seq) => filter.isRepeat("p", seq))).toEqual([
      false,
      false,
      true,
      true,
      false,
      true,
    ]);
  });

  test("R5 publishers do not mix", () => {
    const filter = new RepeatFilter(4);
    filter.isRepeat("p", 9);
    expect(filter.isRepeat("q", 1)).toBe(false);
  });

  test("as many publishers as the bound are remembered; one more forgets the first", () => {
    const filter = new RepeatFilter(3);
    for (const publisher of ["a", "b", "c"]) filter.isRepeat(publisher, 1);
    expect(["a", "b", "c"].map((p) => filter.isRepeat(p, 1))).toEqual([true, true, true]);
    filter.isRepeat("d", 1);
    expect(["b", "c", "d"].map((p) => filter.isRepeat(p, 1))).toEqual([true, true, true]);
    expect(filter.isRepeat("a", 1)).toBe(false);
  });
});
