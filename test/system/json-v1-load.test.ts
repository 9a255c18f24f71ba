/** Two sensors at full speed: nothing lost, order kept, the server's memory bounded. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { JsonClient } from "../support/json-v1-client.ts";
import { count, event, numberOf } from "../support/json-v1-event.ts";
import { useFabric } from "../support/json-v1-fabric.ts";

const EVENTS = 60_000;
const SAMPLE_MS = 20;
/**
 * Measured over twelve rounds of 48 MB in and out: 300 to 550 MB, without a trend from the fourth on. workerd starts
 * with 100 MB, and its garbage collector is in no hurry where no limit is set.
 */
const RSS_BYTES_MAX = 800e6;

const fabric = useFabric();

function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) * 1024;
}

/** Samples the memory of the runtime while `work` runs; returns the highest sum. */
async function peakBytes(pids: readonly number[], work: () => Promise<void>): Promise<number> {
  let peak = 0;
  const sample = (): void => {
    peak = Math.max(
      peak,
      pids.reduce((sum, pid) => sum + residentBytes(pid), 0),
    );
  };
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  sample();
  return peak;
}

/** An ordinary event of a sensor, about 400 bytes. The number stands last, where `numberOf` reads it. */
const sensorEvent = (topic: string, n: number): string =>
  event(topic, `Site::connection_${"x".repeat(150)}`, [count(n)]);

async function collect(client: JsonClient): Promise<void> {
  for (let i = 0; i < EVENTS; i++) {
    const n = numberOf(await client.next(`event ${i}`));
    if (n !== i) throw new Error(`event ${n} came in the place of ${i}`);
  }
}

test("§5.3 [A38] two sensors send 60,000 events each at once, each subscribed to the other: all arrive in order, memory bounded", async () => {
  const left = await JsonClient.subscribed(fabric().url, ["right/"]);
  const right = await JsonClient.subscribed(fabric().url, ["left/"]);
  const peaks: number[] = [];
  for (let round = 0; round < 3; round++) {
    const peak = await peakBytes(fabric().pids, async () => {
      for (let i = 0; i < EVENTS; i++) {
        left.send(sensorEvent("left/", i));
        right.send(sensorEvent("right/", i));
      }
      await Promise.all([collect(left), collect(right)]);
    });
    peaks.push(peak);
  }
  expect([...left.unread, ...right.unread]).toEqual([]);
  for (const peak of peaks) expect(peak).toBeLessThan(RSS_BYTES_MAX);
  await Promise.all([left.close(), right.close()]);
});
