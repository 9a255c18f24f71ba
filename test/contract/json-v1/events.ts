/** What is a valid event, and metadata in passing (spec: Zeek's WebSocket API, §7 and §11.3). */
import { describe, expect, test } from "vitest";
import { count, dataMessage, event, REFUSED, string, value, vector } from "../../support/json-v1-event.ts";
import { expectNothingBefore, freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";

const one = count(1);
const body = vector(string("ev"), vector(count(7)));
const time = value("timestamp", '"1970-01-01T01:42:42.000"');
const withMetadata = (metadata: string): string => vector(one, one, vector(string("ev"), vector(), metadata));

const NOT_EVENTS: readonly (readonly [string, string])[] = [
  ["a count", count(1)],
  ["a string", string("ev")],
  ["none", value("none", "{}")],
  ["a table", value("table", "[]")],
  ["a set", value("set", "[]")],
  ["an empty vector", vector()],
  ["a vector of one", vector(one)],
  ["a vector of two", vector(one, one)],
  ["kind 2", vector(one, count(2), body)],
  ["kind 0", vector(one, count(0), body)],
  ["kind 5, a batch", vector(one, count(5), vector(vector(one, one, body)))],
  ["format 2", vector(count(2), one, body)],
  ["format as an integer", vector(value("integer", "1"), one, body)],
  ["kind as an integer", vector(one, value("integer", "1"), body)],
  ["a body that is a string", vector(one, one, string("ev"))],
  ["a body that is a set", vector(one, one, value("set", "[]"))],
  ["an empty body", vector(one, one, vector())],
  ["a body without arguments", vector(one, one, vector(string("ev")))],
  ["a name that is a count", vector(one, one, vector(one, vector()))],
  ["a name that is an enum value", vector(one, one, vector(value("enum-value", '"ev"'), vector()))],
  ["arguments that are a string", vector(one, one, vector(string("ev"), string("x")))],
  ["arguments that are a set", vector(one, one, vector(string("ev"), value("set", "[]")))],
  ["arguments that are none", vector(one, one, vector(string("ev"), value("none", "{}")))],
  ["metadata that is a count", withMetadata(one)],
  ["metadata that is none", withMetadata(value("none", "{}"))],
  ["a metadata entry that is a count", withMetadata(vector(one))],
  ["a metadata entry of one", withMetadata(vector(vector(one)))],
  ["a metadata entry of three", withMetadata(vector(vector(one, time, one)))],
  ["a metadata id that is an integer", withMetadata(vector(vector(value("integer", "1"), time)))],
  ["metadata 1 with a count", withMetadata(vector(vector(one, one)))],
  [
    "metadata 1 with a count behind a good entry",
    withMetadata(vector(vector(count(200), one), vector(one, one))),
  ],
];

export function eventsSuite(fabric: Fabric): void {
  describe("§7 events", () => {
    const clients = useClients(fabric);

    const pair = async () => {
      const topic = freshTopic();
      return { topic, reader: await clients.subscribed(topic), publisher: await clients.subscribed() };
    };

    test("§7.1 [A38] an event with name and arguments arrives with both", async () => {
      const { topic, reader, publisher } = await pair();
      const text = event(topic, "event_1", [value("integer", "42"), string("test")]);
      publisher.send(text);
      expect(await reader.next()).toBe(text);
    });

    test("§7.1 [A39] the same event published twice arrives twice", async () => {
      const { topic, reader, publisher } = await pair();
      const text = event(topic, "event_1", [count(1)]);
      publisher.send(text);
      publisher.send(text);
      expect(await reader.take(2)).toEqual([text, text]);
      await expectNothingBefore(reader, publisher, topic);
    });

    test.each(["Management::Controller::API::get_nodes_request", "x", "e".repeat(10_000), "é", ""])(
      "§7.1 event name %j is relayed as it is",
      async (name) => {
        const { topic, reader, publisher } = await pair();
        publisher.send(event(topic, name));
        expect(await reader.next()).toBe(event(topic, name));
      },
    );

    test("§7.1 an event with 1,000 arguments is relayed", async () => {
      const { topic, reader, publisher } = await pair();
      const text = event(
        topic,
        "wide",
        Array.from({ length: 1000 }, (_, i) => count(i)),
      );
      publisher.send(text);
      expect(await reader.next()).toBe(text);
    });

    test.each(NOT_EVENTS)("§7.2 %s is no event", async (_, val) => {
      const { topic, reader, publisher } = await pair();
      publisher.send(dataMessage(topic, val));
      expect(await publisher.next()).toBe(REFUSED.noEvent);
      await expectNothingBefore(reader, publisher, topic);
    });

    test("§7.2 event arguments given as a number are not decoded", async () => {
      const { topic, publisher } = await pair();
      publisher.send(event(topic, "ev").replace('{"@data-type":"vector","data":[]}', "42"));
      expect(await publisher.next()).toBe(REFUSED.notDecoded);
    });

    test("§7.2 extra elements of the outer vector and of the body are ignored", async () => {
      const { topic, reader, publisher } = await pair();
      publisher.send(dataMessage(topic, vector(one, one, body, string("extra"), count(5))));
      expect(await reader.next()).toBe(event(topic, "ev", [count(7)]));
      const entry = vector(count(200), string("kept"));
      const longBody = vector(string("ev"), vector(), vector(entry), string("extra"));
      publisher.send(dataMessage(topic, vector(one, one, longBody)));
      expect(await reader.next()).toBe(event(topic, "ev", [], [entry]));
    });

    test("§7.3 no metadata is added", async () => {
      const { topic, reader, publisher } = await pair();
      publisher.send(event(topic, "ev"));
      expect(await reader.next()).toBe(event(topic, "ev"));
    });

    test("§7.3 an empty metadata vector is dropped", async () => {
      const { topic, reader, publisher } = await pair();
      publisher.send(event(topic, "ev", [count(1)], []));
      expect(await reader.next()).toBe(event(topic, "ev", [count(1)]));
    });

    test("§7.3 metadata is kept, in order, also under ids that nobody has registered", async () => {
      const { topic, reader, publisher } = await pair();
      const metadata = [
        vector(count(200), string("mine")),
        vector(count(1), time),
        vector(count(7), value("none", "{}")),
        vector(count(18446744073709551615n), vector(count(1))),
      ];
      publisher.send(event(topic, "ev", [], metadata));
      expect(await reader.next()).toBe(event(topic, "ev", [], metadata));
    });

    test("§7.3 the network timestamp comes out in canonical form", async () => {
      const { topic, reader, publisher } = await pair();
      const sent = vector(count(1), value("timestamp", '"1970-01-01T01:42:42"'));
      publisher.send(event(topic, "ev", [], [sent]));
      expect(await reader.next()).toBe(event(topic, "ev", [], [vector(count(1), time)]));
    });
  });
}
