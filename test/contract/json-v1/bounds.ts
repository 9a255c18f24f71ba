/**
 * Readers and publishers past their allowance (spec: Zeek's WebSocket API, §5.3; PROTOCOL.md). A JSON v1 peer cannot
 * be slowed down, so it is closed with a named reason, and nobody else notices.
 */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { event, numbered, numberOf, REFUSED, string } from "../../support/json-v1-event.ts";
import { expectNothingBefore, freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";

/** The layout that this suite needs: a small burst and hardly any refill, so that the bound is an exact number. */
export const BOUNDS_LAYOUT = {
  routers: [{ name: "main", prefix: "" }],
  jsonReader: { bytesPerSecond: 1, burstBytes: 1024 * 1024 },
} as const;

const { burstBytes } = BOUNDS_LAYOUT.jsonReader;

/** An event message of exactly `bytes` bytes. */
function eventOfBytes(topic: string, bytes: number): string {
  const empty = event(topic, "ev", [string("")]);
  return event(topic, "ev", [string("x".repeat(bytes - empty.length))]);
}

export function boundsSuite(fabric: Fabric): void {
  describe("§5.3 readers and publishers past their allowance", () => {
    const clients = useClients(fabric);

    test("R14 §5.3 a reader is sent exactly its burst; the next event closes it with 1013 slow_reader", async () => {
      const topic = freshTopic();
      const greedy = await clients.subscribed(topic);
      const modest = await clients.subscribed(`${topic}small/`);
      const publisher = await clients.subscribed();
      const burst = eventOfBytes(topic, burstBytes);
      publisher.send(burst);
      expect((await greedy.next()) === burst).toBe(true);
      publisher.send(numbered(`${topic}small/`, 1));
      expect(await greedy.closed).toEqual({ code: 1013, reason: "slow_reader" });
      expect(greedy.unread).toEqual([]);
      expect(numberOf(await modest.next())).toBe(1);
      await expectNothingBefore(modest, publisher, `${topic}small/`);
    });

    test("§5.3 an event one byte past the burst closes its reader, not the publisher", async () => {
      const topic = freshTopic();
      const greedy = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      publisher.send(eventOfBytes(topic, burstBytes + 1));
      expect(await greedy.closed).toEqual({ code: 1013, reason: "slow_reader" });
      expect(greedy.unread).toEqual([]);
      const other = await clients.subscribed(topic);
      await expectNothingBefore(other, publisher, topic);
    });

    test("§5.3 a reader that was closed comes back with a full allowance", async () => {
      const topic = freshTopic();
      const publisher = await clients.subscribed();
      for (let i = 0; i < 3; i++) {
        const reader = await clients.subscribed(topic);
        publisher.send(eventOfBytes(topic, burstBytes));
        expect((await reader.next()).length).toBe(burstBytes);
        publisher.send(numbered(topic, i));
        expect((await reader.closed).code).toBe(1013);
      }
    });

    test("R14 §5.3 a reader that stopped gets what it was sent, in order, then the close: no event is left out between", async () => {
      const topic = freshTopic();
      const sleeper = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      sleeper.pause();
      const events = Math.ceil((3 * burstBytes) / Buffer.byteLength(numbered(topic, 10_000)));
      for (let i = 0; i < events; i++) publisher.send(numbered(topic, i));
      sleeper.resume();
      expect(await sleeper.closed).toEqual({ code: 1013, reason: "slow_reader" });
      const got = sleeper.unread.map(numberOf);
      expect(got).toEqual(Array.from({ length: got.length }, (_, i) => i));
      expect(got.length).toBeLessThan(events);
      expect(sleeper.unread.reduce((sum, text) => sum + text.length, 0)).toBeLessThanOrEqual(burstBytes);
    });

    test("R14 §5.3 error frames are part of the allowance: who only sends nonsense is closed as well", async () => {
      const publisher = await clients.subscribed();
      const errors = Math.ceil(burstBytes / REFUSED.notDecoded.length);
      for (let i = 0; i <= errors; i++) publisher.send("nonsense");
      expect(await publisher.closed).toEqual({ code: 1013, reason: "slow_reader" });
      expect(publisher.unread.length).toBeLessThan(errors);
      expect(new Set(publisher.unread)).toEqual(new Set([REFUSED.notDecoded]));
    });

    test("R14 §5.3 a publisher past its queue is closed 1013 publisher_too_fast, and nobody else notices", async () => {
      const topic = freshTopic();
      const witness = await clients.subscribed(`${topic}witness`);
      const other = await clients.subscribed();
      const flooder = await clients.subscribed();
      // Eight times what the queue holds, in messages that the router takes longer to sequence than the session to read.
      const text = eventOfBytes(`${topic}flood`, LIMITS.jsonMessageBytesMax);
      for (let i = 0; i < (8 * LIMITS.inboundQueueBytesMax) / LIMITS.jsonMessageBytesMax; i++)
        flooder.send(text);
      expect(await flooder.closed).toEqual({ code: 1013, reason: "publisher_too_fast" });
      await expectNothingBefore(witness, other, `${topic}witness`);
    });
  });
}
