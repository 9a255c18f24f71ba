import { expect, it } from "vitest";
import { chartSvg } from "../../../bench/chart.ts";

const chart = (values: readonly number[]) =>
  chartSvg({
    title: "a < b",
    unit: "x/s",
    groups: values.map((value, i) => ({ label: `case ${i}`, bars: [{ series: `s${i}`, value }] })),
    format: (value) => `${value} &`,
  });

/** Widths of the bars; the squares of the legend are 10 wide and high. */
const widths = (svg: string) =>
  [...svg.matchAll(/<rect [^>]*width="([\d.]+)" height="16"/g)].map((match) => Number(match[1]));

it("draws bars in proportion, the longest with room for its value", () => {
  const [long, half] = widths(chart([100, 50]));
  expect(half).toBeCloseTo(long! / 2, 0);
  expect(long).toBeLessThan(720 - 130);
});

it("draws nothing at all as a line, not as NaN", () => {
  expect(widths(chart([0, 0]))).toEqual([1, 1]);
});

it("escapes what it writes, and stands on light and dark pages", () => {
  const svg = chart([1]);
  expect(svg).toContain("<title>a &lt; b</title>");
  expect(svg).toContain("1 &amp;</text>");
  expect(svg).toContain("prefers-color-scheme:dark");
});
