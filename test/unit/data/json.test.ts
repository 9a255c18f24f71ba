import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { formatReal, formatValue, parseValue } from "../../../src/data/json.ts";
import { JsonNumber, JsonObject, parseJson } from "../../../src/data/json-text.ts";
import { set, table } from "../../../src/data/order.ts";
import { count, none, real, string, timestamp, vector, type Value } from "../../../src/data/value.ts";
import { anyValue, jsonValue, ONE_OF_EACH } from "./arbitrary-value.ts";

/** The error that a call throws; anything but a FabricError fails the test. */
function errorOf(call: () => unknown): FabricError | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof FabricError) return error;
    throw error;
  }
  return undefined;
}

/** The same JSON with white space, keys in another order and every character of strings escaped. */
function disguise(text: string): string {
  const escaped = (s: string) =>
    `"${Array.from({ length: s.length }, (_, i) => `\\u${s.charCodeAt(i).toString(16).padStart(4, "0").toUpperCase()}`).join("")}"`;
  const write = (node: ReturnType<typeof parseJson> | undefined): string => {
    if (node instanceof JsonNumber) return node.text;
    if (typeof node === "string") return escaped(node);
    if (Array.isArray(node)) return `[ ${node.map(write).join("\n,\t")} ]`;
    if (!(node instanceof JsonObject)) return String(node);
    const keys = { data: node.data, "@data-type": node.dataType, value: node.value, key: node.key };
    const members = Object.entries(keys).filter(([, item]) => item !== undefined);
    return `{\r\n "x" : [{}, 1e5] ${members.map(([key, item]) => `, ${escaped(key)} : ${write(item)}`).join("")}}`;
  };
  return ` ${write(parseJson(text))}\n`;
}

describe("round trips", () => {
  test("a value reads back as it was", () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const text = formatValue(value);
        expect(parseValue(text)).toStrictEqual(value);
        expect(text).not.toContain("\n");
        JSON.parse(text);
      }),
      { numRuns: 1000 },
    );
  });
  test("one text, however the same value was written", () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const text = formatValue(value);
        expect(formatValue(parseValue(disguise(text)))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
  test("every value has a canonical text or none at all", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const error = errorOf(() => formatValue(value));
        if (error === undefined) {
          const text = formatValue(value);
          expect(formatValue(parseValue(text))).toBe(text);
        } else {
          expect(error.code).toBe("invalid_data");
        }
      }),
      { numRuns: 1000 },
    );
  });
  test("sets are sorted, or refused, by what JSON keeps of their elements", () => {
    const bytes = string(Uint8Array.of(0xff));
    expect(formatValue(set([string("😀"), bytes]))).toBe(formatValue(set([string("\ufffd"), string("😀")])));
    expect(errorOf(() => formatValue(set([timestamp(1n), timestamp(2n)])))?.code).toBe("invalid_data");
    const entries = [bytes, string("\ufffd")].map((key) => ({ key, value: none() }));
    expect(errorOf(() => formatValue(table(entries)))?.code).toBe("invalid_data");
  });
  test("C12 one of each type", () => {
    for (const value of ONE_OF_EACH) expect(parseValue(formatValue(value))).toStrictEqual(value);
  });
});

