/** A router that is evicted or dies around load, its sockets kept or closed, behind sessions of the deployed Worker. */
import { abortAllDurableObjects, createExecutionContext, evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/base/limits.ts";
import { count, type CountValue } from "../../src/data/value.ts";
import worker from "../../src/index.ts";
import { ENCODING, type FrameOf, type Segment } from "../../src/protocol/frame.ts";
import { SUBPROTOCOL } from "../../src/protocol/handshake.ts";
import { parseTopic } from "../../src/protocol/topic.ts";
import { decodeSegment, encodeEvents } from "../../src/protocol/transcode.ts";
import { hello, publish, subscribe } from "../support/router-rig.ts";
import { Trunk } from "../support/router-trunk.ts";

/** The layout of the worker tests gives it to the router `main`, which keeps it. */
const PREFIX = "kept/evicted/";
const EVICTIONS = 2;
const CRASHES = 6;
const FRAMES = 500;

/** A native peer at the Worker. */
const workerStub = {
  fetch: (_url: string, init: RequestInit) => {
    const headers = { ...(init.headers as Record<string, string>), "Sec-WebSocket-Protocol": SUBPROTOCOL };
    const request = new Request("http://127.0.0.1/v1/connect", { ...init, headers });
    return worker.fetch(request, { ...env, SELVEDGE_OPEN: "loopback" }, createExecutionContext());
  },
};

function numbered(number: number): Segment {
  const payload = encodeEvents([{ name: "Evicted::n", args: [count(number)], metadata: [] }]);
  return { topic: parseTopic(`${PREFIX}x`), encoding: ENCODING.cbor, count: 1, payload };
}

const numbersOf = ({ frames }: FrameOf<"deliver">): number[] =>
  frames
    .flatMap(({ segments }) => segments.flatMap(decodeSegment))
    .map(({ args }) => Number((args[0] as CountValue).value));

/** Publishes numbered events, with as many unacknowledged as a peer should leave. */
class Load {
  acknowledged = 0;
  #sent = 0;
  readonly #trunk: Trunk;

  constructor(trunk: Trunk) {
    this.#trunk = trunk;
  }

  /** Publishes that many more, and waits until all are acknowledged. */
  async run(frames: number): Promise<void> {
    const end = this.#sent + frames;
    while (this.acknowledged < end) {
      while (this.#sent < end && this.#sent - this.acknowledged < LIMITS.publishWindowFrames) {
        const number = ++this.#sent;
        this.#trunk.send(publish(number, numbered(number)));
      }
      this.acknowledged = (await this.#trunk.take("published")).seq;
    }
  }
}

const router = () => env.ROUTER.getByName("main");
let instances = 0;

/** A reader and a load, behind sessions of their own. */
async function open(): Promise<{ reader: Trunk; load: Load; close: () => void }> {
  const terms = { resume: true };
  const reader = await Trunk.open(workerStub, hello(++instances, 1, "", terms), subscribe([PREFIX]));
  await reader.take("welcome");
  await reader.take("subscribed");
  const publisher = await Trunk.open(workerStub, hello(++instances));
  await publisher.take("welcome");
  const close = () => {
    reader.close();
    publisher.close();
  };
  return { reader, load: new Load(publisher), close };
}

/** Expects that the reader gets every number up to the last, once and in order, and is told of no gap. */
async function expectAll(reader: Trunk, last: number): Promise<void> {
  const numbers: number[] = [];
  while ((numbers.at(-1) ?? 0) < last) {
    const frame = await reader.next();
    if (frame.type === "deliver") numbers.push(...numbersOf(frame));
    else expect(frame).toMatchObject({ type: "recovered", complete: true });
  }
  expect(numbers).toEqual(Array.from({ length: last }, (_, i) => i + 1));
  expect(reader.unread).toEqual([]);
}

describe("a router of a kept prefix", () => {
  // The runtime evicts what rests: an object that has a timer, or is sent something, is not evicted.
  it.each(["hibernate", "close"] as const)(
    "R2 R5 R11 T-3 that is evicted between two loads (sockets: %s): every event exactly once, in order, no gap",
    { timeout: 60_000 },
    async (webSockets) => {
      const { reader, load, close } = await open();
      const { incarnation } = await router().stat();
      for (let i = 0; i < EVICTIONS; i++) {
        await load.run(FRAMES);
        await evictDurableObject(router(), { webSockets });
      }
      await load.run(FRAMES);
      await expectAll(reader, load.acknowledged);
      // Who sleeps with its sockets has written its checkpoint before.
      if (webSockets === "hibernate") expect((await router().stat()).incarnation).toBe(incarnation);
      close();
    },
  );

  it(
    "R5 R6 R10 R11 T-3 that dies under load: every event exactly once, in order, no gap",
    { timeout: 60_000 },
    async () => {
      const { reader, load, close } = await open();
      const { incarnation } = await router().stat();
      const running = load.run(CRASHES * FRAMES);
      for (let i = 1; i <= CRASHES; i++) {
        const at = (i * FRAMES) / 2;
        await expect.poll(() => load.acknowledged, { timeout: 10_000, interval: 1 }).toBeGreaterThan(at);
        await abortAllDurableObjects();
      }
      await running;
      await expectAll(reader, load.acknowledged);
      expect((await router().stat()).incarnation).toBe(incarnation + CRASHES);
      close();
    },
  );
});
