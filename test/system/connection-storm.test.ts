/** Many peers that come and go at once, and connections that are cut at random, through the real runtime. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connect, type Client, type Gap, type ReceivedEvent } from "../../src/sdk/index.ts";
import { Random } from "../sim/kit/random.ts";
import { AWAY_LAYOUT, until } from "../support/away.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { startInProcess } from "../support/fabric.ts";
import { JsonClient } from "../support/json-v1-client.ts";
import { byPublisher, firstBreak, NumberedLoad } from "../support/numbered-load.ts";
import { ResumingReader } from "../support/resuming-reader.ts";

const PEERS_OF_EACH = 500;
const BYSTANDER_EVENTS_PER_SECOND = 500;
const HEALTH_POLL_MS = 100;
const CUT_EVENTS_PER_SECOND = 2_000;
const CUT_READERS = 5;
const CUTS = 60;
const CUT_MS_MAX = 100;
const SEED = 7;

let fabric: Awaited<ReturnType<typeof startInProcess>>;
let wsUrl: string;

beforeEach(async () => {
  fabric = await startInProcess({ layout: AWAY_LAYOUT });
  wsUrl = fabric.url.replace("http", "ws");
});

afterEach(() => fabric.close());

/** Asks for the fabric's health until told to stop; resolves with the statuses. */
function watchHealth(): () => Promise<number[]> {
  let isOn = true;
  const watch = async () => {
    const statuses: number[] = [];
    while (isOn) {
      statuses.push((await fetch(`${fabric.url}/healthz`)).status);
      await sleep(HEALTH_POLL_MS);
    }
    return statuses;
  };
  const watching = watch();
  return () => {
    isOn = false;
    return watching;
  };
}

describe(`${2 * PEERS_OF_EACH} peers at once`, () => {
  test("R4 H-1 connect, subscribe, are cut and come back: each gets its events, a bystander all, and health is answered", async () => {
    const bystander = new ResumingReader("by/");
    await bystander.connect(wsUrl);
    const load = await NumberedLoad.open(fabric.url, "by/x");
    load.start(BYSTANDER_EVENTS_PER_SECOND);
    const endHealth = watchHealth();
    const publisher = await connect(fabric.url);
    const natives = Array.from({ length: PEERS_OF_EACH }, () => new ResumingReader("storm/"));

    const wave = async (name: string) => {
      const jsons = Array.from({ length: PEERS_OF_EACH }, () =>
        JsonClient.subscribed(fabric.url, ["storm/"]),
      );
      await Promise.all([...natives.map((native) => native.connect(wsUrl)), ...jsons]);
      await publisher.publishAcked("storm/x", name);
      const texts = await Promise.all(jsons.map(async (json) => (await json).next()));
      expect(new Set(texts).size).toBe(1);
      expect(texts[0]).toContain(name);
      await until(() => natives.every(({ events }) => events.at(-1)?.name === name));
      for (const native of natives) native.cut();
      for (const json of jsons) (await json).terminate();
    };
    await wave("Storm::first");
    await publisher.publishAcked("storm/x", "Storm::missed");
    await wave("Storm::second");

    for (const { events, gaps, untold } of natives) {
      expect(events.map(({ name }) => name)).toEqual(["Storm::first", "Storm::second"]);
      expect(gaps).toMatchObject([{ extent: "exact", reason: "away" }]);
      expect(untold).toEqual([]);
    }
    await load.stop();
    await until(() => bystander.received === load.published);
    for (const numbers of byPublisher(bystander.events)) expect(firstBreak(numbers)).toBeUndefined();
    expect(bystander).toMatchObject({ gaps: [], untold: [], closed: undefined });
    const statuses = await endHealth();
    expect(new Set(statuses)).toEqual(new Set([200]));
    publisher.abort();
    load.close();
    bystander.cut();
  });
});

describe("connections cut at random under load", () => {
  test(`R5 R10 R11 publishers and readers of a kept prefix, seed ${SEED}: every event exactly once, in order`, async () => {
    const random = new Random(SEED);
    const proxy = await CuttingProxy.start(fabric.url, random);
    const load = await NumberedLoad.open(proxy.url, "kept/x");
    const witness = new ResumingReader("kept/");
    await witness.connect(wsUrl);
    const readers: { client: Client; events: ReceivedEvent[]; gaps: Gap[]; complete: boolean[] }[] = [];
    for (let i = 0; i < CUT_READERS; i++) {
      const client = await connect(proxy.url);
      const reader = { client, events: [] as ReceivedEvent[], gaps: [] as Gap[], complete: [] as boolean[] };
      client.on("gap", (gap) => reader.gaps.push(gap));
      client.on("recovered", ({ complete }) => reader.complete.push(complete));
      await client.subscribe("kept/", (event) => void reader.events.push(event));
      readers.push(reader);
    }
    load.start(CUT_EVENTS_PER_SECOND);
    while (proxy.cuts < CUTS) {
      await sleep(random.between(0, CUT_MS_MAX));
      proxy.cutOne();
    }
    await load.stop();
    const { published } = load;
    await until(() => readers.every(({ events }) => events.length >= published));
    await until(() => witness.received >= published);
    for (const { events, gaps, complete } of readers) {
      const numbers = byPublisher(events);
      expect(numbers.map((list) => firstBreak(list))).toEqual(numbers.map(() => undefined));
      expect(events).toHaveLength(published);
      expect(gaps).toEqual([]);
      expect(complete).not.toContain(false);
    }
    expect(readers.flatMap(({ complete }) => complete).length).toBeGreaterThan(CUT_READERS);
    expect(byPublisher(witness.events).map((list) => list.length)).toEqual(load.numbers);
    expect(witness).toMatchObject({ received: published, gaps: [], untold: [], repeats: 0 });
    for (const { client } of readers) client.abort();
    witness.cut();
    load.close();
    proxy.close();
  });
});
