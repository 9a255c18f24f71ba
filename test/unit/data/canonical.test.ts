import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { scanString, scanValue } from "../../../src/data/canonical.ts";
import { formatJsonString, formatValue, parseValue } from "../../../src/data/json.ts";
import { jsonValue, ONE_OF_EACH } from "./arbitrary-value.ts";

/** The canonical text of a text, or undefined when it is refused. */
function canonical(text: string): string | undefined {
  try {
    return formatValue(parseValue(text));
  } catch (error) {
    if (error instanceof FabricError) return undefined;
    throw error;
  }
}

const isAccepted = (text: string) => scanValue(text, 0, 0) === text.length;
const item = (type: string, data: string) => `{"@data-type":"${type}","data":${data}}`;

describe("what is accepted is canonical", () => {
  test("after any small change of a canonical text", () => {
    const char = fc.constantFrom(
      ...'{}[],:"\\ 0123456789abcdef.-+eEmsnud/:TZ?\n'.split(""),
      "é",
      "\ud800",
      "😀",
      '"data":',
      "00",
      "::",
    );
    const edit = fc.record({ at: fc.nat(), remove: fc.nat(2), insert: fc.oneof(char, fc.constant("")) });
    let accepted = 0;
    fc.assert(
      fc.property(jsonValue, fc.array(edit, { minLength: 1, maxLength: 2 }), (value, edits) => {
        let text = formatValue(value);
        for (const { at, remove, insert } of edits) {
          const from = at % (text.length + 1);
          text = text.slice(0, from) + insert + text.slice(from + remove);
        }
        if (!isAccepted(text)) return;
        accepted++;
        expect(canonical(text)).toBe(text);
      }),
      { numRuns: 8000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  const scalars: readonly (readonly [type: string, chars: string])[] = [
    ["count", "0123456789-.e"],
    ["integer", "0123456789-"],
    ["real", "0123456789-.e+"],
    ["timespan", "0123456789-.msnuhd"],
    ["address", "0123456789abcdefAF.:"],
    ["subnet", "0123456789abf.:/"],
    ["port", "0123456789/tcpudim?"],
    ["string", 'a\\"/bfnrtu0019dDcC\n\u0001\ud83d\ude00'],
  ];
  test.each(scalars)("for random data of the type %s", (type, chars) => {
    const isNumber = ["count", "integer", "real"].includes(type);
    const data = fc.string({
      unit: fc.constantFrom(...Array.from({ length: chars.length }, (_, i) => chars[i]!)),
      maxLength: 24,
    });
    fc.assert(
      fc.property(data, (raw) => {
        const text = item(type, isNumber ? raw : `"${raw}"`);
        if (isAccepted(text)) expect(canonical(text)).toBe(text);
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    item("count", "18446744073709551616"),
    item("count", "01"),
    item("count", "-0"),
    item("count", "99999999999999999999"),
    item("integer", "-0"),
    item("integer", "-9223372036854775809"),
    item("integer", "9223372036854775808"),
    item("real", "1.0"),
    item("real", "1.0000000"),
    item("real", "9007199254740993.000000"),
    item("real", "-0.0000001"),
    item("real", "00.000000"),
    item("real", "NaN"),
    item("real", "Infinity"),
    item("real", ""),
    item("real", "1.500000 "),
    item("timespan", '"1000ms"'),
    item("timespan", '"0ms"'),
    item("timespan", '"-0s"'),
    item("timespan", '"9223372037s"'),
    item("timespan", '"00s"'),
    item("timespan", '"1m"'),
    item("timestamp", '"2023-02-29T00:00:00.000"'),
    item("timestamp", '"2023-01-01T24:00:00.000"'),
    item("timestamp", '"2263-01-01T00:00:00.000"'),
    item("timestamp", '"2023-01-01T00:00:00.00"'),
    item("timestamp", '"2023-01-01T00:00:00.0000"'),
    item("timestamp", '"2023-01-01 00:00:00.000"'),
    item("address", '"1.2.3.256"'),
    item("address", '"01.2.3.4"'),
    item("address", '"::ffff:1.2.3.4"'),
    item("address", '"2001:DB8::1"'),
    item("subnet", '"10.1.0.0/8"'),
    item("port", '"65536/tcp"'),
    item("port", '"080/tcp"'),
    item("port", '"80"'),
    item("none", "null"),
    item("string", String.raw`"\/"`),
    item("string", String.raw`"\u0041"`),
    item("string", String.raw`"\u000A"`),
    item("string", String.raw`"\u001F"`),
    item("string", String.raw`"\u0008"`),
    item("string", '"\ude00"'),
    item("set", `[${item("count", "2")},${item("count", "1")}]`),
    item("set", `[${item("count", "1")},${item("count", "1")}]`),
    item("set", `[${item("count", "10")},${item("count", "9")}]`),
    item("vector", "[,]"),
    item("vector", `[${item("count", "1")},]`),
    item("table", `[{"value":${item("count", "1")},"key":${item("count", "1")}}]`),
    item(
      "table",
      ["b", "a"].map((k) => `{"key":${item("string", `"${k}"`)},"value":${item("count", "1")}}`).join(","),
    ),
    `${item("count", "1")} `,
    ` ${item("count", "1")}`,
    '{"data":1,"@data-type":"count"}',
    item("money", "1"),
    "",
    "{",
  ])("and so %s is not", (text) => expect(isAccepted(text)).toBe(false));
});

describe("what is canonical is accepted", () => {
  test("one of each type", () => {
    for (const value of ONE_OF_EACH) expect(isAccepted(formatValue(value)), formatValue(value)).toBe(true);
  });
  test.each([
    item("real", "1e-9"),
    item("real", "0.000000"),
    item("real", "-0.000000"),
    item("real", "1000000000000000000000.000000"),
    item("timespan", '"1001ms"'),
    item("timespan", '"-1us"'),
    item("timespan", '"10ns"'),
    item("timespan", '"0s"'),
    item("address", '"255.255.255.255"'),
    item("address", '"::"'),
    item("subnet", '"::/0"'),
    item("port", '"65535/icmp"'),
    item("string", String.raw`"\u0000\u001f\u000b\b\t\n\f\r\"\\/é😀"`),
    item("set", `[${item("count", "9")},${item("count", "10")}]`),
    item("count", "18446744073709551615"),
    item("integer", "-9223372036854775808"),
    item("timestamp", '"2000-02-29T23:59:59.999"'),
  ])("%s", (text) => expect(isAccepted(text)).toBe(true));
  test("strings", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const json = formatJsonString(text);
        expect(scanString(json, 1)).toBe(json.length);
      }),
    );
  });
  test("to the bound of nesting", () => {
    const nested = (levels: number) => '{"@data-type":"vector","data":['.repeat(levels) + "]}".repeat(levels);
    expect(isAccepted(nested(LIMITS.jsonNestingMax / 2 - 1))).toBe(true);
    expect(isAccepted(nested(LIMITS.jsonNestingMax / 2 + 1))).toBe(false);
    expect(isAccepted(nested(100_000))).toBe(false);
  });
});
