/** A reader of a kept prefix that is cut off under load gets everything, also over SIGKILL of the server. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { count, type CountValue } from "../../src/data/value.ts";
import { connect } from "../../src/sdk/index.ts";
import { startServe, type ServeProcess } from "../support/fabric.ts";
import { ResumingReader } from "../support/resuming-reader.ts";

const EVENTS_PER_TICK = 25;
const TICK_MS = 5;
const AWAY_MS = 3_000;
const layout = {
  routers: [{ name: "main", prefix: "" }],
  loggers: [{ name: "logger-1" }],
  retention: [{ prefix: "kept/", seconds: 600 }],
};

const started: ServeProcess[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((process) => process.dispose()));
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(20);
}

test("R5 R10 R11 a reader that was cut off gets every event exactly once, in order, also over SIGKILL", async () => {
  const first = await startServe({ layout });
  started.push(first);
  const publisher = await connect(first.url);
  const reader = new ResumingReader("kept/");
  await reader.connect(first.wsUrl);
  let number = 0;
  const load = setInterval(() => {
    for (let i = 0; i < EVENTS_PER_TICK; i++) publisher.publish("kept/x", "Kept::x", [count(++number)]);
  }, TICK_MS);
  await until(() => reader.events.length > 0);
  reader.cut();
  await sleep(AWAY_MS);
  await reader.connect(first.wsUrl);
  await until(() => reader.recovered.length === 1);
  reader.cut();
  await sleep(AWAY_MS / 2);
  await first.kill();
  started.push(await startServe({ layout, state: first.state, port: first.port }));
  await sleep(AWAY_MS / 2);
  await reader.connect(first.wsUrl);
  await until(() => reader.recovered.length === 2);
  clearInterval(load);
  await publisher.flush();
  await until(() => reader.events.length >= number);
  expect(reader.events.map(({ args }) => Number((args[0] as CountValue).value))).toEqual(
    Array.from({ length: number }, (_, i) => i + 1),
  );
  expect(reader.gaps).toEqual([]);
  expect(reader.recovered.map(({ complete }) => complete)).toEqual([true, true]);
  expect(number).toBeGreaterThan(1_000);
  publisher.abort();
});
