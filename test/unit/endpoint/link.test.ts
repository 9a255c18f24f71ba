/** What travels with an event from endpoint to endpoint. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { count, string, vector, type Value } from "../../../src/data/value.ts";
import {
  keyOf,
  mayPass,
  originOf,
  withOrigin,
  withoutOrigin,
  type Origin,
} from "../../../src/endpoint/link.ts";
import { newNodeId, nodeIdOption, nodeIdText } from "../../../src/endpoint/node-id.ts";
import { RecentSet } from "../../../src/endpoint/recent-set.ts";
import type { FabricEvent } from "../../../src/protocol/event.ts";
import { toBytes } from "../../../src/protocol/topic.ts";
import { decodeEvents, encodeEvents } from "../../../src/protocol/transcode.ts";

const mine = { id: 200n, value: string("mine") };
const event: FabricEvent = { name: "ev", args: [count(1)], metadata: [mine] };
const ids = (n: number) => Array.from({ length: n }, newNodeId);

describe("the origin of an event", () => {
  test("is read as it was written, over the wire, and leaves the event as it was", () => {
    const [publisher, ...path] = ids(5);
    // Bytes that are UTF-8 are held as text, others as bytes: both must do.
    for (const who of [publisher!, "an id that is x."]) {
      const origin: Origin = { publisher: who, number: 7n, path: [who, ...path] };
      const [arrived] = decodeEvents(encodeEvents([withOrigin(event, origin)]), 1);
      expect(originOf(arrived!)).toEqual(origin);
      expect(withoutOrigin(arrived!)).toEqual(event);
    }
  });

  test("is replaced, not added", () => {
    const [a, b] = ids(2);
    const first = withOrigin(event, { publisher: a!, number: 1n, path: [a!] });
    const second = withOrigin(first, { publisher: a!, number: 1n, path: [a!, b!] });
    expect(second.metadata).toHaveLength(2);
    expect(originOf(second)!.path).toEqual([a, b]);
  });

  test.each<[string, Value]>([
    ["no vector", count(1)],
    ["nothing in it", vector([])],
    ["a short publisher", vector([string("x"), count(1), string("0123456789abcdef")])],
    ["no number", vector([string("0123456789abcdef"), string("1"), string("0123456789abcdef")])],
    ["half an id in the path", vector([string("0123456789abcdef"), count(1), string("01234567")])],
    ["no path", vector([string("0123456789abcdef"), count(1), string("")])],
  ])("with %s counts as none", (_what, value) => {
    expect(originOf({ ...event, metadata: [{ id: 5_738n, value }] })).toBeUndefined();
  });

  test("has a key of the endpoint where it came in, whatever way it takes", () => {
    const [a, b, c] = ids(3);
    const at = (path: readonly string[], number = 1n) => keyOf({ publisher: a!, number, path });
    expect(at([a!, b!])).toBe(at([a!, c!, b!]));
    expect(new Set([at([a!]), at([b!]), at([a!], 2n)]).size).toBe(3);
  });

  test("passes on after hopsMax - 1 endpoints, and not after one more", () => {
    const origin = (hops: number): Origin => ({ publisher: newNodeId(), number: 1n, path: ids(hops) });
    expect([mayPass(origin(LIMITS.hopsMax - 1)), mayPass(origin(LIMITS.hopsMax))]).toEqual([true, false]);
  });
});

describe("what was seen lately", () => {
  test("holds at least the last max keys, and at most twice as many", () => {
    const max = LIMITS.endpointSeenMax;
    const seen = new RecentSet(max);
    const key = (n: number) => String(n);
    for (let n = 0; n < 2 * max; n++) expect(seen.add(key(n))).toBe(true);
    for (const n of [max, max + 1, 2 * max - 1]) expect(seen.add(key(n))).toBe(false);
    // One more, and the oldest half is forgotten.
    expect(seen.add(key(2 * max))).toBe(true);
    expect([seen.add(key(max)), seen.add(key(max - 1))]).toEqual([false, true]);
  });
});

test("an endpoint's id is that of a UUID to people, and 16 bytes on the wire", () => {
  const id = newNodeId();
  expect(nodeIdText(id)).toMatch(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
  expect(nodeIdText(id).replaceAll("-", "")).toBe(Buffer.from(toBytes(id)).toString("hex"));
  expect(nodeIdOption(toBytes(id))).toBe(id);
  expect([nodeIdOption("text"), nodeIdOption(new Uint8Array(15)), nodeIdOption(undefined)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
