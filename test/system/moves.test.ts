/** Deploys that move topics to other routers, each over SIGKILL of the server, on one folder of state: R8. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { startServe, type ServeProcess } from "../support/fabric.ts";
import { byPublisher, NumberedLoad } from "../support/numbered-load.ts";
import { ResumingReader } from "../support/resuming-reader.ts";

const EVENTS_PER_SECOND = 2_000;
const LIFE_MS = 700;
const MAIN = { name: "main", prefix: "" };
const OTHER = { name: "other", prefix: "moved/" };
const THIRD = { name: "third", prefix: "moved/" };
const retention = [{ prefix: "moved/kept/", seconds: 3_600 }];

/** Owners of "moved/": main, other, third, and main again. */
const LAYOUTS = [
  { routers: [MAIN], retention },
  { routers: [MAIN, OTHER], formerRouters: [MAIN], retention },
  { routers: [MAIN, THIRD], formerRouters: [MAIN, OTHER], retention },
  { routers: [MAIN], formerRouters: [OTHER, THIRD], retention },
];

let served: ServeProcess | undefined;
let load: NumberedLoad | undefined;
afterEach(async () => {
  load?.close();
  await served?.dispose();
});

/** Publishes until all that was published before is acknowledged, and then for a while more, which a kill interrupts. */
async function publishInOneLife(publishers: NumberedLoad): Promise<void> {
  await publishers.stop();
  publishers.start(EVENTS_PER_SECOND);
  await sleep(LIFE_MS);
}

/** Publishes through all lives, while a reader is there in the first one and comes back in the last one. */
async function throughAll(topic: string, prefix: string): Promise<ResumingReader> {
  const reader = new ResumingReader(prefix);
  const first = await startServe({ layout: LAYOUTS[0] });
  served = first;
  await reader.connect(first.wsUrl);
  load = await NumberedLoad.open(first.url, topic);
  await publishInOneLife(load);
  for (const layout of LAYOUTS.slice(1)) {
    reader.cut();
    await served.kill();
    served = await startServe({ state: first.state, port: first.port, layout });
    await publishInOneLife(load);
  }
  await load.stop();
  await reader.connect(served.wsUrl);
  return reader;
}

describe("topics that move with each deploy, and back", () => {
  test("[R8] [R11] a reader that was away gets what is kept at all owners exactly once, and no gap", async () => {
    const reader = await throughAll("moved/kept/x", "moved/kept/");
    const streams = ["main", "other", "third"].map((router) => `${router}+moved/kept/`);
    while (!streams.every((stream) => reader.recovered.some(({ position }) => position.router === stream))) {
      expect(reader.closed).toBeUndefined();
      await sleep(20);
    }
    for (const [publisher, numbers] of byPublisher(reader.events).entries()) {
      const wanted = Array.from({ length: load!.numbers[publisher]! }, (_, i) => i + 1);
      expect(numbers.toSorted((a, b) => a - b)).toEqual(wanted);
    }
    expect(new Set(reader.frames.map(({ stream }) => stream))).toEqual(new Set(streams));
    expect(reader.recovered.every(({ complete }) => complete)).toBe(true);
    expect([reader.gaps, reader.untold]).toEqual([[], []]);
  });

  test("[R8] [R4] what is not kept is told as a gap at each owner, also at those that are new to the reader", async () => {
    const reader = await throughAll("moved/plain/x", "moved/plain/");
    const told = reader.gaps.filter(({ extent }) => extent === "unknown").map(({ to }) => to.router);
    expect(new Set(told)).toEqual(new Set(["main", "other", "third"]));
    const unheard = reader.gaps.filter(({ from }) => from.incarnation === 0);
    expect(unheard.map(({ reason }) => reason)).toEqual(["away", "away"]);
    expect(reader.untold).toEqual([]);
  });
});
