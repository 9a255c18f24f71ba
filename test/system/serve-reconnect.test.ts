/** The SDK's client over a fabric that is killed and comes back. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { count, type CountValue } from "../../src/data/value.ts";
import type { Gap } from "../../src/protocol/frame.ts";
import { connect } from "../../src/sdk/index.ts";
import { startServe, type ServeProcess } from "../support/fabric.ts";

const EVENTS_BEFORE = 5_000;
const EVENTS_AFTER = 5_000;

const started: ServeProcess[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((process) => process.dispose()));
});

test("R5 publishes without an acknowledgement are sent again after SIGKILL; none comes twice or out of order", async () => {
  const first = await startServe();
  started.push(first);
  const [publisher, subscriber] = await Promise.all([connect(first.url), connect(first.url)]);
  const seen: number[] = [];
  const gaps: Gap[] = [];
  let lost = 0;
  publisher.on("lost", () => lost++);
  subscriber.on("gap", (gap) => gaps.push(gap));
  await subscriber.subscribe("kill/", (event) => seen.push(Number((event.args[0] as CountValue).value)));
  let number = 0;
  const publish = (events: number) => {
    for (let i = 0; i < events; i++) publisher.publish("kill/x", "Kill::x", [count(++number)]);
  };
  publish(EVENTS_BEFORE);
  const flushed = publisher.flush();
  await first.kill();
  started.push(await startServe({ state: first.state, port: first.port }));
  publish(EVENTS_AFTER);
  await flushed;
  await publisher.flush();
  // The subscriber may come back later than the publisher: what it missed meanwhile is a gap, and then events come.
  while (seen.at(-1) !== number) {
    publish(1);
    await publisher.flush();
    await sleep(10);
  }
  expect(lost).toBeGreaterThan(0);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(new Set(seen).size).toBe(seen.length);
  if (seen.length < number) expect(gaps.length).toBeGreaterThan(0);
  publisher.abort();
  subscriber.abort();
});
