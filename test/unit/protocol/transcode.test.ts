import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { count, real, string, timestamp, vector, type Value } from "../../../src/data/value.ts";
import { formatDataMessage } from "../../../src/protocol/data-message.ts";
import type { FabricEvent } from "../../../src/protocol/event.ts";
import { ENCODING, type Segment } from "../../../src/protocol/frame.ts";
import { parseTopic } from "../../../src/protocol/topic.ts";
import {
  cborToJson,
  decodeEvents,
  decodeSegment,
  encodeEvents,
  jsonToCbor,
} from "../../../src/protocol/transcode.ts";
import { jsonValue } from "../data/arbitrary-value.ts";

const refused = expect.objectContaining({ code: "deserialization_failed" });
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const utf8 = (text: string) => new TextEncoder().encode(text);
const event = (...args: Value[]): FabricEvent => ({ name: "ev", args, metadata: [] });
const segment = (encoding: 1 | 2, count: number, payload: Uint8Array): Segment => ({
  topic: parseTopic("/t"),
  encoding,
  count,
  payload,
});

describe("segments", () => {
  test("go from JSON to CBOR and back without change", () => {
    const events = fc.array(
      fc.array(jsonValue, { maxLength: 3 }).map((args) => event(...args)),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(events, (list) => {
        const lines = list.map((item) => formatDataMessage("/é", item));
        const json = utf8(lines.join("\n"));
        const cbor = jsonToCbor(json);
        expect(cbor).toEqual(encodeEvents(list));
        expect(cborToJson("/é", cbor, list.length)).toEqual({ lines, dropped: 0 });
        expect(decodeSegment(segment(ENCODING.json, list.length, json))).toStrictEqual(list);
        expect(decodeSegment(segment(ENCODING.cbor, list.length, cbor))).toStrictEqual(list);
      }),
    );
  });
  test("the CBOR of an event is as written down", () => {
    const first: FabricEvent = event(count(1), string("x"));
    const second: FabricEvent = { ...event(), metadata: [{ id: 1n, value: timestamp(5n) }] };
    expect(encodeEvents([first, second])).toEqual(
      hex("82 62 6576 82 01 61 78   83 62 6576 80 81 82 01 82 09 05"),
    );
  });
  test("events without a JSON form are dropped, the others delivered", () => {
    let deep: Value = vector([]);
    for (let i = 0; i < 63; i++) deep = vector([deep]);
    const list = [
      event(count(1)),
      event(real(NaN)),
      event(vector([real(-Infinity)])),
      event(deep),
      event(count(2)),
    ];
    const { lines, dropped } = cborToJson("/t", encodeEvents(list), list.length);
    expect(lines).toEqual([list[0]!, list[4]!].map((item) => formatDataMessage("/t", item)));
    expect(dropped).toBe(3);
  });
  test("bytes that are not UTF-8 become U+FFFD", () => {
    const payload = encodeEvents([event(string(Uint8Array.of(0x61, 0xff)))]);
    expect(cborToJson("/t", payload, 1).lines[0]).toContain('"a\ufffd"');
  });
});

describe("payloads that are not what they claim", () => {
  const two = encodeEvents([event(), event()]);
  test.each([0, 1, 3])("two events are not %i", (n) => {
    expect(() => decodeEvents(two, n)).toThrow(refused);
    const json = utf8([event(), event()].map((item) => formatDataMessage("/t", item)).join("\n"));
    expect(() => decodeSegment(segment(ENCODING.json, n, json))).toThrow(refused);
  });
  test.each([
    ["one item", "81 62 6576"],
    ["four items", "84 62 6576 80 80 80"],
    ["a name that is bytes", "82 42 6576 80"],
    ["a name that is not UTF-8", "82 61 ff 80"],
    ["arguments that are a value", "82 62 6576 01"],
    ["an argument that is none", "82 62 6576 81 a0"],
    ["more arguments than bytes", "82 62 6576 9a ffffffff"],
    ["metadata without a value", "83 62 6576 80 81 81 01"],
    ["metadata with a negative id", "83 62 6576 80 81 82 20 01"],
    ["a network timestamp that is a count", "83 62 6576 80 81 82 01 01"],
    ["a cut", "82 62 6576 81"],
  ])("%s", (_, bytes) => expect(() => decodeEvents(hex(bytes), 1)).toThrow(refused));
  test.each([
    [utf8("x")],
    [utf8("")],
    [Uint8Array.of(0xff)],
    [utf8(`${formatDataMessage("/t", event())}\n`)],
  ])("JSON %o", (payload) => {
    expect(() => jsonToCbor(payload)).toThrow(refused);
    expect(() => decodeSegment(segment(ENCODING.json, 1, payload))).toThrow(refused);
  });
  test("any bytes give events or the one error", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(3), (bytes, n) => {
        try {
          decodeEvents(Uint8Array.from([0x82, 0x61, 0x65, ...bytes]), n);
        } catch (error) {
          expect(error).toBeInstanceOf(FabricError);
          expect((error as FabricError).code).toBe("deserialization_failed");
        }
      }),
      { numRuns: 5000 },
    );
  });
});
