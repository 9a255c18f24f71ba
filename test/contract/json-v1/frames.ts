/** Frames, fragments, control frames, sizes and close codes (spec: Zeek's WebSocket API, §3). */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { event, numbered, numberOf, REFUSED, string } from "../../support/json-v1-event.ts";
import { expectNothingBefore, freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";
import { closeOf, closePayload, OPCODE, type FrameShape, type RawSocket } from "../../support/ws-raw.ts";

const MIB = 1024 * 1024;

const VIOLATIONS: readonly (readonly [string, readonly FrameShape[]])[] = [
  ["RSV1 without an extension", [{ opcode: OPCODE.text, payload: "[]", rsv: 4 }]],
  ["RSV2", [{ opcode: OPCODE.text, payload: "[]", rsv: 2 }]],
  ["RSV3", [{ opcode: OPCODE.text, payload: "[]", rsv: 1 }]],
  ["opcode 3", [{ opcode: 3, payload: "[]" }]],
  ["opcode 11", [{ opcode: 11, payload: "" }]],
  ["a fragmented ping", [{ opcode: OPCODE.ping, payload: "x", fin: false }]],
  ["a continuation of nothing", [{ opcode: OPCODE.continuation, payload: "[]" }]],
  [
    "a new message inside a fragmented one",
    [
      { opcode: OPCODE.text, payload: "[", fin: false },
      { opcode: OPCODE.text, payload: "]" },
    ],
  ],
];

/** The close frame of the server, with any messages before it. */
async function closeFrame(socket: RawSocket): Promise<{ code: number; reason: string }> {
  for (;;) {
    const frame = await socket.next();
    if (frame.opcode === OPCODE.close) return closeOf(frame);
  }
}

/** An event message of exactly `bytes` bytes. */
function eventOfBytes(topic: string, bytes: number): string {
  const empty = event(topic, "ev", [string("")]);
  return event(topic, "ev", [string("x".repeat(bytes - Buffer.byteLength(empty)))]);
}

export function framesSuite(fabric: Fabric): void {
  describe("§3 frames and transport", () => {
    const clients = useClients(fabric);

    test("§3 binary frames are read as JSON text, the subscription included; answers are text", async () => {
      const topic = freshTopic();
      const client = await clients.open();
      client.send(Buffer.from(JSON.stringify([topic])), { binary: true });
      await client.ack();
      const other = await clients.subscribed(topic);
      client.send(Buffer.from(numbered(topic, 1)), { binary: true });
      expect(numberOf(await other.next())).toBe(1);
      other.send(Buffer.from(numbered(topic, 2)), { binary: true });
      expect(numberOf(await client.next())).toBe(2); // JsonClient throws on a binary frame
    });

    test("§3 each message of the server is one text frame or its continuations, not compressed", async () => {
      const topic = freshTopic();
      const socket = await clients.raw();
      socket.text(JSON.stringify([topic]));
      const ack = await socket.next();
      expect(ack).toMatchObject({ opcode: OPCODE.text, rsv: 0 });
      const publisher = await clients.subscribed();
      const texts = [event(topic, "a"), event(topic, "b", [string("y".repeat(70_000))])];
      for (const text of texts) publisher.send(text);
      for (const text of texts) expect((await socket.nextText()) === text).toBe(true);
    });

    test("§3 a message in fragments is put together, with control frames between them", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const socket = await clients.rawPublisher();
      const text = event(topic, "é€😀", [string("fragments")]);
      const bytes = Buffer.from(text); // cut anywhere, also inside a character
      for (let i = 0; i < bytes.length; i++) {
        const opcode = i === 0 ? OPCODE.text : OPCODE.continuation;
        socket.frame({ opcode, payload: bytes.subarray(i, i + 1), fin: i === bytes.length - 1 });
        if (i % 40 === 20) socket.frame({ opcode: OPCODE.ping, payload: String(i) });
      }
      expect(await reader.next()).toBe(text);
      expect((await socket.next()).opcode).toBe(OPCODE.pong);
    });

    test("§3 empty fragments and a subscription in fragments are read", async () => {
      const socket = await clients.raw();
      socket.frame({ opcode: OPCODE.text, payload: "", fin: false });
      socket.frame({ opcode: OPCODE.continuation, payload: "[", fin: false });
      socket.frame({ opcode: OPCODE.continuation, payload: "", fin: false });
      socket.frame({ opcode: OPCODE.continuation, payload: "]" });
      expect(await socket.nextText()).toContain('"type":"ack"');
    });

    test("§3 invalid UTF-8 in a text frame arrives as U+FFFD, because workerd does not close with 1007", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const socket = await clients.rawPublisher();
      const [head, tail] = event(topic, "ev", [string("SPLIT")]).split("SPLIT") as [string, string];
      const payload = Buffer.concat([Buffer.from(head), Buffer.from([0x61, 0xff, 0x62]), Buffer.from(tail)]);
      socket.frame({ opcode: OPCODE.text, payload });
      expect(await reader.next()).toBe(event(topic, "ev", [string("a\ufffdb")]));
    });

    test("§3 invalid UTF-8 in a binary frame is closed 1007, before the ack too, and reaches nobody", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const socket = await clients.rawPublisher();
      const [head, tail] = event(topic, "ev", [string("SPLIT")]).split("SPLIT") as [string, string];
      const payload = Buffer.concat([Buffer.from(head), Buffer.from([0xc3, 0x28]), Buffer.from(tail)]);
      socket.frame({ opcode: OPCODE.binary, payload });
      const expected = { code: 1007, reason: "Invalid frame payload data" };
      expect(await closeFrame(socket)).toEqual(expected);
      await expectNothingBefore(reader, await clients.subscribed(), topic);
      const greeting = await clients.raw();
      greeting.frame({ opcode: OPCODE.binary, payload: Buffer.from([0xff]) });
      expect(await closeFrame(greeting)).toEqual(expected);
    });

    test.each(VIOLATIONS)("§3 %s is answered with close 1002", async (_, frames) => {
      const socket = await clients.raw();
      for (const frame of frames) socket.frame(frame);
      expect((await closeFrame(socket)).code).toBe(1002);
      await socket.ended();
    });

    test("§3 a violation ends only the connection that commits it", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      const socket = await clients.rawPublisher();
      socket.text(numbered(topic, 1));
      socket.frame({ opcode: 3, payload: "x" });
      expect((await closeFrame(socket)).code).toBe(1002);
      expect(numberOf(await reader.next())).toBe(1);
      await expectNothingBefore(reader, publisher, topic);
    });

    test("§3 PING is answered by PONG with its payload, before and after the ack", async () => {
      const client = await clients.open();
      expect(await client.ping("before")).toBe("before");
      client.send("[]");
      await client.ack();
      expect(await client.ping("x".repeat(125))).toBe("x".repeat(125));
      expect(await client.ping("")).toBe("");
    });

    test("§3 a PING of more than 125 bytes is answered like any other, because workerd does not check it", async () => {
      const socket = await clients.rawPublisher();
      socket.frame({ opcode: OPCODE.ping, payload: "x".repeat(126) });
      expect((await socket.next()).payload.toString()).toBe("x".repeat(126));
    });

    test("§3 unsolicited PONGs are ignored", async () => {
      const socket = await clients.rawPublisher();
      socket.frame({ opcode: OPCODE.pong, payload: "nobody asked" });
      socket.text("x");
      expect(await socket.nextText()).toBe(REFUSED.notDecoded);
    });

    test.each([
      [1000, ""],
      [1000, "done"],
      [1001, "going away"],
      [3000, "library"],
      [4999, "x".repeat(123)],
    ])("§3 CLOSE %i %j is answered with the same code and reason", async (code, reason) => {
      const socket = await clients.rawPublisher();
      socket.frame({ opcode: OPCODE.close, payload: closePayload(code, reason) });
      const answer = await socket.next();
      expect(answer.opcode).toBe(OPCODE.close);
      expect(closeOf(answer)).toEqual({ code, reason });
      await socket.ended();
    });

    test("§3 CLOSE without a code is answered, before the ack too", async () => {
      for (const socket of [await clients.rawPublisher(), await clients.raw()]) {
        socket.frame({ opcode: OPCODE.close });
        const answer = await socket.next();
        expect(answer.opcode).toBe(OPCODE.close);
        expect([1000, 1005]).toContain(closeOf(answer).code);
        await socket.ended();
      }
    });

    test("§3 [A38] publish 100 events, close at once: all 100 arrive, in order", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      for (let round = 0; round < 5; round++) {
        const publisher = await clients.open();
        publisher.send("[]");
        for (let i = 0; i < 100; i++) publisher.send(numbered(topic, i));
        expect((await publisher.close(1000)).code).toBe(1000);
        const got = await reader.take(100);
        expect(got.map(numberOf)).toEqual(Array.from({ length: 100 }, (_, i) => i));
      }
    });

    test("§3 subscription, 100 events and CLOSE in one segment: all 100 arrive", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const socket = await clients.raw();
      socket.text("[]");
      for (let i = 0; i < 100; i++) socket.text(numbered(topic, i));
      socket.frame({ opcode: OPCODE.close, payload: closePayload(1000) });
      expect((await closeFrame(socket)).code).toBe(1000);
      expect((await reader.take(100)).map(numberOf)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    });

    test("§3 messages of 1 MiB pass, both ways, many of them", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed(`${topic}back`);
      const there = eventOfBytes(topic, MIB);
      const back = eventOfBytes(`${topic}back`, MIB);
      for (let i = 0; i < 8; i++) {
        publisher.send(there);
        expect((await reader.next()) === there).toBe(true);
        reader.send(back);
        expect((await publisher.next()) === back).toBe(true);
      }
    });

    test(`§3 a message of ${LIMITS.jsonMessageBytesMax / MIB} MiB passes, one byte more is closed 1009`, async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const publisher = await clients.subscribed();
      const largest = eventOfBytes(topic, LIMITS.jsonMessageBytesMax);
      publisher.send(largest);
      expect((await reader.next()) === largest).toBe(true);
      publisher.send(eventOfBytes(topic, LIMITS.jsonMessageBytesMax + 1));
      expect((await publisher.closed).code).toBe(1009);
      await expectNothingBefore(reader, await clients.subscribed(), topic);
    });

    test("§3 a first frame past the size bound is closed 1009", async () => {
      const client = await clients.open();
      client.send(`["${"x".repeat(LIMITS.jsonMessageBytesMax)}"]`);
      expect((await client.closed).code).toBe(1009);
    });

    test("§3 a client that vanishes without CLOSE disturbs nobody", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed(topic);
      const gone = await clients.subscribed(topic);
      const socket = await clients.rawPublisher();
      gone.terminate();
      socket.frame({ opcode: OPCODE.text, payload: numbered(topic, 1).slice(0, 20), claimedLength: 5000 });
      socket.destroy();
      const publisher = await clients.subscribed();
      for (let i = 0; i < 100; i++) publisher.send(numbered(topic, i));
      expect((await reader.take(100)).map(numberOf)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    });
  });
}
