/** The bound of what waits at one router: bytes that wait for many readers are in memory, and count, once. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { SharedBytes } from "../../../src/routing/shared-bytes.ts";
import { publish, RouterRig, segment } from "../../support/router-rig.ts";

const PAYLOAD_BYTES = 256 * 1024;
const QUEUE_BYTES = 4 * PAYLOAD_BYTES;

/** Publishes under each topic in turn until every reader of it is at its bound, and says nothing of having read it. */
function overflow(rig: RouterRig, topics: readonly string[]): void {
  rig.join("publisher", 65_000, []);
  let seq = 0;
  const payload = "x".repeat(PAYLOAD_BYTES);
  for (let bytes = 0; bytes <= QUEUE_BYTES + PAYLOAD_BYTES; bytes += PAYLOAD_BYTES) {
    for (const topic of topics) rig.receive("publisher", publish(++seq, segment(topic, payload))).turn();
  }
}

const terms = { window: 1, queue: QUEUE_BYTES };

describe("SharedBytes", () => {
  test("what waits for several readers counts once, until none of them waits for it", () => {
    const shared = new SharedBytes();
    const [a, b] = [new Uint8Array(3), new Uint8Array(5)];
    for (const bytes of [a, b, a]) shared.add(bytes);
    expect(shared.sum).toBe(8);
    shared.remove(a);
    expect(shared.sum).toBe(8);
    shared.remove(a);
    expect(shared.sum).toBe(5);
    shared.remove(b);
    shared.remove(b);
    expect(shared.sum).toBe(0);
  });
});

describe("routerQueueBytesMax", () => {
  const READERS = (2 * LIMITS.routerQueueBytesMax) / QUEUE_BYTES;

  test("R13 readers of the same that stop together drop by their policy, and none of them goes", () => {
    const rig = new RouterRig();
    for (let i = 0; i < READERS; i++) rig.join(`r${i}`, i + 1, ["t"], 1, terms);
    overflow(rig, ["t"]);
    expect(rig.closes).toEqual([]);
  });

  test("R13 readers of what differs go, those with most first, until the rest is within the bound", () => {
    const rig = new RouterRig();
    const topics = Array.from({ length: READERS }, (_, i) => `t${i}/`);
    for (const [i, topic] of topics.entries()) rig.join(`r${i}`, i + 1, [topic], 1, terms);
    overflow(rig, topics);
    expect(new Set(rig.closes.map(({ reason }) => reason))).toEqual(new Set(["slow_reader"]));
    const left = READERS - rig.closes.length;
    // A queue holds one delivery less than payloads would fit: a delivery is a little larger.
    const delivery = rig.sent.find(({ frame }) => frame.type === "deliver")!;
    expect(left).toBe(Math.floor(LIMITS.routerQueueBytesMax / (3 * delivery.bytes.length)));
  });
});
