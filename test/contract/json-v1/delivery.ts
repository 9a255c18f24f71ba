/** Order, bursts and isolation of peers (spec: Zeek's WebSocket API, §5). The bounds of readers are in bounds.ts. */
import { describe, expect, test } from "vitest";
import { event, numbered, numberOf, REFUSED, string } from "../../support/json-v1-event.ts";
import { freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

export function deliverySuite(fabric: Fabric): void {
  describe("§5 delivery", () => {
    const clients = useClients(fabric);

    test("§5.1 events of one publisher come in the order sent, at every subscriber, over several topics", async () => {
      const topic = freshTopic();
      const readers = await Promise.all(upTo(4).map(() => clients.subscribed(topic)));
      const publisher = await clients.subscribed();
      for (const i of upTo(5000)) publisher.send(numbered(`${topic}${i % 7}`, i));
      for (const reader of readers) expect((await reader.take(5000)).map(numberOf)).toEqual(upTo(5000));
    });

    test("§5.1 each of four publishers keeps its order at each of three subscribers", async () => {
      const topic = freshTopic();
      const readers = await Promise.all(upTo(3).map(() => clients.subscribed(topic)));
      const publishers = await Promise.all(upTo(4).map(() => clients.subscribed()));
      for (const i of upTo(1000))
        publishers.forEach((p, k) => p.send(numbered(`${topic}${k}`, k * 1000 + i)));
      for (const reader of readers) {
        const got = (await reader.take(4000)).map(numberOf);
        for (const k of upTo(4))
          expect(got.filter((n) => Math.floor(n / 1000) === k)).toEqual(upTo(1000).map((i) => k * 1000 + i));
      }
    });

    test("§5.1 a reply comes after the publish that caused it took effect", async () => {
      const topic = freshTopic();
      const asker = await clients.subscribed(`${topic}answers`);
      const answerer = await clients.subscribed(`${topic}questions`);
      const log = await clients.subscribed(topic);
      for (const i of upTo(100)) {
        asker.send(numbered(`${topic}questions`, i));
        expect(numberOf(await answerer.next())).toBe(i);
        answerer.send(numbered(`${topic}answers`, 1000 + i));
        expect(numberOf(await asker.next())).toBe(1000 + i);
      }
      expect((await log.take(200)).map(numberOf)).toEqual(upTo(100).flatMap((i) => [i, 1000 + i]));
    });

    test("§5.1 errors come in the order of the messages that caused them", async () => {
      const topic = freshTopic();
      const publisher = await clients.subscribed();
      const reader = await clients.subscribed(topic);
      const bad = [
        ["nonsense", REFUSED.notDecoded],
        ['{"@data-type":"count","data":1}', REFUSED.noTopic],
        ['{"topic":"/t","@data-type":"count","data":1}', REFUSED.noEvent],
      ] as const;
      for (const i of upTo(300)) {
        publisher.send(bad[i % 3]![0]);
        publisher.send(numbered(topic, i));
      }
      expect(await publisher.take(300)).toEqual(upTo(300).map((i) => bad[i % 3]![1]));
      expect((await reader.take(300)).map(numberOf)).toEqual(upTo(300));
    });

    test("§5.2 a publish that succeeds has no reply", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      for (const i of upTo(50)) publisher.send(numbered(topic, i));
      await reader.take(50);
      publisher.send("bad");
      expect(await publisher.next()).toBe(REFUSED.notDecoded);
    });

    test("§5.3 a burst of 20,000 small events passes without loss to a client that reads", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      for (const i of upTo(20_000)) publisher.send(numbered(topic, i));
      expect((await reader.take(20_000)).map(numberOf)).toEqual(upTo(20_000));
    });

    test("§5.3 a client that stops reading delays nobody, and gets all when it goes on within its allowance", async () => {
      const topic = freshTopic();
      const sleeper = await clients.subscribed(topic);
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      sleeper.pause();
      for (const i of upTo(200)) publisher.send(event(topic, `ev${i}`, [string("z".repeat(100_000))]));
      const got = await reader.take(200);
      sleeper.resume();
      expect((await sleeper.take(200)).every((text, i) => text === got[i])).toBe(true);
    });

    test("§5 [C10] clients come and go while events flow, and nobody else misses one", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      let sent = 0;
      for (const round of upTo(20)) {
        const guest = await clients.subscribed(topic);
        for (const _ of upTo(25)) publisher.send(numbered(topic, sent++));
        if (round % 2 === 0) guest.terminate();
        else await guest.close();
      }
      expect((await reader.take(sent)).map(numberOf)).toEqual(upTo(sent));
    });
  });
}
