/** Topics, prefixes, no echo, one copy (spec: Zeek's WebSocket API, §4). */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { event, numbered, numberOf, REFUSED } from "../../support/json-v1-event.ts";
import { expectNothingBefore, freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";
import vectors from "../../vectors/topics.json" with { type: "json" };

const ODD_TOPICS = [
  ["blanks", "a b  c"],
  ["a line feed", "line\nfeed"],
  ["quotes and backslashes", '"\\"'],
  ["NUL", "nul\0nul"],
  ["DEL and C1 controls", "\x7f\x80\x9f"],
  ["U+2028", "\u2028"],
  ["a byte order mark", "\ufeff"],
  ["an emoji", "😀"],
  ["a noncharacter", "\uffff"],
  ["wildcards of others", "*#?>+[a-z]"],
  ["dots and slashes", "../..//."],
  ["prototype names", "__proto__"],
] as const;

export function topicsSuite(fabric: Fabric): void {
  describe("§4 topics and subscriptions", () => {
    const clients = useClients(fabric);

    /** Publishes on `topic` and expects that a subscriber of `prefix` receives it, or not. */
    const expectDelivery = async (prefix: string, topic: string, isExpected: boolean): Promise<void> => {
      const done = freshTopic();
      const reader = await clients.subscribed(prefix, done);
      const witness = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      const sent = event(topic, "ev");
      const marker = event(done, "marker");
      publisher.send(sent);
      expect(await witness.next()).toBe(sent); // sequenced, so it is on its way to everybody
      publisher.send(marker);
      const expected = isExpected ? [sent, marker] : [marker];
      // Topics of different routers have no order between them.
      expect((await reader.take(expected.length)).toSorted()).toEqual(expected.toSorted());
    };

    test("§4 [A1][C3] an event reaches the subscriber of its prefix, and no other", async () => {
      const topic = freshTopic();
      const inside = await clients.subscribed(topic);
      const outside = await clients.subscribed(`${topic}elsewhere/`);
      const publisher = await clients.subscribed();
      publisher.send(numbered(`${topic}events`, 1));
      expect(numberOf(await inside.next())).toBe(1);
      await expectNothingBefore(outside, publisher, `${topic}elsewhere/`);
    });

    test("§4 [A3] a bare client publishes and receives", async () => {
      const topic = freshTopic();
      const [a, b] = [await clients.subscribed(`${topic}a`), await clients.subscribed(`${topic}b`)];
      a.send(numbered(`${topic}b`, 1));
      expect(numberOf(await b.next())).toBe(1);
      b.send(numbered(`${topic}a`, 2));
      expect(numberOf(await a.next())).toBe(2);
    });

    for (const { subscription, topic, matches } of vectors.prefix) {
      const row = topic.startsWith("alice") ? "[A26] " : /^zeek\/(events|misc)/.test(topic) ? "[A44] " : "";
      const [prefixText, topicText] = [JSON.stringify(subscription), JSON.stringify(topic)];
      test(`§4 ${row}prefix ${prefixText}, topic ${topicText}: ${matches ? "" : "not "}delivered`, async () => {
        await expectDelivery(subscription, topic, matches);
      });
    }

    test("§4 [A44] prefix bro/events takes bro/events/foo and bro/events/bar, not bro/misc", async () => {
      const reader = await clients.subscribed("bro/events");
      const publisher = await clients.subscribed();
      publisher.send(event("bro/events/foo", "foo"));
      publisher.send(event("bro/misc", "misc"));
      publisher.send(event("bro/events/bar", "bar"));
      expect(await reader.take(2)).toEqual([event("bro/events/foo", "foo"), event("bro/events/bar", "bar")]);
      await expectNothingBefore(reader, publisher, "bro/events/");
    });

    test("§4 [A27] topics need no slashes: prefix ab takes abc", async () => {
      const topic = freshTopic().replaceAll("/", "-");
      await expectDelivery(`${topic}ab`, `${topic}abc`, true);
      await expectDelivery(`${topic}ab`, `${topic}aB`, false);
    });

    test("§4 [A28] topics bro/<namespace>/<specifics> are plain topics, and a prefix of one's own works as well", async () => {
      const conventional = "bro/site/scan_attempt";
      const own = freshTopic();
      const reader = await clients.subscribed("bro/site/", own);
      const publisher = await clients.subscribed();
      publisher.send(event(conventional, "attempt"));
      publisher.send(event(`${own}scan_attempt`, "attempt"));
      expect(await reader.take(2)).toEqual([
        event(conventional, "attempt"),
        event(`${own}scan_attempt`, "attempt"),
      ]);
    });

    test("§4 matching is by the bytes of UTF-8, without normalisation", async () => {
      const topic = freshTopic();
      await expectDelivery(`${topic}caf\u00e9`, `${topic}caf\u00e9s`, true);
      await expectDelivery(`${topic}caf\u00e9`, `${topic}cafe\u0301s`, false);
      await expectDelivery(`${topic}STRASSE`, `${topic}stra\u00dfe`, false);
      await expectDelivery(`${topic}😀`, `${topic}😀😀`, true);
      await expectDelivery(`${topic}😀`, `${topic}😁`, false);
    });

    test.each(ODD_TOPICS)("§4 a topic with %s is delivered as it is", async (_, odd) => {
      const topic = freshTopic() + odd;
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      publisher.send(numbered(`${topic}/x`, 1));
      const got = await reader.next();
      expect((JSON.parse(got) as { topic: string }).topic).toBe(`${topic}/x`);
      expect(got).toBe(numbered(`${topic}/x`, 1));
    });

    test("§4 a topic written with escapes is the same topic", async () => {
      const topic = `${freshTopic()}é/x`;
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      const escaped = topic.replaceAll("/", "\\/").replaceAll("é", "\\u00e9");
      publisher.send(numbered("TOPIC", 1).replace("TOPIC", escaped));
      expect(await reader.next()).toBe(numbered(topic, 1));
    });

    test('§4 prefix "" takes every topic, the empty one too', async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed("");
      const publisher = await clients.subscribed();
      publisher.send(numbered("", 1));
      publisher.send(numbered(topic, 2));
      publisher.send(numbered("zeek/anything", 3));
      const got = await reader.take(3);
      expect(new Set(got.map(numberOf))).toEqual(new Set([1, 2, 3]));
    });

    test("§4 one copy per connection, however many subscriptions match", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed("", "test", topic, `${topic}a`, `${topic}a/b`, topic);
      const publisher = await clients.subscribed();
      publisher.send(numbered(`${topic}a/b/c`, 1));
      expect(numberOf(await reader.next())).toBe(1);
      await expectNothingBefore(reader, publisher, `${topic}a`);
    });

    test("§4 [B4] no own echo, even with a matching subscription; the others receive", async () => {
      const topic = freshTopic();
      const a = await clients.subscribed("", topic, `${topic}x`);
      const b = await clients.subscribed(topic);
      a.send(numbered(`${topic}x`, 1));
      expect(numberOf(await b.next())).toBe(1); // sequenced, and on its way to everybody
      await expectNothingBefore(a, b, `${topic}x`);
    });

    test("§4 no own echo in a burst that a second publisher is mixed with", async () => {
      const topic = freshTopic();
      const [a, b] = [await clients.subscribed(topic), await clients.subscribed(topic)];
      for (let i = 0; i < 1000; i++) {
        a.send(numbered(topic, i));
        b.send(numbered(topic, 10_000 + i));
      }
      expect((await b.take(1000)).map(numberOf)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
      expect((await a.take(1000)).map(numberOf)).toEqual(Array.from({ length: 1000 }, (_, i) => 10_000 + i));
      await expectNothingBefore(a, b, topic);
    });

    test("§4 two connections of one program are two clients", async () => {
      const topic = freshTopic();
      const headers = { "X-Application-Name": "twins" };
      const one = await clients.open({ headers });
      const two = await clients.open({ headers });
      for (const client of [one, two]) {
        client.send(JSON.stringify([topic]));
        await client.ack();
      }
      one.send(numbered(topic, 1));
      expect(numberOf(await two.next())).toBe(1);
    });

    test("§4 [C7] one publish reaches each of 30 subscribers once", async () => {
      const topic = freshTopic();
      const readers = await Promise.all(Array.from({ length: 30 }, () => clients.subscribed(topic)));
      const publisher = await clients.subscribed();
      publisher.send(numbered(topic, 1));
      publisher.send(numbered(topic, 2));
      const got = await Promise.all(readers.map((reader) => reader.take(2)));
      for (const two of got) expect(two.map(numberOf)).toEqual([1, 2]);
    });

    test("§4 publishing needs no subscription, and a topic without subscribers is no error", async () => {
      const topic = freshTopic();
      const publisher = await clients.subscribed();
      publisher.send(numbered(freshTopic(), 1));
      const reader = await clients.subscribed(topic);
      await expectNothingBefore(reader, publisher, topic);
      expect(publisher.unread).toEqual([]);
    });

    test("§4 the reserved topic <$> counts as missing", async () => {
      const everything = await clients.subscribed("");
      const publisher = await clients.subscribed();
      publisher.send(numbered("<$>", 1));
      expect(await publisher.next()).toBe(REFUSED.noTopic);
      await expectNothingBefore(everything, publisher, freshTopic());
    });

    test(`§4 a topic of ${LIMITS.topicBytesMax} bytes passes, one byte more is refused and the connection lives`, async () => {
      const longest = `${freshTopic()}é`.padEnd(LIMITS.topicBytesMax - 1, "x"); // é is two bytes
      const reader = await clients.subscribed(longest.slice(0, 40));
      const publisher = await clients.subscribed();
      publisher.send(numbered(longest, 1));
      expect(await reader.next()).toBe(numbered(longest, 1));
      publisher.send(numbered(`${longest}x`, 2));
      expect(JSON.parse(await publisher.next())).toMatchObject({ type: "error", code: "invalid_topic_key" });
      await expectNothingBefore(reader, publisher, longest);
    });
  });
}
