/** vector, set, table: order, duplicates, nesting (spec: Zeek's WebSocket API, §8.7, §8.8, §11). */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import {
  count,
  entry,
  event,
  REFUSED,
  set,
  string,
  table,
  value,
  vector,
} from "../../support/json-v1-event.ts";
import { expectNothingBefore, freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";
import { valueTableSuite, type ValueTable } from "./values.ts";

const text = (type: string, data: string): string => value(type, JSON.stringify(data));
const integer = (n: number): string => value("integer", String(n));
const real = (data: string): string => value("real", data);
const bool = (b: boolean): string => value("boolean", String(b));
const none = value("none", "{}");
const [address, subnet, port] = ["address", "subnet", "port"].map((type) => (s: string) => text(type, s));
const [timestamp, timespan, enumValue] = ["timestamp", "timespan", "enum-value"].map(
  (type) => (s: string) => text(type, s),
);

/** One value of every type, in Broker's order of types; within a type, in its order. */
const ORDERED = [
  none,
  bool(false),
  bool(true),
  count(0),
  count(9007199254740993n),
  count(18446744073709551615n),
  integer(-5),
  integer(3),
  real("-2.500000"),
  real("1.000000"),
  string(""),
  string("Z"),
  string("a"),
  string("aa"),
  string("é"),
  string("\uffff"), // EF BF BF in UTF-8, before F0 …, though UTF-16 puts it behind
  string("😀"),
  address!("::1"),
  address!("10.0.0.1"), // ::ffff:10.0.0.1
  address!("192.168.0.1"),
  address!("2001:db8::1"),
  subnet!("10.0.0.0/8"),
  subnet!("10.0.0.0/16"),
  subnet!("10.1.0.0/16"),
  port!("22/tcp"),
  port!("80/?"),
  port!("80/tcp"),
  port!("80/udp"),
  port!("80/icmp"),
  timestamp!("1969-12-31T00:00:00.000"),
  timestamp!("2020-01-01T00:00:00.000"),
  timespan!("-1s"),
  timespan!("999ns"),
  timespan!("1s"),
  enumValue!("A"),
  enumValue!("B"),
  set(),
  set(count(1)),
  set(count(1), count(2)),
  set(count(2)),
  table(),
  table(entry(string("a"), count(1))),
  table(entry(string("a"), count(2))),
  table(entry(string("b"), count(1))),
  vector(),
  vector(count(1)),
  vector(count(1), count(1)),
  vector(count(2)),
] as const;

/** Deterministic disorder: every third element first. */
const disordered = [2, 0, 1].flatMap((r) => ORDERED.filter((_, i) => i % 3 === r)).toReversed();

const notArrays = (type: string): string[] =>
  ["{}", '"x"', "1", "null", "true"].map((data) => value(type, data)).concat(`{"@data-type":"${type}"}`);

const VECTORS: ValueTable = {
  title: "§8.7 vector",
  accepted: [
    [vector()],
    [vector(count(3), count(1), count(3))],
    [vector(none, vector(), set(), table(), string("x"))],
    [vector(...disordered)],
    ['{"data":[ ],"@data-type":"vector"}', vector()],
  ],
  refused: [
    ...notArrays("vector"),
    value("vector", "[1]"),
    value("vector", '["x"]'),
    value("vector", "[null]"),
    value("vector", "[[]]"),
    value("vector", "[{}]"),
    value("vector", `[${count(1)},]`),
    vector(count(1), count(-1)),
  ],
};

const SETS: ValueTable = {
  title: "§8.7 set",
  accepted: [
    [set()],
    [set(count(3), count(1), count(2)), set(count(1), count(2), count(3))],
    [set(...disordered), set(...ORDERED)],
    [set(set(count(2), count(1)), set(count(3))), set(set(count(1), count(2)), set(count(3)))],
    [set(count(1), integer(1), real("1.0")), set(count(1), integer(1), real("1.000000"))],
    [set(string("é"), string("z")), set(string("z"), string("é"))],
    [set(real("10.0"), real("9.0")), set(real("9.000000"), real("10.000000"))],
  ],
  refused: [
    ...notArrays("set"),
    value("set", "[1]"),
    set(count(1), count(1)),
    set(count(1), count(2), count(1)),
    set(none, '{"@data-type":"none"}'),
    set(address!("1.2.3.4"), address!("::ffff:1.2.3.4")),
    set(subnet!("10.0.0.0/8"), subnet!("10.9.9.9/8")),
    set(port!("80"), port!("80/tcp")),
    set(timespan!("1s"), timespan!("1000ms")),
    set(timestamp!("2020-01-01T00:00:00"), timestamp!("2020-01-01T01:00:00+01:00")),
    set(real("1.0"), real("1.00")),
    set(string("a"), value("string", '"\\u0061"')),
    set(set(count(1), count(2)), set(count(2), count(1))),
  ],
};

const TABLES: ValueTable = {
  title: "§8.7 table",
  accepted: [
    [table()],
    [
      table(entry(string("b"), count(1)), entry(string("a"), count(2))),
      table(entry(string("a"), count(2)), entry(string("b"), count(1))),
    ],
    [
      table(...disordered.map((v, i) => entry(v, count(i)))),
      table(...ORDERED.map((v) => entry(v, count(disordered.indexOf(v))))),
    ],
    [
      table(entry(vector(string("a"), count(1)), none), entry(vector(string("a"), count(0)), none)),
      table(entry(vector(string("a"), count(0)), none), entry(vector(string("a"), count(1)), none)),
    ],
    [table(entry(set(count(2), count(1)), count(1))), table(entry(set(count(1), count(2)), count(1)))],
    [value("table", `[{"value":${count(1)},"key":${count(2)}}]`), table(entry(count(2), count(1)))],
    [
      value("table", `[{"x":[],"key":${count(2)},"y":1,"value":${count(1)}}]`),
      table(entry(count(2), count(1))),
    ],
  ],
  refused: [
    ...notArrays("table"),
    value("table", "[1]"),
    value("table", "[{}]"),
    value("table", `[{"key":${count(1)}}]`),
    value("table", `[{"value":${count(1)}}]`),
    value("table", `[[${count(1)},${count(1)}]]`),
    value("table", `[{"key":1,"value":${count(1)}}]`),
    value("table", `[{"key":${count(1)},"value":null}]`),
    table(entry(count(1), count(1)), entry(count(1), count(2))),
    table(entry(timespan!("1s"), count(1)), entry(timespan!("1000ms"), count(2))),
  ],
};

const nested = (levels: number): string => {
  const open = '{"@data-type":"vector","data":[';
  return open.repeat(levels) + "]}".repeat(levels);
};

/** JSON levels around the first argument of an event: message, data, body, data, arguments, data. */
const LEVELS_OF_EVENT = 6;
const nestedMax = (LIMITS.jsonNestingMax - LEVELS_OF_EVENT) / 2;

export const CONTAINER_TABLES: readonly ValueTable[] = [VECTORS, SETS, TABLES];

export function containerValuesSuite(fabric: Fabric): void {
  for (const valueTable of CONTAINER_TABLES) valueTableSuite(fabric, valueTable);

  describe("§8 whole events", () => {
    const clients = useClients(fabric);

    test("§8 [A2][C12][C15] an event with a value of every type arrives with equal values", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      const sent = event(topic, "every_type", ORDERED);
      publisher.send(sent);
      expect(await reader.next()).toBe(sent);
    });

    test("§8 [C9] two clients that write the same values differently are read as the same bytes", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const canonical = event(topic, "ev", [set(count(1), count(2)), timespan!("1s"), address!("10.0.0.1")]);
      const other = event(topic, "ev", [
        `{ "data" : [ ${count(2)} , ${count(1)} ] , "@data-type" : "set" }`,
        timespan!("1000ms"),
        address!("::ffff:10.0.0.1"),
      ]);
      for (const text of [canonical, other]) (await clients.subscribed()).send(text);
      expect(await reader.take(2)).toEqual([canonical, canonical]);
    });

    test.each([30, nestedMax])("§8.7 %i nested vectors pass", async (levels) => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      const sent = event(topic, "deep", [nested(levels)]);
      publisher.send(sent);
      expect(await reader.next()).toBe(sent);
    });

    test.each([nestedMax + 1, 1_000, 200_000])(
      "§8.7 %i nested vectors are refused, and the connection lives",
      async (levels) => {
        const topic = freshTopic();
        const reader = await clients.subscribed(topic);
        const publisher = await clients.subscribed();
        publisher.send(event(topic, "deep", [nested(levels)]));
        expect(await publisher.next()).toBe(REFUSED.notDecoded);
        publisher.send(
          event(topic, "deep").replace("{", `{"junk":${"[".repeat(levels)}${"]".repeat(levels)},`),
        );
        if (levels > LIMITS.jsonNestingMax) expect(await publisher.next()).toBe(REFUSED.notDecoded);
        else expect(await reader.next()).toBe(event(topic, "deep"));
        await expectNothingBefore(reader, publisher, topic);
      },
    );

    test("§8.8 a record travels as a vector of its fields, unset ones as none", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      const endpointInfo = vector(
        string("node-websocket-1"),
        vector(address!("127.0.0.1"), port!("40000/tcp")),
        none,
      );
      publisher.send(event(topic, "Cluster::websocket_client_added", [endpointInfo, vector(string("/a"))]));
      const got = JSON.parse(await reader.next()) as { data: unknown[] };
      expect(JSON.stringify(got.data[2])).toContain(endpointInfo);
    });
  });
}
