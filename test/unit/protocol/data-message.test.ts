import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { FabricError } from "../../../src/base/errors.ts";
import {
  ackText,
  CONTEXT,
  DataMessageScanner,
  errorText,
  formatDataMessage,
  parseDataMessage,
  parseSubscriptions,
} from "../../../src/protocol/data-message.ts";
import { count, string } from "../../../src/data/value.ts";

const COUNT_ONE = '{"@data-type":"count","data":1}';
const vec = (...elements: string[]) => `{"@data-type":"vector","data":[${elements.join(",")}]}`;
const str = (text: string) => `{"@data-type":"string","data":${JSON.stringify(text)}}`;

/** A message with any JSON text as value: `head` goes before the value's keys. */
function message(value: string, head = '"type":"data-message","topic":"/t",'): string {
  return `{${head}${value.slice(1)}`;
}

/** The canonical event `ev` with these argument texts. */
function event(args: readonly string[], ...metadata: readonly string[]): string {
  const body = [str("ev"), vec(...args)];
  if (metadata.length > 0) body.push(vec(...metadata));
  return message(vec(COUNT_ONE, COUNT_ONE, vec(...body)));
}

function scan(text: string): string {
  const scanner = new DataMessageScanner();
  const result = scanner.scan(text);
  return result === "ok" ? scanner.canonical : result;
}

/** What another client receives as the argument that was sent. */
function received(argument: string): string {
  const result = scan(event([argument]));
  const head = event([]).slice(0, -"]}]}]}".length);
  return result.startsWith(head) ? result.slice(head.length, -"]}]}]}".length) : result;
}

describe("a message that is canonical", () => {
  test("passes as the same text, with its topic", () => {
    const scanner = new DataMessageScanner();
    for (const text of [event([]), event([COUNT_ONE, str("x")]), event([], vec(COUNT_ONE, TIME))]) {
      expect(scanner.scan(text)).toBe("ok");
      expect(scanner.canonical).toBe(text);
      expect(scanner.topic).toBe("/t");
    }
  });

  test("keeps apart topics that begin alike", () => {
    const scanner = new DataMessageScanner();
    const topics = ["/t", "/t/a", "/t", "", 'a"b', "é", "/t/a\n"];
    for (const topic of [...topics, ...topics]) {
      const text = formatDataMessage(topic, { name: "ev", args: [count(1)], metadata: [] });
      expect(scanner.scan(text)).toBe("ok");
      expect(scanner.topic).toBe(topic);
      expect(scanner.canonical).toBe(text);
    }
  });
});

