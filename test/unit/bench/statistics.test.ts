import { expect, it } from "vitest";
import { sourceOfBundle, topLines } from "../../../bench/profile/top.ts";
import { median, tableLines } from "../../../bench/statistics.ts";
import { isWithin } from "../../../bench/subject.ts";

it("median: the middle one, or the mean of the middle two", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 2, 9])).toBe(3);
  expect(median([])).toBeNaN();
});

it("a ratio keeps its budget at the bound and misses it one step past", () => {
  expect(isWithin({ value: 1.2, min: 1.2 })).toBe(true);
  expect(isWithin({ value: 1.19, min: 1.2 })).toBe(false);
  expect(isWithin({ value: 5, max: 5 })).toBe(true);
  expect(isWithin({ value: 5.01, max: 5 })).toBe(false);
  expect(isWithin({ value: NaN, min: 1 })).toBe(false);
});

it("a table keeps its columns", () => {
  expect(
    tableLines([
      ["a", "b"],
      ["long", "123"],
    ]),
  ).toEqual(["a       b", "long  123"]);
});

it("a profile's time goes to the function on top, and to each function below it once", () => {
  const frame = (functionName: string, url = "", lineNumber = -1) => ({ functionName, url, lineNumber });
  const profile = {
    nodes: [
      { id: 1, callFrame: frame("(idle)") },
      { id: 2, callFrame: frame("turn", "index.mjs", 2), children: [3] },
      { id: 3, callFrame: frame("send"), children: [4] },
      { id: 4, callFrame: frame("turn", "index.mjs", 2) },
    ],
    samples: [1, 2, 3, 4],
    timeDeltas: [9000, 1000, 2000, 1000],
  };
  const sourceOf = sourceOfBundle("// src/a.ts\nx\nfunction turn() {}\n// src/b.ts\n");
  expect(topLines(profile, sourceOf, 9).slice(1)).toEqual([
    expect.stringMatching(/^turn src\/a\.ts \(line 3 of the bundle\) +50\.0 % +100\.0 %$/),
    expect.stringMatching(/^send +50\.0 % +75\.0 %$/),
  ]);
});
