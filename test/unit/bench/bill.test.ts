// The worked examples of the platform's prices, so that a wrong factor shows.
import { expect, it } from "vitest";
import { billOf, totalOf } from "../../../bench/cost/bill.ts";
import { countsBetween, type Counts } from "../../../bench/cost/counts.ts";
import { sqliteStorage } from "../../../bench/cost/prices.ts";

const NOTHING: Counts = {
  workerRequests: 0,
  objectRequests: 0,
  objectFrames: 0,
  rowsRead: 0,
  rowsWritten: 0,
  awakeMs: 0,
  classA: 0,
  classB: 0,
};
const MONTH_MS = 30 * 86_400_000;

it("bills 20 incoming frames as one request: 1.04 G frames are $7.80", () => {
  expect(billOf({ ...NOTHING, objectFrames: 1.04e9 }, 0).objectRequests).toBeCloseTo(7.8, 6);
});

it("bills an object that is awake all month $4.15", () => {
  expect(billOf({ ...NOTHING, awakeMs: MONTH_MS }, 0).objectDuration).toBeCloseTo(4.147, 3);
});

it("bills a row for each of 51.8 G events $51,800", () => {
  expect(billOf({ ...NOTHING, rowsWritten: 51.8e9 }, 0).rows).toBeCloseTo(51_800, 3);
});

it("bills an R2 put a minute for a month $0.19", () => {
  expect(billOf({ ...NOTHING, classA: 43_200 }, 0).r2).toBeCloseTo(0.1944, 4);
});

it("adds up all items, CPU and Worker requests among them", () => {
  const bill = billOf({ ...NOTHING, workerRequests: 1e6, rowsRead: 1e9, classB: 1e6 }, 1e6);
  expect(totalOf(bill)).toBeCloseTo(0.3 + 1 + 0.36 + 0.02, 9);
});

it("prices what is kept by gigabytes and months", () => {
  expect(sqliteStorage(1e9, MONTH_MS / 1000)).toBeCloseTo(0.2, 9);
  expect(sqliteStorage(200e6, 86_400)).toBeCloseTo(0.2 * 0.2 * (1 / 30), 9);
});

it("counts what happened between two answers", () => {
  const after = { ...NOTHING, objectFrames: 5, awakeMs: 7 };
  expect(countsBetween({ ...NOTHING, objectFrames: 2 }, after)).toEqual({ ...after, objectFrames: 3 });
});
