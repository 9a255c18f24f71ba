import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import {
  byteString,
  fromBytes,
  isMatch,
  parsePrefix,
  parseTopic,
  prefixFromBytes,
  textOf,
  toBytes,
  topicFromBytes,
} from "../../../src/protocol/topic.ts";
import vectors from "../../vectors/topics.json" with { type: "json" };

const utf8 = (text: string): Buffer => Buffer.from(text);
const unicode = fc.string({ unit: "binary" });

describe("matching", () => {
  test.each(vectors.prefix)("$subscription and $topic: $matches", ({ subscription, topic, matches }) => {
    expect(isMatch(parsePrefix(subscription), parseTopic(topic))).toBe(matches);
  });

  test("is the comparison of UTF-8 bytes", () => {
    fc.assert(
      fc.property(unicode, unicode, unicode, (prefix, rest, other) => {
        for (const topic of [prefix + rest, other, rest]) {
          const expected = utf8(topic).subarray(0, utf8(prefix).length).equals(utf8(prefix));
          expect(isMatch(parsePrefix(prefix), parseTopic(topic))).toBe(expected);
        }
      }),
    );
  });

  test("holds for topics of any bytes, whole characters or not", () => {
    const topic = topicFromBytes(utf8("caf\u00e9"));
    expect(isMatch(prefixFromBytes(utf8("caf\u00e9").subarray(0, 4)), topic)).toBe(true);
    expect(
      isMatch(prefixFromBytes(new Uint8Array([0xff])), topicFromBytes(new Uint8Array([0xff, 0x00]))),
    ).toBe(true);
    expect(isMatch(prefixFromBytes(new Uint8Array([0xff])), topicFromBytes(new Uint8Array([0xfe])))).toBe(
      false,
    );
  });
});

describe("byte strings", () => {
  test("have one char a byte and go back to the same bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(toBytes(fromBytes(bytes))).toEqual(bytes);
      }),
    );
  });

  test("hold the UTF-8 of a text and give the text back", () => {
    fc.assert(
      fc.property(unicode, (text) => {
        expect(Buffer.from(toBytes(byteString(text))).equals(utf8(text))).toBe(true);
        expect(textOf(byteString(text))).toBe(utf8(text).toString());
      }),
    );
  });

  test("keep a byte order mark", () => {
    expect(textOf(byteString("\ufeffa"))).toBe("\ufeffa");
  });

  test("show bytes that are not UTF-8 as U+FFFD", () => {
    expect(textOf("a\xff")).toBe("a\ufffd");
    expect(byteString("\ud800")).toBe(byteString("\ufffd"));
  });
});

describe("length", () => {
  const most = LIMITS.topicBytesMax;
  const tooLong = expect.objectContaining({ code: "invalid_topic_key" }) as FabricError;

  test.each([
    ["parseTopic", parseTopic],
    ["parsePrefix", parsePrefix],
  ])("%s takes the longest and no more, counted in UTF-8", (_, parse) => {
    expect(parse("x".repeat(most))).toHaveLength(most);
    expect(parse("\u00e9".repeat(most / 2))).toHaveLength(most);
    expect(() => parse("x".repeat(most + 1))).toThrow(tooLong);
    expect(() => parse(`${"\u00e9".repeat(most / 2)}x`)).toThrow(tooLong);
  });

  test.each([
    ["topicFromBytes", topicFromBytes],
    ["prefixFromBytes", prefixFromBytes],
  ])("%s takes as many", (_, parse) => {
    expect(parse(new Uint8Array(most))).toHaveLength(most);
    expect(() => parse(new Uint8Array(most + 1))).toThrow(tooLong);
  });

  test("may be zero", () => {
    expect(isMatch(parsePrefix(""), parseTopic(""))).toBe(true);
  });
});