const TIME = '{"@data-type":"timestamp","data":"1970-01-01T01:42:42.000"}';
const valid: readonly (readonly [sent: string, got?: string])[] = [
  ['{"@data-type":"none","data":{}}'],
  ['{"@data-type":"none"}', '{"@data-type":"none","data":{}}'],
  ['{"@data-type":"boolean","data":true}'],
  ['{"@data-type":"count","data":18446744073709551615}'],
  ['{"@data-type":"count","data":9007199254740993}'],
  ['{"@data-type":"integer","data":-9223372036854775808}'],
  ['{"@data-type":"integer","data":9223372036854775807}'],
  ['{"@data-type":"real","data":12.48}', '{"@data-type":"real","data":12.480000}'],
  ['{"@data-type":"real","data":-1e3}', '{"@data-type":"real","data":-1000.000000}'],
  ['{"@data-type":"real","data":0.0}', '{"@data-type":"real","data":0.000000}'],
  ['{"@data-type":"string","data":""}'],
  [String.raw`{"@data-type":"string","data":"foo\n\"bar\\"}`],
  [
    String.raw`{"@data-type":"string","data":"\u00e9\u20ac\ud83d\ude00\/"}`,
    '{"@data-type":"string","data":"é€😀/"}',
  ],
  [String.raw`{"@data-type":"string","data":"\u0000\u0001"}`],
  ['{"@data-type":"enum-value","data":"Notice::Weird"}'],
  ['{"@data-type":"address","data":"192.168.0.1"}'],
  ['{"@data-type":"address","data":"::ffff:192.168.0.1"}', '{"@data-type":"address","data":"192.168.0.1"}'],
  ['{"@data-type":"address","data":"2001:DB8:0:0:0:0:0:1"}', '{"@data-type":"address","data":"2001:db8::1"}'],
  ['{"@data-type":"address","data":"::"}'],
  ['{"@data-type":"address","data":"1:0:0:2:0:0:0:3"}', '{"@data-type":"address","data":"1:0:0:2::3"}'],
  ['{"@data-type":"address","data":"1:0:2:3:4:5:6:7"}'],
  ['{"@data-type":"subnet","data":"255.255.255.0/24"}'],
  ['{"@data-type":"subnet","data":"10.1.2.3/8"}', '{"@data-type":"subnet","data":"10.0.0.0/8"}'],
  ['{"@data-type":"subnet","data":"2001:db8::1/32"}', '{"@data-type":"subnet","data":"2001:db8::/32"}'],
  ['{"@data-type":"subnet","data":"0.0.0.0/0"}'],
  ['{"@data-type":"port","data":"8080/tcp"}'],
  ['{"@data-type":"port","data":"53/udp"}'],
  ['{"@data-type":"port","data":"8/icmp"}'],
  ['{"@data-type":"port","data":"0/?"}'],
  ['{"@data-type":"port","data":"80"}', '{"@data-type":"port","data":"80/tcp"}'],
  ['{"@data-type":"port","data":"80/foo"}', '{"@data-type":"port","data":"80/?"}'],
  [
    '{"@data-type":"timestamp","data":"2014-07-09T10:16:44"}',
    '{"@data-type":"timestamp","data":"2014-07-09T10:16:44.000"}',
  ],
  [
    '{"@data-type":"timestamp","data":"2023-04-18T14:13:14.999999Z"}',
    '{"@data-type":"timestamp","data":"2023-04-18T14:13:14.999"}',
  ],
  ['{"@data-type":"timespan","data":"1500ms"}'],
  ['{"@data-type":"timespan","data":"1.5s"}', '{"@data-type":"timespan","data":"1500ms"}'],
  ['{"@data-type":"timespan","data":"1000ns"}', '{"@data-type":"timespan","data":"1us"}'],
  ['{"@data-type":"timespan","data":"2min"}', '{"@data-type":"timespan","data":"120s"}'],
  ['{"@data-type":"timespan","data":"1h"}', '{"@data-type":"timespan","data":"3600s"}'],
  ['{"@data-type":"timespan","data":"1d"}', '{"@data-type":"timespan","data":"86400s"}'],
  ['{"@data-type":"timespan","data":"0d"}', '{"@data-type":"timespan","data":"0s"}'],
  ['{"@data-type":"timespan","data":"-1s"}'],
  ['{"@data-type":"vector","data":[]}'],
  [
    '{"@data-type":"set","data":[{"@data-type":"count","data":3},{"@data-type":"count","data":1},{"@data-type":"count","data":2}]}',
    '{"@data-type":"set","data":[{"@data-type":"count","data":1},{"@data-type":"count","data":2},{"@data-type":"count","data":3}]}',
  ],
  [
    `{"@data-type":"table","data":[{"key":${str("b")},"value":${COUNT_ONE}},{"key":${str("a")},"value":${COUNT_ONE}}]}`,
    `{"@data-type":"table","data":[{"key":${str("a")},"value":${COUNT_ONE}},{"key":${str("b")},"value":${COUNT_ONE}}]}`,
  ],
  ['{"data":1,"@data-type":"count"}', '{"@data-type":"count","data":1}'],
];

describe("arguments that are valid (§11.1)", () => {
  test.each(valid.map(([sent, got = sent]) => [sent, got] as const))("%s", (sent, got) => {
    expect(received(sent)).toBe(got);
    expect(received(got)).toBe(got);
  });
});

