import { describe, expect, it } from "vitest";
import { AlarmQueue } from "../../../durable/alarm.ts";
import { LIMITS } from "../../../src/base/limits.ts";

/** A storage that records what it is told. */
function recorder() {
  const calls: (number | "none")[] = [];
  const storage = {
    setAlarm: async (atMs: number) => void calls.push(atMs),
    deleteAlarm: async () => void calls.push("none"),
  };
  return { calls, queue: new AlarmQueue<"a" | "b">(storage) };
}

const never = () => {
  throw new Error("not expected");
};

describe("[R36] one alarm for many deadlines", () => {
  it("is armed for the earliest, and written only when that changes", () => {
    const { calls, queue } = recorder();
    queue.set("a", 500);
    queue.set("b", 900);
    queue.set("b", 800);
    queue.set("a", undefined);
    queue.set("b", undefined);
    expect(calls).toEqual([500, 800, "none"]);
  });

  it("is armed for work that is due since ever, although the platform refuses time 0", () => {
    const { calls, queue } = recorder();
    queue.set("a", 0);
    expect(calls).toEqual([1]);
  });

  it("re-arms first, runs what is due, and then waits for the rest", async () => {
    const { calls, queue } = recorder();
    queue.set("a", 500);
    queue.set("b", 900);
    const run: string[] = [];
    await queue.fire(
      600,
      (name) => {
        run.push(name);
        expect(calls.at(-1)).toBe(600 + LIMITS.alarmRetryMs);
      },
      never,
    );
    expect(run).toEqual(["a"]);
    expect(calls.at(-1)).toBe(900);
  });

  it("reports a handler that throws or rejects, and tries it again later", async () => {
    const { calls, queue } = recorder();
    queue.set("a", 1);
    queue.set("b", 2);
    const reports: string[] = [];
    await queue.fire(
      5,
      (name) => {
        if (name === "a") throw new Error("no");
        return Promise.reject(new Error("no"));
      },
      (_, name) => reports.push(name),
    );
    expect(reports).toEqual(["a", "b"]);
    expect(queue.nextMs).toBe(5 + LIMITS.alarmRetryMs);
    expect(calls.at(-1)).toBe(5 + LIMITS.alarmRetryMs);
  });

  it("keeps a deadline that its handler sets, and leaves no alarm when there is none", async () => {
    const { calls, queue } = recorder();
    queue.set("a", 1);
    await queue.fire(1, () => queue.set("a", 700), never);
    expect(calls.at(-1)).toBe(700);
    await queue.fire(700, () => undefined, never);
    expect(calls.at(-1)).toBe("none");
  });
});
