import { expect, test } from "vitest";
import { cpuSeconds, memoryMiB } from "../../../bench/load/process.ts";

test("the CPU time of a process grows by what it uses, finer than the ticks of the clock", () => {
  const before = cpuSeconds(process.pid);
  const start = process.cpuUsage();
  let x = 1;
  while (process.cpuUsage(start).user < 50_000) x = Math.imul(x, 31) + 1;
  expect(cpuSeconds(process.pid) - before).toBeGreaterThan(0.04);
});

test("memory now is at most that at its highest", () => {
  const { now, peak } = memoryMiB(process.pid);
  expect(now).toBeGreaterThan(1);
  expect(peak).toBeGreaterThanOrEqual(now);
});
