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
import {
  newInstance,
  nodeIdOf,
  nodeIdText,
  nodeOption,
  parseNodeOption,
  type NodeId,
} from "../../../src/endpoint/node-id.ts";
import { RecentSet } from "../../../src/endpoint/recent-set.ts";
import type { FabricEvent } from "../../../src/protocol/event.ts";
import { decodeEvents, encodeEvents } from "../../../src/protocol/transcode.ts";

const SOMEBODY = "0123456789abcdef".repeat(2);
const mine = { id: 200n, value: string("mine") };
const event: FabricEvent = { name: "ev", args: [count(1)], metadata: [mine] };
const ids = (n: number) => Array.from({ length: n }, () => nodeIdOf(newInstance()));

describe("the origin of an event", () => {
  test("is read as it was written, over the wire, and leaves the event as it was", () => {
    const [publisher, ...path] = ids(5);
    const origin: Origin = { publisher: publisher!, number: 7n, path };
    const [arrived] = decodeEvents(encodeEvents([withOrigin(event, origin)]), 1);
    expect(originOf(arrived!)).toEqual(origin);
    expect(withoutOrigin(arrived!)).toEqual(event);
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
    ["a short publisher", vector([string("01"), count(1), string(SOMEBODY)])],
    ["two publishers", vector([string(SOMEBODY + SOMEBODY), count(1), string(SOMEBODY)])],
    ["no number", vector([string(SOMEBODY), string("1"), string(SOMEBODY)])],
    ["half an id in the path", vector([string(SOMEBODY), count(1), string(SOMEBODY.slice(1))])],
    ["what are no digits", vector([string(SOMEBODY), count(1), string(SOMEBODY.replace("0", "x"))])],
    ["no path", vector([string(SOMEBODY), count(1), string("")])],
  ])("with %s counts as none", (_what, value) => {
    expect(originOf({ ...event, metadata: [{ id: 5_738n, value }] })).toBeUndefined();
  });

  test("has a key of the endpoint where it came in, whatever way it takes", () => {
    const [a, b, c] = ids(3);
    const at = (path: readonly NodeId[], number = 1n) => keyOf({ publisher: a!, number, path });
    expect(at([a!, b!])).toBe(at([a!, c!, b!]));
    expect(new Set([at([a!]), at([b!]), at([a!], 2n)]).size).toBe(3);
  });

  test("passes on after hopsMax - 1 endpoints, and not after one more", () => {
    const origin = (hops: number): Origin => ({ publisher: ids(1)[0]!, number: 1n, path: ids(hops) });
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

test("an endpoint's id is that of a UUID to people, and 16 bytes in hello", () => {
  const instance = newInstance();
  const id = nodeIdOf(instance);
  expect(nodeIdText(id)).toMatch(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
  expect(nodeIdText(id).replaceAll("-", "")).toBe(id);
  expect(parseNodeOption(nodeOption(instance))).toBe(id);
  expect(["text", new Uint8Array(15), undefined].map(parseNodeOption)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
