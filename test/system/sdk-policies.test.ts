/** Subscriptions with a policy of their own, through workerd. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect, type Client, type Gap } from "../../src/sdk/index.ts";
import { startServe, type ServeProcess } from "../support/fabric.ts";

let fabric: ServeProcess;
const clients: Client[] = [];
const client = async (options = {}) => {
  const one = await connect(fabric.url, options);
  clients.push(one);
  return one;
};

beforeAll(async () => {
  fabric = await startServe();
});
afterAll(async () => {
  for (const one of clients) one.abort();
  await fabric.dispose();
});

test("R13 one subscription drops what is oldest while another of the same client loses nothing", async () => {
  const reader = await client({ windowBytes: 64_000 });
  const gaps: Gap[] = [];
  reader.on("drop", (gap) => gaps.push(gap));
  const all: number[] = [];
  const some: number[] = [];
  let release = () => {};
  const stopped = new Promise<void>((resolve) => (release = resolve));
  await reader.subscribe("policy/", (event) => void all.push(Number(event.name.slice(1))));
  await reader.subscribe(
    "policy/",
    async (event) => {
      some.push(Number(event.name.slice(1)));
      await stopped;
    },
    { overflow: "drop_newest", queueBytes: 10_000 },
  );
  const publisher = await client();
  const filler = "x".repeat(1_000);
  for (let i = 1; i <= 600; i++) {
    publisher.publish("policy/x", `e${i}`, [filler]);
    if (i % 20 === 0) await publisher.flush();
  }
  await publisher.flush();
  while (all.length < 600) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(all).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
  release();
  while (gaps.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  const dropped = gaps.reduce((sum, { events = 0 }) => sum + events, 0);
  while (some.length < 600 - dropped) await new Promise((resolve) => setTimeout(resolve, 10));
  expect([dropped > 0, some.length, gaps[0]?.reason]).toEqual([true, 600 - dropped, "overflow"]);
  // What came first was kept.
  expect(some.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});

test("own events stay out of a subscription with a policy of its own, unless it is local", async () => {
  const both = await client();
  const others: string[] = [];
  const own: string[] = [];
  await both.subscribe("own/", (event) => void others.push(event.name), { overflow: "drop_newest" });
  await both.subscribe("own/", (event) => void own.push(event.name), {
    overflow: "drop_newest",
    local: true,
  });
  await both.publishAcked("own/x", "mine");
  await (await client()).publishAcked("own/x", "theirs");
  while (own.length < 2 || others.length < 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect([own, others]).toEqual([["mine", "theirs"], ["theirs"]]);
});

test("a client that is closed closes these connections, too", async () => {
  const one = await client();
  const stream = one.subscribe("z/", { overflow: "block" });
  await stream.ready;
  await one.close();
  expect((await stream[Symbol.asyncIterator]().next()).done).toBe(true);
});
