import { expect, test } from "vitest";
import { Gather } from "../../../src/base/gather.ts";

function rig() {
  const tasks: (() => void)[] = [];
  let runs = 0;
  const gather = new Gather(
    (task) => tasks.push(task),
    () => runs++,
  );
  const macrotask = () => tasks.splice(0).forEach((task) => task());
  return { gather, macrotask, runs: () => runs, waiting: () => tasks.length };
}

test("the first input runs at once", () => {
  const { gather, runs } = rig();
  gather.due();
  expect(runs()).toBe(1);
});

test("what comes until the next macrotask runs together, then nothing more is scheduled", () => {
  const { gather, macrotask, runs, waiting } = rig();
  for (let i = 0; i < 10; i++) gather.due();
  expect(runs()).toBe(1);
  macrotask();
  expect(runs()).toBe(2);
  macrotask();
  expect(runs()).toBe(2);
  expect(waiting()).toBe(0);
  gather.due();
  expect(runs()).toBe(3);
});

test("work that may wait runs in the next macrotask", () => {
  const { gather, macrotask, runs } = rig();
  gather.dueLater();
  expect(runs()).toBe(0);
  macrotask();
  expect(runs()).toBe(1);
});

test("input during a run has a run of its own", () => {
  const tasks: (() => void)[] = [];
  const seen: number[] = [];
  let input = 0;
  const gather: Gather = new Gather(
    (task) => tasks.push(task),
    () => {
      seen.push(input);
      if (input === 1) {
        input = 2;
        gather.due();
      }
    },
  );
  input = 1;
  gather.due();
  tasks.splice(0).forEach((task) => task());
  expect(seen).toEqual([1, 2]);
});
