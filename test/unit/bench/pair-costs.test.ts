import { expect, test } from "vitest";
import { pairCosts } from "../../../bench/fabric/pair-costs.ts";

const slice = (events: number, serverSeconds: number) => ({ events, serverSeconds });

test("a pair's cost is that of all its events, so a slice with few of them does not count as much", () => {
  const slices = [slice(1_000_000, 1), slice(0, 0.5), slice(1_000_000, 3), slice(3_000_000, 1)];
  expect(pairCosts(slices, 2)).toEqual([1.5, 1]);
});

test("a run that ended early has fewer slices in its last pair", () => {
  expect(pairCosts([slice(1, 1e-6), slice(1, 1e-6), slice(1, 2e-6)], 2)).toEqual([1, 2]);
});