describe("reals (§8.2)", () => {
  test.each([
    [12.48, "12.480000"],
    [-10, "-10.000000"],
    [0, "0.000000"],
    [-0, "-0.000000"],
    [1234567890123456824475648, "1234567890123456824475648.000000"],
    [1e21, "1000000000000000000000.000000"],
    [-1e21, "-1000000000000000000000.000000"],
    [123456789012345680000, "123456789012345683968.000000"],
    [1e-6, "0.000001"],
    [1e-9, "1e-9"],
    [-1e-9, "-1e-9"],
    [0.1234567, "0.1234567"],
    [5e-324, "5e-324"],
  ])("%d is written %s", (value, text) => expect(formatReal(value)).toBe(text));

  test("no real changes on the way", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(formatReal(value)).toMatch(/[.e]/);
        expect(Object.is(Number(formatReal(value)), value)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
  test.each([NaN, Infinity, -Infinity])("%d has no text", (value) => {
    expect(errorOf(() => formatValue(real(value)))?.code).toBe("invalid_data");
  });
  test("an integer literal is taken for a real, as JavaScript and Go write it", () => {
    expect(parseValue('{"@data-type":"real","data":1}')).toStrictEqual(real(1));
    expect(parseValue('{"@data-type":"real","data":-0}')).toStrictEqual(real(-0));
  });
});

describe("strings (§8.3)", () => {
  test("only what must be is escaped", () => {
    const all = Array.from({ length: 0x100 }, (_, i) => String.fromCharCode(i)).join("");
    const text = formatValue(string(all));
    expect(text).toContain(String.raw`\u0000\u0001`);
    expect(text).toContain(String.raw`\b\t\n\u000b\f\r\u000e`);
    expect(text).toContain(String.raw` !\"#`);
    expect(text).toContain("./0");
    expect(text).toContain("~\u007f\u0080");
    expect(parseValue(text)).toStrictEqual(string(all));
  });
  test("bytes that are not UTF-8 go out as U+FFFD", () => {
    expect(formatValue(string(Uint8Array.of(0x61, 0xff)))).toBe('{"@data-type":"string","data":"a\ufffd"}');
  });
});

describe("timestamps", () => {
  test("lose what is behind the milliseconds", () => {
    expect(formatValue(timestamp(1_999_999n))).toBe(
      '{"@data-type":"timestamp","data":"1970-01-01T00:00:00.001"}',
    );
  });
});

describe("the reader of JSON", () => {
  test("takes the first of repeated keys and ignores others", () => {
    expect(
      parseValue('{"a":1,"@data-type":"count","data":1,"data":null,"@data-type":"x","__proto__":{}}'),
    ).toEqual(count(1));
    expect(errorOf(() => parseValue('{"@data-type":"count","data":null,"data":1}'))?.code).toBe(
      "deserialization_failed",
    );
  });
  test.each([
    "",
    " ",
    "{",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    "{a:1}",
    "{,}",
    "'a'",
    '"a',
    '"\\x"',
    '"\\u12"',
    '"\t"',
    "tru",
    "True",
    "nul",
    "NaN",
    "Infinity",
    "+1",
    "01",
    "-",
    "1.",
    ".1",
    "1e",
    "1e+",
    "0x1",
    "1 2",
    "[1 2]",
    "/**/1",
    "\u00a01",
    '{"a":1 "b":2}',
    "]",
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\ud800"',
    '{"\\ud800":1}',
    "[tru]",
  ])("refuses %j", (text) => {
    expect(errorOf(() => parseJson(text))?.code).toBe("deserialization_failed");
  });
  test("agrees with JSON.parse on what is JSON, but for surrogates", () => {
    const token = fc.constantFrom(
      ...'{}[],:"\\ \n0129.-+eEtrufalsn/bu'.split(""),
      "true",
      "null",
      "false",
      '"a":',
      "\\u0041",
      "\u0000",
      "é",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.array(token, { maxLength: 8 }).map((list) => list.join("")),
        ),
        (text) => {
          if (!text.isWellFormed() || /\\ud[89a-f]/i.test(text)) return;
          let isJson = true;
          try {
            JSON.parse(text);
          } catch {
            isJson = false;
          }
          expect(errorOf(() => parseJson(text)) === undefined).toBe(isJson);
        },
      ),
      { numRuns: 3000 },
    );
  });
  test("survives any string", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void errorOf(() => parseValue(text))));
  });
  test("nests to its bound and no deeper", () => {
    const lists = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(errorOf(() => parseJson(lists(LIMITS.jsonNestingMax)))).toBeUndefined();
    expect(errorOf(() => parseJson(lists(LIMITS.jsonNestingMax + 1)))?.code).toBe("deserialization_failed");
    expect(errorOf(() => parseJson("[".repeat(1e6)))?.code).toBe("deserialization_failed");
    expect(errorOf(() => parseJson('{"a":'.repeat(1e6)))?.code).toBe("deserialization_failed");
  });
  test("takes long strings and numbers in one piece", () => {
    const long = "x".repeat(8 * 1024 * 1024);
    expect(parseJson(`"${long}"`)).toBe(long);
    expect(errorOf(() => parseValue(`{"@data-type":"count","data":${"1".repeat(1e6)}}`))?.code).toBe(
      "deserialization_failed",
    );
  });
});

describe("the writer of JSON", () => {
  test("nests to the bound of the reader and no deeper", () => {
    const nested = (levels: number, inner: Value): Value => {
      let value = inner;
      for (let i = 0; i < levels; i++) value = vector([value]);
      return value;
    };
    // A vector is two levels, `none` is two, a scalar is one.
    const half = LIMITS.jsonNestingMax / 2;
    for (const deepest of [
      nested(half - 1, none()),
      nested(half - 1, count(1)),
      nested(half - 1, vector([])),
    ]) {
      expect(formatValue(parseValue(formatValue(deepest)))).toBe(formatValue(deepest));
      expect(errorOf(() => formatValue(vector([deepest])))?.code).toBe("invalid_data");
    }
    const inTable = table([{ key: nested(half - 3, none()), value: none() }]);
    expect(errorOf(() => parseValue(formatValue(inTable)))).toBeUndefined();
    expect(errorOf(() => formatValue(vector([vector([inTable])])))?.code).toBe("invalid_data");
  });
});
