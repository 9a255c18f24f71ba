import fc from "fast-check";
import { expect, test } from "vitest";
import { ENCODING } from "../../../src/protocol/frame.ts";
import { tailOf } from "../../../src/protocol/segment-tail.ts";
import { parseTopic } from "../../../src/protocol/topic.ts";
import { decodeEvents, encodeEvents } from "../../../src/protocol/transcode.ts";
import { anyValue } from "../data/arbitrary-value.ts";

const topic = parseTopic("t");
const event = fc.record({
  name: fc.string(),
  args: fc.array(anyValue, { maxLength: 3 }),
  metadata: fc.constant([]),
});

test("the last events of a CBOR segment are those that its decoder gives last", () => {
  fc.assert(
    fc.property(
      fc.array(event, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 8 }),
      (events, last) => {
        const payload = encodeEvents(events);
        const tail = tailOf({ topic, encoding: ENCODING.cbor, count: events.length, payload }, last);
        expect(tail.count).toBe(Math.min(last, events.length));
        expect(decodeEvents(tail.payload, tail.count)).toEqual(
          decodeEvents(payload, events.length).slice(-last),
        );
      },
    ),
  );
});

test("the last lines of a JSON segment", () => {
  const payload = new TextEncoder().encode("one\ntwo\nthree");
  const tail = (last: number) => {
    const { count, payload: bytes } = tailOf({ topic, encoding: ENCODING.json, count: 3, payload }, last);
    return [count, new TextDecoder().decode(bytes)];
  };
  expect(tail(1)).toEqual([1, "three"]);
  expect(tail(2)).toEqual([2, "two\nthree"]);
  expect(tail(3)).toEqual([3, "one\ntwo\nthree"]);
  expect(tail(9)).toEqual([3, "one\ntwo\nthree"]);
});
