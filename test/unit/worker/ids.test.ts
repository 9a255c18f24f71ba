import { expect, test } from "vitest";
import { fromBytes } from "../../../src/protocol/topic.ts";
import { publisherOf } from "../../../src/worker/ids.ts";

test("R1 a publisher id is the same for each connection of an instance, another for another, and not the instance", () => {
  const [one, two] = [1, 2].map((n) => fromBytes(new Uint8Array(16).fill(n))) as [string, string];
  expect(publisherOf(one)).toBe(publisherOf(one));
  expect(publisherOf(one)).toHaveLength(16);
  expect(publisherOf(one)).not.toBe(publisherOf(two));
  expect(publisherOf(one)).not.toBe(one);
  expect(publisherOf(publisherOf(one))).not.toBe(publisherOf(one));
});