const notJson: readonly string[] = [
  "How is it going?",
  "",
  "[]",
  '"x"',
  "42",
  "null",
  "{}",
  '{"type":"data-message","topic":"/t"}',
  message('{"@data-type":"money","data":1}'),
  message('{"@data-type":"Count","data":1}'),
  message('{"@data-type":"float","data":1.0}'),
  message('{"data":1}'),
  message('{"@data-type":5,"data":1}'),
  message('{"@data-type":"count"}'),
  `${event([])} x`,
  event([]).slice(0, -1),
  `\ufeff${event([])}`,
  message(vec(COUNT_ONE, COUNT_ONE, vec(str("ev"), '{"@data-type":"vector","data":42}'))),
];
const badArguments: readonly string[] = [
  ...["1", '"true"', "null"].map((d) => `{"@data-type":"boolean","data":${d}}`),
  ...["-1", "1.0", "1e3", '"1"', "18446744073709551616", "null", "true", "+1", "010", "0x10"].map(
    (d) => `{"@data-type":"count","data":${d}}`,
  ),
  ...["1.5", "9223372036854775808", "-9223372036854775809", '"1"', "-01"].map(
    (d) => `{"@data-type":"integer","data":${d}}`,
  ),
  ...['"1.0"', "null", "true", ".5", "1.", "nan", "inf", "1e999", "-1e999"].map(
    (d) => `{"@data-type":"real","data":${d}}`,
  ),
  ...["1", "null", "{}", String.raw`"\ud800"`, String.raw`"\v"`, '"\u0001"', '"a\nb"', '"\\u12g4"', '"'].map(
    (d) => `{"@data-type":"string","data":${d}}`,
  ),
  '{"@data-type":"enum-value","data":1}',
  ...[
    "123ns",
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "2001:db8:::1",
    "2001:db8::g",
    "fe80::1%eth0",
    "[::1]",
    " ::1",
    "localhost",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4::5:6:7:8",
    "1::2::3",
  ].map((d) => `{"@data-type":"address","data":"${d}"}`),
  '{"@data-type":"address","data":1}',
  ...[
    "10.0.0.0",
    "1.2.3/8",
    "10.0.0.0/-1",
    "10.0.0.0/x",
    "10.0.0.0/256",
    "10.0.0.0/33",
    "::/129",
    "/8",
    "10.0.0.0/",
  ].map((d) => `{"@data-type":"subnet","data":"${d}"}`),
  '{"@data-type":"subnet","data":8}',
  '{"@data-type":"port","data":80}',
  '{"@data-type":"port","data":null}',
  ...["x/tcp", "65536/tcp", "99999/tcp", "-1/tcp", "/tcp", ""].map(
    (d) => `{"@data-type":"port","data":"${d}"}`,
  ),
  ...[
    "",
    "2014-07-09",
    "2014-07-09 10:16:44",
    "2014-13-09T10:16:44",
    "2014-07-09T24:00:00",
    "2023-02-29T00:00:00",
    "2014-07-09T10:16:60",
    "2014-07-09T10:16:44.",
    "2014-07-09t10:16:44",
    "2014-07-09T10:16:44z",
    "1600-01-01T00:00:00",
    "2300-01-01T00:00:00",
    "2014-07-09T10:60:44",
    "2014-00-09T10:16:44",
    "2014-07-00T10:16:44",
  ].map((d) => `{"@data-type":"timestamp","data":"${d}"}`),
  '{"@data-type":"timestamp","data":1}',
  ...["1", "s", "1w", "1m", "1S", "1 s", "", "9223372037s", "1e30s"].map(
    (d) => `{"@data-type":"timespan","data":"${d}"}`,
  ),
  '{"@data-type":"timespan","data":1}',
  ...["vector", "set", "table"].flatMap((type) =>
    ["{}", '"x"', "1", "null", "[1]"].map((d) => `{"@data-type":"${type}","data":${d}}`),
  ),
  `{"@data-type":"set","data":[${COUNT_ONE},${COUNT_ONE}]}`,
  `{"@data-type":"table","data":[{"key":${COUNT_ONE},"value":${str("a")}},{"key":${COUNT_ONE},"value":${str("b")}}]}`,
  `{"@data-type":"table","data":[{"value":${COUNT_ONE}}]}`,
  `{"@data-type":"table","data":[{"key":${COUNT_ONE}}]}`,
  `{"@data-type":"table","data":[[${COUNT_ONE},${COUNT_ONE}]]}`,
];

