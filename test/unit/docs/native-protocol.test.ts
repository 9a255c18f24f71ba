/** The rules of PROTOCOL.md, "Native protocol" and "Trunks", held by the engines of session and router together. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { real, string } from "../../../src/data/value.ts";
import { formatDataMessage } from "../../../src/protocol/data-message.ts";
import type { FabricEvent } from "../../../src/protocol/event.ts";
import { ENCODING, type Frame, type Segment } from "../../../src/protocol/frame.ts";
import { FULL_GRANT } from "../../../src/protocol/access.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { decodeEvents, encodeEvents } from "../../../src/protocol/transcode.ts";
import { Exchange, instance } from "../../support/exchange.ts";

const event = (name: string): FabricEvent => ({ name, args: [string("x")], metadata: [] });
const utf8 = new TextEncoder();

const hello = (id: string, connection = 1, encodings: readonly string[] = ["json", "cbor"]): Frame => ({
  type: "hello",
  versions: [1, 1],
  instance: instance(id),
  connection,
  options: { encodings },
});

const subscribe = (id: number, ...prefixes: readonly string[]): Frame => ({
  type: "subscribe",
  id,
  prefixes: prefixes.map(parsePrefix),
  positions: [],
  options: {},
});

const cbor = (topic: string, ...events: readonly FabricEvent[]): Segment => ({
  topic: parseTopic(topic),
  encoding: ENCODING.cbor,
  count: events.length,
  payload: encodeEvents(events),
});

const json = (topic: string, payload: string, count = 1): Segment => ({
  topic: parseTopic(topic),
  encoding: ENCODING.json,
  count,
  payload: utf8.encode(payload),
});

const publish = (seq: number, ...segments: readonly Segment[]): Frame => ({
  type: "publish",
  seq,
  repeat: false,
  segments,
});

describe("hello", () => {
  test("N-4 R37 the first frame is hello, and welcome answers it with the version", () => {
    const peer = new Exchange().native().send(hello("a"));
    expect(peer.frames).toEqual([
      {
        type: "welcome",
        version: 1,
        endpoint: "e-1",
        options: { server: "0.1.0", publisher: expect.any(Uint8Array), table: expect.any(String) },
      },
    ]);
    expect(peer.closed).toBeUndefined();
  });

  test("N-4 N-11 another first frame is told and closed", () => {
    const peer = new Exchange().native().send(subscribe(1, "a"));
    expect(peer.take("error")).toMatchObject([{ id: undefined, code: "invalid_message" }]);
    expect(peer.closed).toEqual({ code: 1008, reason: "invalid_message" });
  });

  test("N-4 no hello in time is closed", () => {
    const world = new Exchange();
    const peer = world.native();
    world.pass(LIMITS.handshakeMs - 1);
    expect(peer.closed).toBeUndefined();
    world.pass(1);
    expect(peer.closed).toEqual({ code: 1008, reason: "handshake_timeout" });
  });

  test("R37 without a common version the connection is closed 1002", () => {
    const peer = new Exchange().native().send({ ...hello("a"), versions: [2, 9] } as Frame);
    expect(peer.closed).toEqual({ code: 1002, reason: "version_unsupported" });
  });
});

describe("subscriptions", () => {
  test("N-5 each change is answered under its id, with the position from which it holds", () => {
    const peer = new Exchange().native().send(hello("a"), subscribe(1, "a/"), subscribe(2, "b/"));
    peer.send({ type: "unsubscribe", id: 3, prefixes: [parsePrefix("a/")] });
    expect(peer.take("subscribed")).toEqual(
      [1, 2, 3].map((id) => ({
        type: "subscribed",
        id,
        positions: [{ router: "main", incarnation: 1, seq: 0 }],
        gaps: [],
      })),
    );
  });

  test("N-5 what is not granted is refused under its id, changes nothing, and the connection lives", () => {
    const world = new Exchange();
    const peer = world.native({ ...FULL_GRANT, subscribe: [parsePrefix("mine/")] });
    peer.send(hello("a"), subscribe(1, "mine/", "yours/"), subscribe(2, "mine/"));
    expect(peer.take("error")).toMatchObject([{ id: 1, code: "forbidden" }]);
    expect(peer.take("subscribed")).toMatchObject([{ id: 2 }]);
    world.native().send(hello("p"), publish(1, cbor("yours/x", event("no")), cbor("mine/x", event("yes"))));
    const topics = peer
      .take("deliver")
      .flatMap((d) => d.frames.flatMap((f) => f.segments.map((s) => s.topic)));
    expect(topics).toEqual(["mine/x"]);
  });

  test(`N-5 ${LIMITS.subscriptionsMax} prefixes are taken, one more is refused`, () => {
    const all = Array.from({ length: LIMITS.subscriptionsMax }, (_, i) => `p${i}/`);
    const peer = new Exchange().native().send(hello("a"), subscribe(1, ...all), subscribe(2, "one more"));
    expect(peer.take("subscribed")).toMatchObject([{ id: 1 }]);
    expect(peer.take("error")).toMatchObject([{ id: 2, code: "too_many" }]);
    expect(peer.closed).toBeUndefined();
  });
});

describe("publishing", () => {
  test('N-6 R10 published acknowledges all numbers up to its own, under router ""', () => {
    const peer = new Exchange().native().send(hello("a"));
    peer.send(publish(1, cbor("t", event("x"))), publish(2, cbor("t", event("y"))));
    expect(peer.take("published").at(-1)).toEqual({ type: "published", router: "", seq: 2 });
  });

  test("N-6 N-10 R5 what is published again on a new connection is acknowledged and delivered once", () => {
    const world = new Exchange();
    const reader = world.native().send(hello("r"), subscribe(1, ""));
    const first = world.native().send(hello("p", 1), publish(1, cbor("t", event("x"))));
    world.cut(first);
    const second = world.native().send(hello("p", 2));
    second.send(
      { ...publish(1, cbor("t", event("x"))), repeat: true } as Frame,
      publish(2, cbor("t", event("y"))),
    );
    expect(second.take("published").at(-1)).toMatchObject({ seq: 2 });
    const delivered = reader
      .take("deliver")
      .flatMap((d) => d.frames.map((f) => [f.publisher, f.publisherSeq]));
    expect(delivered).toEqual([
      [instance("p"), 1],
      [instance("p"), 2],
    ]);
  });

  test("N-6 more than a session may queue is closed 1013", () => {
    const world = new Exchange();
    const peer = world.native().send(hello("a"), subscribe(1, "own"));
    // The router takes nothing: the session's trunk is lost and not made again yet.
    world.cutTrunk(peer);
    const huge = { ...event("x"), args: [string("x".repeat(LIMITS.eventBytesMax))] };
    const large = cbor("t", huge);
    for (let seq = 1; peer.closed === undefined && seq < 20; seq++) peer.send(publish(seq, large));
    expect(peer.closed).toEqual({ code: 1013, reason: "publisher_too_fast" });
  });

  test("N-7 a JSON segment holds canonical messages of its topic, as many as it says", () => {
    const good = formatDataMessage("t", event("x"));
    const bad: readonly Segment[] = [
      json("t", good, 2),
      json("other", good),
      json("t", good.replace(":", ": ")),
      json("t", `${good}\n`),
      json("t", "no message"),
    ];
    for (const segment of bad) {
      const peer = new Exchange().native().send(hello("a"), publish(1, segment));
      expect(peer.take("publishRefused")).toMatchObject([{ seq: 1, code: "invalid_message" }]);
    }
    const peer = new Exchange().native().send(hello("a"), publish(1, json("t", `${good}\n${good}`, 2)));
    expect(peer.take("published")).toHaveLength(1);
  });

  test("N-8 a peer that takes JSON gets segments as published, another one all in CBOR", () => {
    const world = new Exchange();
    const both = world.native().send(hello("b"), subscribe(1, ""));
    const only = world.native().send(hello("o", 1, []), subscribe(1, ""));
    const line = formatDataMessage("t", event("x"));
    world.native().send(hello("p"), publish(1, json("t", line), cbor("t", event("y"))));
    const segments = (peer: typeof both) =>
      peer.take("deliver").flatMap((d) => d.frames.flatMap((f) => f.segments));
    const [first, second] = segments(both);
    expect(first).toMatchObject({ topic: "t", encoding: ENCODING.json, count: 1 });
    expect(new TextDecoder().decode(first!.payload)).toBe(line);
    expect(decodeEvents(second!.payload, 1)).toEqual([event("y")]);
    expect(segments(only).map((s) => decodeEvents(s.payload, s.count))).toEqual([[event("x")], [event("y")]]);
  });

  test("N-9 own frames are not held back, and are known by their publisher", () => {
    const peer = new Exchange()
      .native()
      .send(hello("a"), subscribe(1, ""), publish(1, cbor("t", event("x"))));
    expect(peer.take("deliver")[0]?.frames[0]?.publisher).toBe(instance("a"));
  });

  test("N-11 what was published before the refusal is still sequenced", () => {
    const world = new Exchange();
    const reader = world.native().send(hello("r"), subscribe(1, ""));
    const peer = world.native().send(hello("p"), publish(1, cbor("t", event("x"))), hello("p"));
    expect(peer.closed).toEqual({ code: 1008, reason: "invalid_message" });
    expect(reader.take("deliver")).toHaveLength(1);
  });

  test("N-12 ping is answered by pong with its id", () => {
    const peer = new Exchange().native().send(hello("a"), { type: "ping", id: 42 });
    expect(peer.take("pong")).toEqual([{ type: "pong", id: 42 }]);
  });
});

describe("coming back", () => {
  test("N-10 R4 what was missed since the position is told in gaps, and not sent again", () => {
    const world = new Exchange();
    const before = world.native().send(hello("r", 1), subscribe(1, "t"));
    const position = before.take("subscribed")[0]!.positions[0]!;
    world.cut(before);
    world.native().send(hello("p"), publish(1, cbor("t", event("missed"))));
    const after = world.native().send(hello("r", 2));
    after.send({ ...subscribe(1, "t"), positions: [position] } as Frame);
    expect(after.take("subscribed")[0]!.gaps).toEqual([
      { extent: "exact", from: position, to: { ...position, seq: 1 }, reason: "away" },
    ]);
    expect(after.take("deliver")).toEqual([]);
  });

  test("T-2 R1 the newer connection of an instance ends the older one as superseded", () => {
    const world = new Exchange();
    const older = world.native().send(hello("r", 1), subscribe(1, "t"));
    const newer = world.native().send(hello("r", 2), subscribe(1, "t"));
    expect(older.closed).toEqual({ code: 1008, reason: "superseded" });
    expect(newer.take("subscribed")).toHaveLength(1);
  });

  test("T-3 a lost trunk is made again, its subscription stands, and what was unacknowledged is published once", () => {
    const world = new Exchange();
    const reader = world.native().send(hello("r"), subscribe(1, "t"));
    const writer = world.native().send(hello("w"), subscribe(1, "w"), publish(1, cbor("t", event("one"))));
    world.cutTrunk(writer);
    writer.send(publish(2, cbor("t", event("two"))));
    expect(writer.take("published").at(-1)).toMatchObject({ seq: 1 });
    world.cutTrunk(reader);
    world.pass(LIMITS.trunkRetryMs);
    expect(writer.take("published").at(-1)).toMatchObject({ seq: 2 });
    const seqs = reader.take("deliver").flatMap((d) => d.frames.map((f) => f.publisherSeq));
    const missed = reader.take("gap").length;
    expect(seqs[0]).toBe(1);
    expect(seqs.length + missed).toBe(2);
  });
});

describe("JSON v1 beside native peers", () => {
  test("§6.3 an event that JSON cannot say is told by an error frame in its place", () => {
    const world = new Exchange();
    const reader = world.json(instance("j")).text('["t"]');
    const infinite: FabricEvent = { name: "bad", args: [real(Infinity)], metadata: [] };
    world.native().send(hello("p"), publish(1, cbor("t", event("good"))), publish(2, cbor("t", infinite)));
    expect(reader.texts.slice(1)).toEqual([
      formatDataMessage("t", event("good")),
      `{"type":"error","code":"broker_error","context":"Could not process remote event on topic 't'"}`,
    ]);
    expect(reader.closed).toBeUndefined();
  });
});

describe("trunks", () => {
  test("T-4 at most the window is unacknowledged, the rest waits and goes on", () => {
    const world = new Exchange();
    const writer = world.native().send(hello("w"), subscribe(1, "own"));
    world.cutTrunk(writer);
    const count = LIMITS.publishWindowFrames + 1;
    for (let seq = 1; seq <= count; seq++) writer.send(publish(seq, cbor("t", event("x"))));
    expect(writer.underWayMost).toBe(0);
    world.pass(LIMITS.trunkRetryMs);
    expect(writer.underWayMost).toBe(LIMITS.publishWindowFrames);
    expect(writer.take("published").at(-1)).toMatchObject({ seq: count });
    expect(writer.session.bufferedBytes).toBe(0);
  });

  test("T-6 subscribers with the same prefixes are sent the same bytes", () => {
    const world = new Exchange();
    const readers = ["a", "b"].map((id) => world.native().send(hello(id), subscribe(1, "t", "t/x", "u")));
    world.native().send(hello("p"), publish(1, cbor("t", event("x")), cbor("u", event("y"))));
    const [first, second] = readers.map((reader) => reader.take("deliver"));
    expect(first).toHaveLength(1);
    expect(first).toEqual(second);
  });

  test("T-7 R3 a delivery that does not follow the position is told as a gap", () => {
    const world = new Exchange();
    const reader = world.native().send(hello("r"), subscribe(1, "t"));
    const deliver = (prev: number, seq: number, incarnation = 1) =>
      encodeFrame({
        type: "deliver",
        router: "main",
        incarnation,
        prev,
        frames: [{ seq, publisher: instance("p"), publisherSeq: seq, segments: [cbor("t", event("x"))] }],
      });
    for (const bytes of [deliver(0, 1), deliver(3, 4), deliver(0, 2, 0), deliver(4, 5)]) {
      reader.session.trunkReceived("main", bytes, world.nowMs);
      reader.settle();
    }
    expect(reader.take("gap")).toMatchObject([
      { gap: { extent: "exact", from: { seq: 1 }, to: { seq: 3 } } },
    ]);
    expect(reader.take("deliver").map((d) => d.frames.map(({ seq }) => seq))).toEqual([[1], [4], [5]]);
  });
});

test("T-5 a router answers the publishes of a turn once, under its own name, with the highest number", () => {
  const { router } = new Exchange();
  router.receive("w", encodeFrame({ ...hello("w"), options: { table: "table-1" } } as Frame));
  for (const seq of [1, 2, 3]) router.receive("w", encodeFrame(publish(seq, cbor("t", event("x")))));
  const sent = router
    .turn(1)
    .flatMap((effect) => (effect.type === "send" ? [decodeFrame(effect.bytes)] : []));
  expect(sent.filter(({ type }) => type === "published")).toEqual([
    { type: "published", router: "main", seq: 3 },
  ]);
});
