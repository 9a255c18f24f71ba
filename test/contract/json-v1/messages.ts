/** Data messages, the checks on them and error frames (spec: Zeek's WebSocket API, §6 and §11.3). */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { count, event, eventValue, numbered, REFUSED, string, value } from "../../support/json-v1-event.ts";
import { expectNothingBefore, freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";

/** Texts that do not decode (§11.2, its first two lines), whatever their topic. */
const NOT_DECODED = [
  "How is it going?",
  "",
  " ",
  "[]",
  '"x"',
  "42",
  "null",
  "{}",
  '{"type":"data-message","topic":"/t"}',
  '{"type":"data-message","topic":"/t","data":1}',
  '{"type":"data-message","topic":"/t","@data-type":1,"data":1}',
  '{"type":"data-message","topic":"/t","@data-type":null,"data":1}',
  '{"type":"data-message","topic":"/t","@data-type":"money","data":1}',
  '{"type":"data-message","topic":"/t","@data-type":"Count","data":1}',
  '{"type":"data-message","topic":"/t","@data-type":"float","data":1.0}',
  '{"type":"data-message","topic":"/t","@data-type":"count"}',
  `${event("/t", "ev")} ${event("/t", "ev")}`,
  event("/t", "ev").slice(0, -1),
  event("/t", "ev").replace(",", ",,"),
  `[${event("/t", "ev")}]`,
  event("/t", "ev").replaceAll('"', "'"),
];

export function messagesSuite(fabric: Fabric): void {
  describe("§6 messages", () => {
    const clients = useClients(fabric);

    /** A publisher and a reader of a fresh topic. */
    const pair = async () => {
      const topic = freshTopic();
      return { topic, reader: await clients.subscribed(topic), publisher: await clients.subscribed() };
    };

    test("§6.1 key order and whitespace are free, unknown keys are ignored, output is canonical", async () => {
      const { topic, reader, publisher } = await pair();
      const canonical = event(topic, "ev", [count(1), string("two words")]);
      const data = eventValue("ev", [count(1), string("two words")]);
      const inner = data.slice('{"@data-type":"vector","data":'.length, -1);
      const variants = [
        `{"data":${inner},"@data-type":"vector","topic":"${topic}","type":"data-message"}`,
        `{"topic":"${topic}","@data-type":"vector","data":${inner},"type":"data-message"}`,
        `\r\n\t { "type" : "data-message" ,\n "topic" : "${topic}" , "@data-type" : "vector" , "data" : ${inner} } \n`,
        `{"x":null,"type":"data-message","y":{"a":[1,2,{}]},"topic":"${topic}","@data-type":"vector","data":${inner},"z":1e400}`,
        canonical.replace('{"@data-type":"count","data":1}', '{"data":1,"extra":[],"@data-type":"count"}'),
        canonical.replace(/("@data-type":"count"),/, '$1 , "other": "x",'),
        canonical.replace('"@data-type"', '"\\u0040data-type"'),
        canonical.replace('"topic"', '"\\u0074opic"'),
      ];
      for (const text of variants) {
        publisher.send(text);
        expect(await reader.next(text)).toBe(canonical);
      }
    });

    test("§6.1 unknown keys may hold anything that is JSON, and only that", async () => {
      const { topic, reader, publisher } = await pair();
      const canonical = event(topic, "ev");
      for (const junk of ['""', "[[],{}]", '{"a":{"b":[1.5e-7,true,false,null,"\\ud83d\\ude00"]}}', "-0"]) {
        publisher.send(canonical.replace("{", `{"junk":${junk},`));
        expect(await reader.next(junk)).toBe(canonical);
      }
      for (const junk of [
        "01",
        "+1",
        ".5",
        "1.",
        "nan",
        "0x10",
        "'a'",
        '"\\v"',
        "[1,]",
        "{a:1}",
        '"\t"',
        "tru",
        "",
      ]) {
        publisher.send(canonical.replace("{", `{"junk":${junk},`));
        expect(await publisher.next(junk)).toBe(REFUSED.notDecoded);
      }
      await expectNothingBefore(reader, publisher, topic);
    });

    test.each(["", '"type":"whatever",', '"type":42,', '"type":null,', '"type":"ack",'])(
      "§6.1 type is not looked at: %s",
      async (type) => {
        const { topic, reader, publisher } = await pair();
        publisher.send(event(topic, "ev").replace('"type":"data-message",', type));
        expect(await reader.next()).toBe(event(topic, "ev"));
      },
    );

    test.each(NOT_DECODED)("§6.2 %j is refused as not decoded", async (text) => {
      const publisher = await clients.subscribed();
      publisher.send(text);
      expect(await publisher.next()).toBe(REFUSED.notDecoded);
    });

    test.each([
      ["missing", '"topic":"TOPIC",', ""],
      ["a number", '"topic":"TOPIC"', '"topic":42'],
      ["null", '"topic":"TOPIC"', '"topic":null'],
      ["an object", '"topic":"TOPIC"', '"topic":{}'],
      ["reserved", "TOPIC", "<$>"],
    ])("§6.2 an event whose topic is %s is refused", async (_, from, to) => {
      const publisher = await clients.subscribed();
      publisher.send(event("TOPIC", "ev").replace(from, to));
      expect(await publisher.next()).toBe(REFUSED.noTopic);
    });

    test("§6.2 checks come in order: decoding, topic, event", async () => {
      const publisher = await clients.subscribed();
      publisher.send('{"@data-type":"count","data":-1}');
      publisher.send('{"@data-type":"count","data":1}');
      publisher.send('{"topic":"/t","@data-type":"count","data":1}');
      publisher.send('{"topic":"/t","@data-type":"count","data":-1}');
      publisher.send('{"topic":"<$>","@data-type":"count","data":1}');
      expect(await publisher.take(5)).toEqual([
        REFUSED.notDecoded,
        REFUSED.noTopic,
        REFUSED.noEvent,
        REFUSED.notDecoded,
        REFUSED.noTopic,
      ]);
    });

    test("§6.2 after each kind of error the connection publishes and receives as before", async () => {
      const { topic, reader } = await pair();
      const publisher = await clients.subscribed(`${topic}back`);
      const bad = [
        "nonsense",
        '{"@data-type":"count","data":1}',
        '{"topic":"/t","@data-type":"count","data":1}',
      ];
      for (const [i, text] of bad.entries()) {
        publisher.send(text);
        publisher.send(numbered(topic, i));
        expect(await reader.next()).toBe(numbered(topic, i));
        expect(JSON.parse(await publisher.next())).toMatchObject({ type: "error" });
        reader.send(numbered(`${topic}back`, i));
        expect(await publisher.next()).toBe(numbered(`${topic}back`, i));
      }
    });

    test("§6.2 a refused message reaches nobody", async () => {
      const { topic, publisher } = await pair();
      const everything = await clients.subscribed("");
      for (const text of NOT_DECODED) publisher.send(text);
      publisher.send(`{"topic":"${topic}","@data-type":"count","data":1}`);
      await expectNothingBefore(everything, publisher, topic);
    });

    test(`§6.3 an event whose canonical text has more than ${LIMITS.eventBytesMax} bytes is refused too_large, one at the bound passes`, async () => {
      const { topic, reader, publisher } = await pair();
      const short = value("real", "1e30"); // four bytes as sent, 38 as delivered
      const long = value("real", "1000000000000000019884624838656.000000");
      const rest = eventValue("ev", [string("")]).length;
      const n = Math.floor((LIMITS.eventBytesMax - rest) / (long.length + 1));
      const pad = LIMITS.eventBytesMax - rest - n * (long.length + 1);
      const filled = (real: string, padding: number): string =>
        event(topic, "ev", [...Array.from({ length: n }, () => real), string("x".repeat(padding))]);
      publisher.send(filled(short, pad));
      expect((await reader.next()) === filled(long, pad)).toBe(true);
      publisher.send(filled(short, pad + 1));
      expect(JSON.parse(await publisher.next())).toMatchObject({ type: "error", code: "too_large" });
      await expectNothingBefore(reader, publisher, topic);
    });

    test("§6.2 bad data of one client disturbs no other", async () => {
      const { topic, reader, publisher } = await pair();
      const noise = await clients.subscribed();
      for (let i = 0; i < 200; i++) {
        noise.send(`{"topic":"${topic}","@data-type":"count","data":1}`);
        publisher.send(numbered(topic, i));
        expect(await reader.next()).toBe(numbered(topic, i));
      }
      expect(await noise.take(200)).toEqual(Array.from({ length: 200 }, () => REFUSED.noEvent));
    });
  });
}