describe("check 1: failed to decode JSON object (§11.2)", () => {
  test.each([...notJson])("%s", (text) => expect(scan(text)).toBe("not_json"));
  test.each([...badArguments])("argument %s", (argument) => expect(scan(event([argument]))).toBe("not_json"));
});

describe("checks 2 and 3 (§6.2, §11.3)", () => {
  const value = event([]).replace('"type":"data-message","topic":"/t",', "");

  test.each(['"type":"data-message",', '"topic":42,', '"topic":null,', '"topic":"<$>",'])(
    "no topic: %s",
    (head) => expect(scan(message(value, head))).toBe("no_topic"),
  );
  test("a canonical message with the reserved topic has none", () => {
    expect(scan(event([]).replace('"/t"', '"<$>"'))).toBe("no_topic");
  });
  test("bad data comes before a missing topic, a missing topic before a missing event", () => {
    expect(scan(message('{"@data-type":"count","data":-1}', ""))).toBe("not_json");
    expect(scan(message(COUNT_ONE, ""))).toBe("no_topic");
  });

  const two = '{"@data-type":"count","data":2}';
  const body = vec(str("ev"), vec());
  test.each([
    COUNT_ONE,
    vec(COUNT_ONE, COUNT_ONE),
    vec(COUNT_ONE, two, body),
    vec(two, COUNT_ONE, body),
    vec('{"@data-type":"integer","data":1}', COUNT_ONE, body),
    vec(COUNT_ONE, COUNT_ONE, COUNT_ONE),
    vec(COUNT_ONE, COUNT_ONE, vec(str("ev"))),
    vec(COUNT_ONE, COUNT_ONE, vec(COUNT_ONE, vec())),
    vec(COUNT_ONE, COUNT_ONE, vec(str("ev"), str("x"))),
    vec(COUNT_ONE, COUNT_ONE, vec(str("ev"), vec(), str("x"))),
    vec(COUNT_ONE, COUNT_ONE, vec(str("ev"), vec(), vec(COUNT_ONE))),
    vec(COUNT_ONE, COUNT_ONE, vec(str("ev"), vec(), vec(vec(COUNT_ONE, TIME, TIME)))),
    vec(COUNT_ONE, COUNT_ONE, vec(str("ev"), vec(), vec(vec(str("1"), TIME)))),
    vec(COUNT_ONE, COUNT_ONE, vec(str("ev"), vec(), vec(vec(COUNT_ONE, COUNT_ONE)))),
  ])("no event: %s", (text) => expect(scan(message(text))).toBe("not_event"));

  test("the type key is not looked at", () => {
    expect(scan(message(value, '"topic":"/t",'))).toBe(event([]));
    expect(scan(message(value, '"type":"whatever","topic":"/t",'))).toBe(event([]));
  });
  test("elements behind those of an event are dropped, and so is an empty metadata vector", () => {
    expect(scan(message(vec(COUNT_ONE, COUNT_ONE, vec(str("ev"), vec(), vec(), TIME), TIME)))).toBe(
      event([]),
    );
  });
  test.each([
    [event([]), event([])],
    [event([COUNT_ONE]), event([COUNT_ONE])],
    [event([vec()]), event([vec()])],
    [event([], vec(COUNT_ONE, TIME)), event([], vec(COUNT_ONE, TIME))],
  ])("an empty vector behind the elements of %s changes nothing", (text, expected) => {
    const longer = `${text.slice(0, -"]}]}".length)},${vec()}]}]}`;
    expect(scan(longer)).toBe(expected);
    expect(parseDataMessage(longer)).toEqual(parseDataMessage(expected));
  });
  test("metadata is kept in order", () => {
    const text = event([], vec('{"@data-type":"count","data":200}', str("x")), vec(COUNT_ONE, TIME));
    expect(scan(text)).toBe(text);
    expect(scan(text.replaceAll('":', '" : '))).toBe(text);
  });
});

