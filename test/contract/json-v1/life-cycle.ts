/** Subscription, acknowledgement, pipelining and a bad first frame (spec: Zeek's WebSocket API, §2). */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { JsonClient } from "../../support/json-v1-client.ts";
import { event, numbered, numberOf, REFUSED, string } from "../../support/json-v1-event.ts";
import { expectNothingBefore, freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";
import { OPCODE } from "../../support/ws-raw.ts";

const ACK = /^\{"type":"ack","endpoint":"[^"]+","version":"\d+\.\d+\.\d+[^"]*"\}$/;

const NOT_AN_ARRAY = [
  '["broken", "brrr',
  "How is it going?",
  "",
  "{}",
  '"x"',
  "1",
  "null",
  '["a"] ["b"]',
  event("/t", "ev"),
];
const NOT_A_STRING = [
  "[1, 2]",
  '[1, "/my_topic"]',
  '["/my_topic", 1]',
  "[null]",
  '[["/a"]]',
  "[{}]",
  "[true]",
];

export function lifeCycleSuite(fabric: Fabric): void {
  describe("§2 connection life cycle", () => {
    const clients = useClients(fabric);

    test("§2 the server sends nothing before the first frame", async () => {
      const socket = await clients.raw();
      socket.frame({ opcode: OPCODE.ping, payload: "first" });
      expect((await socket.next()).opcode).toBe(OPCODE.pong);
      socket.text("[]");
      expect(await socket.nextText()).toMatch(ACK);
    });

    test.each(["[]", '["zeek/management/controller"]', '["/a","/b"]', ' [ "/a" ,\n\t"/b" ] \r\n', '[""]'])(
      "§2.1 subscription %j is acknowledged with the exact ack",
      async (text) => {
        const client = await clients.open();
        client.send(text);
        expect(await client.next()).toMatch(ACK);
      },
    );

    test("§2.1 escapes in a prefix are read as JSON", async () => {
      const topic = freshTopic();
      const client = await clients.open();
      client.send(`["${topic.replaceAll("t", "\\u0074").replaceAll("/", "\\/")}"]`);
      await client.ack();
      await expectNothingBefore(client, await clients.subscribed(), topic);
    });

    test(`§2.1 1,024 subscriptions work, each of them`, async () => {
      const topic = freshTopic();
      const prefixes = Array.from({ length: 1024 }, (_, i) => `${topic}${i}/`);
      const reader = await clients.subscribed(...prefixes);
      const publisher = await clients.subscribed();
      prefixes.forEach((prefix, i) => publisher.send(numbered(`${prefix}x`, i)));
      const got = await reader.take(1024);
      expect(got.map(numberOf)).toEqual(prefixes.map((_, i) => i));
    });

    test(`§2.1 ${LIMITS.subscriptionsMax} subscriptions are acknowledged, one more is refused`, async () => {
      const topic = freshTopic();
      const prefixes = Array.from({ length: LIMITS.subscriptionsMax }, (_, i) => `${topic}${i}`);
      const reader = await clients.subscribed(...prefixes);
      await expectNothingBefore(reader, await clients.subscribed(), prefixes.at(-1)!);
      const greedy = await clients.open();
      greedy.send(JSON.stringify([...prefixes, `${topic}one more`]));
      expect(JSON.parse(await greedy.next())).toMatchObject({ type: "error", code: "too_many" });
      expect((await greedy.closed).code).toBe(1008);
      expect(greedy.unread).toEqual([]);
    });

    test(`§2.1 a prefix of ${LIMITS.topicBytesMax} bytes is acknowledged, one byte more is refused`, async () => {
      const longest = freshTopic().padEnd(LIMITS.topicBytesMax, "x");
      const reader = await clients.subscribed(longest);
      await expectNothingBefore(reader, await clients.subscribed(), longest);
      const greedy = await clients.open();
      greedy.send(JSON.stringify([`${longest}x`]));
      expect(JSON.parse(await greedy.next())).toMatchObject({ type: "error", code: "invalid_topic_key" });
      expect((await greedy.closed).code).toBe(1008);
    });

    test("§2.2 endpoints of connections differ", async () => {
      const open = Array.from({ length: 20 }, async () => {
        const client = await clients.open();
        client.send("[]");
        return (await client.ack()).endpoint;
      });
      expect(new Set(await Promise.all(open)).size).toBe(20);
    });

    test("§2.2 exactly one ack, also with duplicate subscriptions", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic, topic, topic);
      await expectNothingBefore(reader, await clients.subscribed(), topic);
    });

    test(`§2.1 duplicates count once: ${LIMITS.subscriptionsMax + 1} copies of one prefix are one subscription`, async () => {
      const topic = freshTopic();
      const copies = Array.from({ length: LIMITS.subscriptionsMax + 1 }, () => topic);
      const reader = await clients.subscribed(...copies);
      await expectNothingBefore(reader, await clients.subscribed(), topic);
    });

    test("§2.2 a second array is a message like any other: refused, no second ack", async () => {
      const client = await clients.subscribed(freshTopic());
      client.send("[]");
      expect(await client.next()).toBe(REFUSED.notDecoded);
    });

    test("§2.2 an event published anywhere after the ack was sent is delivered", async () => {
      const topic = freshTopic();
      const publisher = await clients.subscribed();
      for (let i = 0; i < 50; i++) {
        const reader = await clients.subscribed(topic);
        publisher.send(numbered(topic, i));
        expect(numberOf(await reader.next())).toBe(i);
        await reader.close();
      }
    });

    test("§2.2 the ack precedes all events, also while a publisher never rests", async () => {
      const topic = freshTopic();
      const publisher = await clients.subscribed();
      const witness = await clients.subscribed(topic);
      let sent = 0;
      for (let i = 0; i < 20; i++) {
        const reader = await clients.open();
        for (let k = 0; k < 20; k++) publisher.send(numbered(topic, sent++));
        reader.send(JSON.stringify([topic]));
        for (let k = 0; k < 20; k++) publisher.send(numbered(topic, sent++));
        expect(await reader.next()).toMatch(ACK);
        publisher.send(numbered(topic, sent++));
        let last = numberOf(await reader.next());
        for (; last < sent - 1; last++) expect(numberOf(await reader.next())).toBe(last + 1);
        reader.terminate();
      }
      expect((await witness.take(sent)).map(numberOf)).toEqual(Array.from({ length: sent }, (_, i) => i));
    });

    test("§2.2 events before the subscription are not kept", async () => {
      const topic = freshTopic();
      const witness = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      publisher.send(numbered(topic, 1));
      await witness.next();
      const late = await clients.subscribed(topic);
      await expectNothingBefore(late, publisher, topic);
    });

    test("§2.3 what is sent before the ack is kept, in order, and its errors come after the ack", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const eager = await clients.open();
      eager.send(JSON.stringify([freshTopic()]));
      for (let i = 0; i < 2000; i++) {
        if (i === 7) eager.send("How is it going?");
        if (i === 1500) eager.send(`{"@data-type":"count","data":1}`);
        eager.send(numbered(topic, i));
      }
      expect(await eager.next()).toMatch(ACK);
      expect(await eager.next()).toBe(REFUSED.notDecoded);
      expect(await eager.next()).toBe(REFUSED.noTopic);
      expect((await reader.take(2000)).map(numberOf)).toEqual(Array.from({ length: 2000 }, (_, i) => i));
    });

    test("§2.3 8 MiB of messages before the ack are kept", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const eager = await clients.open();
      eager.send("[]");
      const texts = Array.from({ length: 8 }, (_, i) =>
        event(topic, `ev${i}`, [string("x".repeat(1 << 20))]),
      );
      for (const text of texts) eager.send(text);
      await eager.ack();
      const got = await reader.take(8);
      expect(got.every((text, i) => text === texts[i])).toBe(true);
    });

    /** The connection never comes alive: no ack follows, the second array does nothing, it ends with 1008. */
    const expectRefused = async (client: JsonClient, first: string, context: string): Promise<void> => {
      client.send(first);
      client.send("[]");
      expect(await client.next()).toBe(context);
      expect((await client.closed).code).toBe(1008);
      expect(client.unread).toEqual([]);
    };

    test("§2.4 a first frame that is not an array gets the exact error, no ack, and close 1008", async () => {
      await Promise.all(
        NOT_AN_ARRAY.map(async (text) => expectRefused(await clients.open(), text, REFUSED.notAnArray)),
      );
    });

    test("§2.4 an array that holds another thing than strings gets the exact error, no ack, and close 1008", async () => {
      await Promise.all(
        NOT_A_STRING.map(async (text) => expectRefused(await clients.open(), text, REFUSED.notAString)),
      );
    });

    test("§2.4 events behind a bad first frame reach nobody", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const client = await clients.open();
      client.send("{}");
      client.send(numbered(topic, 1));
      expect(await client.next()).toBe(REFUSED.notAnArray);
      await client.closed;
      await expectNothingBefore(reader, await clients.subscribed(), topic);
    });
  });
}
