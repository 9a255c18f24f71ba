import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import {
  DataMessageScanner,
  formatDataMessage,
  parseDataMessage,
} from "../../../src/protocol/data-message.ts";
import { eventFromValue, eventToValue, type FabricEvent } from "../../../src/protocol/event.ts";
import { decodeEvents, encodeEvents } from "../../../src/protocol/transcode.ts";
import { count, string, timestamp, vector, type Value } from "../../../src/data/value.ts";
import { anyValue, jsonValue, ONE_OF_EACH } from "../data/arbitrary-value.ts";

/** Generated events over generated values. */
function eventOf(value: fc.Arbitrary<Value>): fc.Arbitrary<FabricEvent> {
  const other = fc.tuple(fc.bigInt(2n, 400n), value).map(([id, item]) => ({ id, value: item }));
  const time = fc.bigInt(0n, 2n ** 40n).map((ms) => ({ id: 1n, value: timestamp(ms * 1_000_000n) }));
  return fc
    .tuple(fc.string({ unit: "binary" }), fc.array(value), fc.array(fc.oneof(other, time), { maxLength: 3 }))
    .map(([name, args, metadata]) => ({ name, args, metadata }));
}

const EVERY_TYPE: FabricEvent = {
  name: "Demo::every_type",
  args: ONE_OF_EACH,
  metadata: [
    { id: 1n, value: timestamp(6_162_000_000_000n) },
    { id: 200n, value: vector(ONE_OF_EACH) },
  ],
};

describe("round trips", () => {
  test("[A2] C12 C14 C15 an event over every type, by value, JSON and CBOR", () => {
    expect(eventFromValue(eventToValue(EVERY_TYPE))).toStrictEqual(EVERY_TYPE);
    expect(parseDataMessage(formatDataMessage("/t", EVERY_TYPE)).event).toStrictEqual(EVERY_TYPE);
    expect(decodeEvents(encodeEvents([EVERY_TYPE]), 1)).toStrictEqual([EVERY_TYPE]);
  });
  test("[A2] C14 any event as JSON, which the scanner passes untouched", () => {
    const scanner = new DataMessageScanner();
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), eventOf(jsonValue), (topic, event) => {
        const text = formatDataMessage(topic, event);
        expect(parseDataMessage(text)).toStrictEqual({ topic, event });
        expect(scanner.scan(text)).toBe("ok");
        expect(scanner.canonical).toBe(text);
        expect(scanner.topic).toBe(topic);
        expect(text).not.toContain("\n");
      }),
      { numRuns: 500 },
    );
  });
  test("[A2] C14 any events as CBOR", () => {
    fc.assert(
      fc.property(fc.array(eventOf(anyValue), { maxLength: 4 }), (events) => {
        expect(decodeEvents(encodeEvents(events), events.length)).toStrictEqual(events);
      }),
      { numRuns: 500 },
    );
  });
});

describe("the scanner and the exact reader agree", () => {
  test("on texts with white space, other escapes and other key order", () => {
    const blank = fc.constantFrom("", " ", "\n", "\t\r");
    fc.assert(
      fc.property(eventOf(jsonValue), blank, blank, (event, a, b) => {
        const text = formatDataMessage("/t", event);
        // The topic goes to the end, the type away.
        const shuffled = text
          .replace('{"type":"data-message","topic":"/t",', `{${a}`)
          .replace(/\}$/, `${b},"topic" : "\\u002ft"}`);
        const scanner = new DataMessageScanner();
        expect(scanner.scan(shuffled)).toBe("ok");
        expect(scanner.canonical).toBe(text);
        expect(scanner.topic).toBe("/t");
      }),
    );
  });
  test("on any small change of a canonical text", () => {
    const char = fc.constantFrom(...'{}[],:"\\ 019.-emsu/'.split(""), "data", "é", "\n", "\ud800", "1},{");
    const edit = fc.record({ at: fc.nat(), remove: fc.nat(3), insert: fc.oneof(char, fc.constant("")) });
    const scanner = new DataMessageScanner();
    const results = new Map<string, number>();
    fc.assert(
      fc.property(eventOf(jsonValue), edit, (event, { at, remove, insert }) => {
        const whole = formatDataMessage("/t", event);
        const from = at % whole.length;
        const text = whole.slice(0, from) + insert + whole.slice(from + remove);
        // A scanner that has just seen a canonical text takes its shortcuts.
        expect(scanner.scan(whole)).toBe("ok");
        const result = scanner.scan(text);
        results.set(result, (results.get(result) ?? 0) + 1);
        if (result === "ok") {
          const exact = parseDataMessage(text);
          expect(scanner.canonical).toBe(formatDataMessage(exact.topic, exact.event));
          expect(scanner.topic).toBe(exact.topic);
        } else {
          const contexts = {
            not_json: "failed to decode JSON object",
            no_topic: "no topic in top-level JSON object",
          };
          const context = { ...contexts, not_event: "failed to create Zeek event" }[result as "not_event"];
          expect(() => parseDataMessage(text)).toThrow(context);
        }
      }),
      { numRuns: 4000 },
    );
    // Both answers must have come up, or the test shows nothing.
    expect(results.get("ok")).toBeGreaterThan(10);
    expect(results.get("not_json")).toBeGreaterThan(1000);
  });
  test("on any string", () => {
    const scanner = new DataMessageScanner();
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(scanner.scan(text)).toBe("not_json");
      }),
    );
  });
});

describe("values that are no event (§7.2)", () => {
  const one = count(1);
  const body = vector([string("ev"), vector([])]);
  test.each<[string, Value]>([
    ["a count", one],
    ["two elements", vector([one, one])],
    ["another format", vector([count(2), one, body])],
    ["another kind", vector([one, count(2), body])],
    ["no name", vector([one, one, vector([])])],
    ["a name that is bytes", vector([one, one, vector([string(Uint8Array.of(0xff)), vector([])])])],
    [
      "metadata 1 with a count",
      vector([one, one, vector([string("ev"), vector([]), vector([vector([one, one])])])]),
    ],
  ])("%s", (_, value) => expect(eventFromValue(value)).toBeUndefined());
});

test("an event at the bound of nesting passes all forms", () => {
  let value: Value = vector([]);
  for (let i = 1; i < LIMITS.jsonNestingMax / 2 - 3; i++) value = vector([value]);
  const event: FabricEvent = { name: "ev", args: [value], metadata: [] };
  expect(parseDataMessage(formatDataMessage("/t", event)).event).toStrictEqual(event);
  expect(decodeEvents(encodeEvents([event]), 1)).toStrictEqual([event]);
});