describe("bounds", () => {
  const nested = (levels: number) =>
    "[".repeat(levels).replaceAll("[", '{"@data-type":"vector","data":[') + "]}".repeat(levels);
  // Message, its list and arguments open three vectors; a vector is two levels of JSON.
  const levelsMax = LIMITS.jsonNestingMax / 2 - 3;

  test("JSON nests to the bound and no deeper", () => {
    expect(received(nested(levelsMax))).toBe(nested(levelsMax));
    expect(received(nested(levelsMax + 1))).toBe("not_json");
    expect(received(nested(levelsMax).replaceAll(":", ": "))).toBe(nested(levelsMax));
    expect(received(nested(100_000))).toBe("not_json");
  });
  test.each(["x", "é", "\n"])("a topic of %j has at most topicBytesMax bytes", (char) => {
    const length = LIMITS.topicBytesMax / new TextEncoder().encode(char).length;
    const text = (n: number) => formatDataMessage(char.repeat(n), { name: "ev", args: [], metadata: [] });
    expect(scan(text(length))).toBe(text(length));
    expect(scan(text(length + 1))).toBe("bad_topic");
  });
  test("a canonical text has at most eventBytesMax characters", () => {
    const one = '{"@data-type":"real","data":1e300}';
    const grown = received(one).length + 1;
    const many = (n: number) => `{"@data-type":"vector","data":[${Array(n).fill(one).join(",")}]}`;
    const n = Math.floor((LIMITS.eventBytesMax - 1000) / grown);
    expect(scan(event([many(n)])).length).toBeGreaterThan(n * grown);
    expect(scan(event([many(n + 100)]))).toBe("too_large");
  });
});

describe("subscriptions (§2.1, §2.4)", () => {
  test.each([
    ["[]", []],
    [' [ "/a" , "/b","/a", "" ] ', ["/a", "/b", ""]],
    [String.raw`["\u00e9"]`, ["é"]],
  ])("%s", (text, prefixes) => expect(parseSubscriptions(text)).toEqual({ ok: true, prefixes }));
  test.each(['["broken", "brrr', "{}", '"x"', "1", "", "[1,]", event([])])("not an array: %s", (text) => {
    expect(parseSubscriptions(text)).toEqual({ ok: false, context: "subscriptions not an array" });
  });
  test.each(["[1, 2]", '[1, "/my_topic"]', "[null]", '[["/a"]]', '["/a",{}]'])("not strings: %s", (text) => {
    expect(parseSubscriptions(text)).toEqual({ ok: false, context: "individual subscription not a string" });
  });
});

describe("texts of the server", () => {
  test("error frames are exact", () => {
    expect(errorText("deserialization_failed", CONTEXT.notJson)).toBe(
      '{"type":"error","code":"deserialization_failed","context":"failed to decode JSON object"}',
    );
  });
  test("the ack is exact", () => {
    expect(ackText("node-websocket-2", "8.0.0-dev.684")).toBe(
      '{"type":"ack","endpoint":"node-websocket-2","version":"8.0.0-dev.684"}',
    );
  });
});

describe("format and parse", () => {
  test("give back topic and event, without a raw line feed between", () => {
    const sent = { name: "ev", args: [string("a\nb"), count(2n ** 64n - 1n)], metadata: [] };
    const text = formatDataMessage("/t\n", sent);
    expect(text).not.toContain("\n");
    expect(parseDataMessage(text)).toEqual({ topic: "/t\n", event: sent });
  });
  test.each([
    ["x", CONTEXT.notJson],
    [message(COUNT_ONE, ""), CONTEXT.noTopic],
    [message(COUNT_ONE), CONTEXT.notEvent],
  ])("%s throws", (text, context) => {
    expect(() => parseDataMessage(text)).toThrow(new FabricError("deserialization_failed", context));
  });
});
