/** Waits for acknowledgements are shared, and none is left out. */
import { expect, it } from "vitest";
import { Settler } from "../../../src/node/settler.ts";

it("one wait at a time; who comes during one shares the next, which begins after it", async () => {
  const waits: PromiseWithResolvers<void>[] = [];
  const settler = new Settler(async () => {
    const wait = Promise.withResolvers<void>();
    waits.push(wait);
    return wait.promise;
  });
  const done: string[] = [];
  const wait = (name: string) => settler.settled().then(() => void done.push(name));
  const first = wait("first");
  const shared = [wait("second"), wait("third")];
  expect(waits.length).toBe(1);
  waits[0]!.resolve();
  await first;
  await Promise.resolve();
  expect([done, waits.length]).toEqual([["first"], 2]);
  const fourth = wait("fourth");
  waits[1]!.resolve();
  await Promise.all(shared);
  expect(done).toEqual(["first", "second", "third"]);
  await Promise.resolve();
  expect(waits.length).toBe(3);
  waits[2]!.resolve();
  await fourth;
  // Nothing is under way: the next one begins at once.
  const fifth = wait("fifth");
  expect(waits.length).toBe(4);
  waits[3]!.resolve();
  await fifth;
});
