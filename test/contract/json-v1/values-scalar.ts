/** none, boolean, count, integer, real, string, enum-value (spec: Zeek's WebSocket API, §8.1 to §8.3, §11). */
import { describe, expect, test } from "vitest";
import { event, REFUSED, value } from "../../support/json-v1-event.ts";
import { freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";
import { quoted, valueTableSuite, type ValueTable } from "./values.ts";

const NONE = value("none", "{}");
const all = (type: string, ...data: readonly string[]): string[] => data.map((text) => value(type, text));
/** Values that arrive as sent. */
const same = (type: string, ...data: readonly string[]): [string][] => all(type, ...data).map((v) => [v]);

const NONES: ValueTable = {
  title: "§8 none and boolean",
  accepted: [
    [NONE],
    ['{"@data-type":"none"}', NONE],
    [value("none", "null"), NONE],
    [value("none", '"anything"'), NONE],
    [value("none", '[{"@data-type":"money"},1,{}]'), NONE],
    [value("boolean", "true")],
    [value("boolean", "false")],
    ['{"data":true,"@data-type":"boolean"}', value("boolean", "true")],
  ],
  refused: [
    ...all("boolean", "1", "0", '"true"', "null", "{}", "[]", "True"),
    value("money", "1"),
    value("Count", "1"),
    value("", "1"),
    '{"@data-type":"boolean"}',
    '{"data":true}',
    '{"@data-type":1,"data":true}',
    '{"@data-type":null,"data":true}',
    "true",
    "1",
    '"x"',
    "null",
    "[]",
    "{}",
  ],
};

const WHOLE_NUMBERS: ValueTable = {
  title: "§8.1 count and integer",
  accepted: [
    ...same("count", "0", "1", "9007199254740991", "9007199254740993", "18446744073709551615"),
    ...same("integer", "0", "-1", "9007199254740993", "-9007199254740993"),
    ...same("integer", "9223372036854775807", "-9223372036854775808"),
    [value("integer", "-0"), value("integer", "0")],
    ['{"data":1,"@data-type":"count"}', value("count", "1")],
    ['{ "data" : 18446744073709551615 , "@data-type" : "count" }', value("count", "18446744073709551615")],
  ],
  refused: [
    ...all("count", "-1", "1.0", "1e3", "1E0", '"1"', "null", "true", "[]", "{}"),
    ...all("count", "18446744073709551616", "99999999999999999999999"),
    ...all("count", "+1", "01", "0x10", "-", "1_000", "1n", "nan"),
    ...all("integer", "1.5", "1.0", "1e0", '"1"', "null", "false", "+1", "-01", "--1"),
    ...all("integer", "9223372036854775808", "-9223372036854775809"),
    '{"@data-type":"count"}',
  ],
};

const REALS: ValueTable = {
  title: "§8.2 real",
  accepted: (
    [
      ["12.48", "12.480000"],
      ["-1e3", "-1000.000000"],
      ["0.0", "0.000000"],
      ["-0.0", "-0.000000"],
      ["-10.0", "-10.000000"],
      ["1.0", "1.000000"],
      ["1E2", "100.000000"],
      ["1e+2", "100.000000"],
      ["0.000001", "0.000001"],
      ["123456.789012", "123456.789012"],
      ["1234567890123456824475648.0", "1234567890123456824475648.000000"],
      ["1e21", "1000000000000000000000.000000"],
      ["1e22", "10000000000000000000000.000000"],
      ["9007199254740993.0", "9007199254740992.000000"],
      ["1.0e30", "1000000000000000019884624838656.000000"],
      ["2.000000", "2.000000"],
    ] as const
  ).map(([sent, received]) => [value("real", sent), value("real", received)] as const),
  refused: [
    ...all("real", '"1.0"', "null", "true", "[]", "1.", ".5", "1e", "1.5.5", "+1.0", "01.0"),
    ...all("real", "Infinity", "NaN", "inf", "1e400", "-1e999"),
  ],
};

const STRINGS: ValueTable = {
  title: "§8.3 string and enum-value",
  accepted: [
    ...same(
      "string",
      ...["", "foo", "/", "é€😀", "\x7f", "\u2028\u2029", "\ufeff", "\uffff", "'"].map(quoted),
    ),
    [value("string", '"foo\\n\\"bar\\\\"')],
    [value("string", '"\\b\\f\\n\\r\\t"')],
    [value("string", '"\\u0000\\u0001\\u000b\\u001f"')],
    [value("string", '"\\u00e9\\u20ac\\ud83d\\ude00\\/"'), value("string", '"é€😀/"')],
    [value("string", '"\\u000A\\u0009\\u0022\\u005c\\u0008"'), value("string", '"\\n\\t\\"\\\\\\b"')],
    [value("string", '"\\u001F\\u000B"'), value("string", '"\\u001f\\u000b"')],
    [value("string", '"\\u0041\\u007f"'), value("string", '"A\x7f"')],
    [value("string", quoted("x".repeat(100_000)))],
    [value("string", quoted('"\\'.repeat(5_000)))],
    ...same("enum-value", '"Log::WRITER_ASCII"', '"Notice::Weird"', '""'),
    [value("enum-value", '"\\u00e9"'), value("enum-value", '"é"')],
  ],
  refused: [
    ...all("string", "1", "null", "{}", "[]", "true", "foo", "'foo'", '"a\nb"', '"a\tb"', '"\x01"'),
    ...all("string", '"\\x41"', '"\\v"', '"\\u12"', '"\\u12G4"', '"\\'),
    '{"@data-type":"string"}',
    ...all("enum-value", "1", "null", "{}"),
  ],
};

export const SCALAR_TABLES: readonly ValueTable[] = [NONES, WHOLE_NUMBERS, REALS, STRINGS];

export function scalarValuesSuite(fabric: Fabric): void {
  for (const table of SCALAR_TABLES) valueTableSuite(fabric, table);

  describe("§8.2 and §8.3 where the specification leaves a choice", () => {
    const clients = useClients(fabric);
    const received = async (sent: string): Promise<string> => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      publisher.send(event(topic, "ev", [sent]));
      const text = await reader.next();
      const [head, tail] = event(topic, "ev", ["ARG"]).split("ARG") as [string, string];
      expect(text.startsWith(head) && text.endsWith(tail)).toBe(true);
      return text.slice(head.length, -tail.length);
    };

    test.each([
      "1e-9",
      "0.1234567",
      "3.141592653589793",
      "5e-324",
      "-2.2250738585072014e-308",
      "1.0000000000000002",
    ])(
      "§8.2 real %s, which six decimals cannot hold, arrives as a real that reads back the same",
      async (literal) => {
        const text = await received(value("real", literal));
        const data =
          /^\{"@data-type":"real","data":(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\}$/.exec(text)?.[1] ?? text;
        expect(data).toMatch(/[.e]/);
        expect(Number(data)).toBe(Number(literal));
      },
    );

    test("§8.2 a real without point, as JavaScript and Go write it, is accepted", async () => {
      expect(await received(value("real", "1"))).toBe(value("real", "1.000000"));
      expect(await received(value("real", "-17"))).toBe(value("real", "-17.000000"));
    });

    test.each(["\\ud83d", "\\ude00", "a\\ud83dz", "\\ude00\\ud83d"])(
      "§8.3 the lone surrogate %s never goes out: refused",
      async (escape) => {
        const publisher = await clients.subscribed();
        publisher.send(event(freshTopic(), "ev", [value("string", `"${escape}"`)]));
        expect(await publisher.next()).toBe(REFUSED.notDecoded);
      },
    );
  });
}
