import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { count, string, timestamp } from "../../../src/data/value.ts";
import { formatDataMessage } from "../../../src/protocol/data-message.ts";
import type { FabricEvent } from "../../../src/protocol/event.ts";
import { ENCODING, type Encoding } from "../../../src/protocol/frame.ts";
import { assertSegment } from "../../../src/protocol/segment-check.ts";
import { parseTopic } from "../../../src/protocol/topic.ts";
import { decodeEvents, encodeEvents } from "../../../src/protocol/transcode.ts";
import { anyValue } from "../data/arbitrary-value.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const anyEvent: fc.Arbitrary<FabricEvent> = fc.record({
  name: fc.string(),
  args: fc.array(anyValue, { maxLength: 3 }),
  metadata: fc.array(
    fc.record({ id: fc.bigInt({ min: 2n, max: 9n }), value: anyValue }, { noNullPrototype: true }),
    { maxLength: 2 },
  ),
});

function outcome(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? "no code";
  }
}
const check = (payload: Uint8Array, events: number, encoding: Encoding = ENCODING.cbor) =>
  outcome(() => assertSegment({ topic: parseTopic("/t"), encoding, count: events, payload }));

describe("a CBOR segment", () => {
  it("is taken when it is its number of events", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 4 }), (events) => {
        expect(check(encodeEvents(events), events.length)).toBeUndefined();
      }),
    );
  });

  it("is refused when the number of events lies, by one either way", () => {
    const payload = encodeEvents([
      { name: "a", args: [count(1)], metadata: [] },
      { name: "b", args: [], metadata: [{ id: 1n, value: timestamp(5n) }] },
    ]);
    expect(check(payload, 1)).toBe("deserialization_failed");
    expect(check(payload, 2)).toBeUndefined();
    expect(check(payload, 3)).toBe("deserialization_failed");
    expect(check(new Uint8Array(0), 0)).toBeUndefined();
  });

  it("is refused exactly when it cannot be decoded", () => {
    const damaged = fc
      .tuple(
        fc.array(anyEvent, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
      )
      .map(([events, changes]) => {
        const payload = encodeEvents(events);
        for (const [at, byte] of changes) payload[at % payload.length] = byte;
        return { payload, events: events.length };
      });
    fc.assert(
      fc.property(damaged, ({ payload, events }) => {
        expect(check(payload, events)).toBe(outcome(() => decodeEvents(payload, events)));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ["81 61 61", "no arguments"],
    ["84 61 61 80 80 80", "an element too many"],
    ["82 41 61 80", "a name of bytes"],
    ["82 61 ff 80", "a name that is not UTF-8"],
    ["82 61 61 81 20", "an argument that is no value"],
    ["82 61 61 82 01", "fewer arguments than it says"],
    ["83 61 61 80 81 81 01", "metadata of one item"],
    ["83 61 61 80 81 82 20 01", "a negative metadata id"],
    ["83 61 61 80 81 82 01 01", "a network timestamp that is a count"],
  ])("is refused with an event that has %s", (text) => {
    expect(check(hex(text), 1)).toBe("deserialization_failed");
  });
});

describe("a JSON segment", () => {
  const line = (topic: string) => formatDataMessage(topic, { name: "n", args: [string("x")], metadata: [] });
  const utf8 = (text: string) => new TextEncoder().encode(text);

  it("is taken when it is canonical messages of its topic, as many as it says", () => {
    expect(check(utf8(`${line("/t")}\n${line("/t")}`), 2, ENCODING.json)).toBeUndefined();
  });

  it.each([
    ["one line fewer", line("/t"), 2],
    ["another topic", line("/u"), 1],
    ["text that is not canonical", ` ${line("/t")}`, 1],
    ["text that is no message", "{}", 1],
  ])("is refused with %s", (_what, text, events) => {
    expect(check(utf8(text), events, ENCODING.json)).toBe("invalid_message");
  });

  it("is refused with text that is not UTF-8: no reader could transcode it", () => {
    const payload = utf8(line("/t"));
    payload[payload.indexOf(0x78)] = 0xff;
    expect(check(payload, 1, ENCODING.json)).toBe("deserialization_failed");
  });
});
