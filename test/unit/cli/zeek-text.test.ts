import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/cli/exit.ts";
import { formatForPeople, parseArgument } from "../../../src/cli/zeek-text.ts";
import { formatValue } from "../../../src/data/json.ts";
import { string, vector } from "../../../src/data/value.ts";

/** Argument, its JSON v1, its text for people. */
const ARGUMENTS = [
  ["world", '{"@data-type":"string","data":"world"}', '"world"'],
  ["5", '{"@data-type":"string","data":"5"}', '"5"'],
  ["", '{"@data-type":"string","data":""}', '""'],
  ["http://x.example", '{"@data-type":"string","data":"http://x.example"}', '"http://x.example"'],
  ["toString:x", '{"@data-type":"string","data":"toString:x"}', '"toString:x"'],
  ["string:count:5", '{"@data-type":"string","data":"count:5"}', '"count:5"'],
  ["bool:T", '{"@data-type":"boolean","data":true}', "T"],
  ["boolean:false", '{"@data-type":"boolean","data":false}', "F"],
  [
    "count:18446744073709551615",
    '{"@data-type":"count","data":18446744073709551615}',
    "18446744073709551615",
  ],
  [
    "int:-9223372036854775808",
    '{"@data-type":"integer","data":-9223372036854775808}',
    "-9223372036854775808",
  ],
  ["int:+3", '{"@data-type":"integer","data":3}', "3"],
  ["double:1.5", '{"@data-type":"real","data":1.500000}', "1.500000"],
  ["addr:10.0.0.1", '{"@data-type":"address","data":"10.0.0.1"}', "10.0.0.1"],
  ["address:2001:DB8::1", '{"@data-type":"address","data":"2001:db8::1"}', "2001:db8::1"],
  ["subnet:10.1.2.3/8", '{"@data-type":"subnet","data":"10.0.0.0/8"}', "10.0.0.0/8"],
  ["port:22/tcp", '{"@data-type":"port","data":"22/tcp"}', "22/tcp"],
  [
    "time:2026-11-20T10:11:12.5",
    '{"@data-type":"timestamp","data":"2026-11-20T10:11:12.500"}',
    "2026-11-20T10:11:12.500",
  ],
  ["interval:1.5s", '{"@data-type":"timespan","data":"1500ms"}', "1500ms"],
  ["enum:Notice::LOG", '{"@data-type":"enum-value","data":"Notice::LOG"}', "Notice::LOG"],
  ["none:", '{"@data-type":"none"}', "<none>"],
  [
    '{"@data-type":"set","data":[{"@data-type":"count","data":2},{"@data-type":"count","data":1}]}',
    '{"@data-type":"set","data":[{"@data-type":"count","data":1},{"@data-type":"count","data":2}]}',
    "{1, 2}",
  ],
  [
    '{"@data-type":"table","data":[{"key":{"@data-type":"string","data":"a"},"value":{"@data-type":"count","data":1}}]}',
    '{"@data-type":"table","data":[{"key":{"@data-type":"string","data":"a"},"value":{"@data-type":"count","data":1}}]}',
    '{"a" = 1}',
  ],
] as const;

test.each(ARGUMENTS)("argument %s", (argument, json, text) => {
  const value = parseArgument(argument);
  expect(formatValue(value)).toContain(json.slice(0, -1));
  expect(formatForPeople(value)).toBe(text);
});

describe("refusals name the argument", () => {
  test.each([
    "count:-1",
    "count:18446744073709551616",
    "count:x",
    "count:",
    "int:1.0",
    "int:9223372036854775808",
    "double:x",
    "double: ",
    "bool:yes",
    "addr:10.0.0.256",
    "subnet:10.0.0.0",
    "port:65536/tcp",
    "time:yesterday",
    "interval:5",
    '{"@data-type":"count","data":"1"}',
    "{not json",
  ])("%s", (argument) => {
    expect(() => parseArgument(argument)).toThrow(UsageError);
    expect(() => parseArgument(argument)).toThrow(`argument '${argument}'`);
  });
});

test("for people: vectors, bytes that are no text, quotes", () => {
  expect(formatForPeople(vector([string('a"b'), string(new Uint8Array([0xff]))]))).toBe(
    '["a\\"b", "\ufffd"]',
  );
});
