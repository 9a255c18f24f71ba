import { describe, expect, test } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { ENCODING, type Frame, type SequencedFrame } from "../../../src/protocol/frame.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { ClientEngine, type ClientEffect } from "../../../src/sdk/engine.ts";

const INSTANCE = "i".repeat(16);
const OTHER = "o".repeat(16);
const topic = parseTopic("zeek/x");
const prefix = parsePrefix("zeek/");
const WELCOME: Frame = { type: "welcome", version: 1, endpoint: "e", options: {} };

/** An engine, and what it did since it was asked last. */
function client(random = 0) {
  const engine = new ClientEngine({ instance: INSTANCE, hello: { name: "n" }, random: () => random });
  const effects = () => engine.drain();
  const isSend = (e: ClientEffect) => e.type === "send";
  const sent = () =>
    effects()
      .filter(isSend)
      .map((e) => decodeFrame(e.bytes));
  const say = (frame: Frame, nowMs = 0) => engine.receive(encodeFrame(frame), nowMs);
  const open = (nowMs = 0) => {
    engine.start(nowMs);
    engine.tick(engine.deadlineMs ?? nowMs);
    engine.connected(nowMs);
    const hello = sent();
    say(WELCOME, nowMs);
    return hello;
  };
  return { engine, effects, sent, say, open };
}

const deliver = (frames: readonly SequencedFrame[], router = "main"): Frame => ({
  type: "deliver",
  router,
  incarnation: 1,
  prev: 0,
  frames,
});
const sequenced = (seq: number, publisher: string, publisherSeq: number): SequencedFrame => ({
  seq,
  publisher,
  publisherSeq,
  segments: [
    { topic, encoding: ENCODING.json, count: 1, payload: new TextEncoder().encode(`${publisherSeq}`) },
  ],
});
const subscribed = (id: number): Frame => ({ type: "subscribed", id, positions: [], gaps: [] });
const segments = (effects: readonly ClientEffect[]) =>
  effects.flatMap((e) => (e.type === "segment" ? [new TextDecoder().decode(e.segment.payload)] : []));

describe("greeting", () => {
  test("hello says who it is; nothing else is sent before the welcome", () => {
    const { engine, sent, open } = client();
    engine.publishText(topic, "a");
    engine.subscribe([prefix]);
    engine.flush();
    expect(open()).toEqual([
      {
        type: "hello",
        versions: [1, 1],
        instance: INSTANCE,
        connection: 1,
        options: { name: "n", encodings: ["json", "cbor"] },
      },
    ]);
    expect(sent().map((frame) => frame.type)).toEqual(["subscribe", "publish"]);
  });

  test("a refusal that trying again cannot mend ends the client", () => {
    const { engine, effects } = client();
    engine.start(0);
    effects();
    const error = new FabricError("token_expired", "expired");
    engine.disconnected(0, error);
    expect(effects()).toEqual([{ type: "closed", error }]);
    expect(engine.deadlineMs).toBeUndefined();
  });

  test("so does an error frame of such a code, and the last of them counts", () => {
    const { engine, effects, say, open } = client();
    open();
    effects();
    say({ type: "error", id: undefined, code: "superseded", message: "newer" });
    expect(effects()).toEqual([{ type: "disconnect" }]);
    engine.disconnected(0);
    expect(effects()).toMatchObject([{ type: "closed", error: { code: "superseded" } }]);
  });
});

describe("reconnect", () => {
  test("waits longer each time up to reconnectMaxMs, half of it by chance, and starts anew after a welcome", () => {
    for (const [random, share] of [
      [0, 0.5],
      [1, 1],
    ] as const) {
      const { engine, effects, open } = client(random);
      open();
      let nowMs = 0;
      const waits: number[] = [];
      for (let i = 0; i < 10; i++) {
        effects();
        engine.disconnected(nowMs);
        const [lost] = effects();
        waits.push(lost?.type === "lost" ? lost.retryInMs : -1);
        nowMs = engine.deadlineMs!;
        engine.tick(nowMs);
        expect(effects()).toEqual([{ type: "connect" }]);
      }
      const limits = waits.map((_, i) => Math.min(LIMITS.reconnectMaxMs, LIMITS.reconnectMs * 2 ** i));
      expect(waits).toEqual(limits.map((limit) => limit * share));
      engine.connected(nowMs);
      engine.receive(encodeFrame(WELCOME), nowMs);
      effects();
      engine.disconnected(nowMs);
      expect(effects()).toEqual([{ type: "lost", retryInMs: LIMITS.reconnectMs * share }]);
    }
  });

  test("R1 the same instance comes back with a higher connection number", () => {
    const { engine, open, effects } = client();
    expect(open()).toMatchObject([{ instance: INSTANCE, connection: 1 }]);
    effects();
    engine.disconnected(0);
    expect(open(1_000)).toMatchObject([{ instance: INSTANCE, connection: 2 }]);
  });

  test("R5 what has no acknowledgement is sent again, flagged as a repeat, and only that", () => {
    const { engine, sent, say, open, effects } = client();
    open();
    for (const text of ["a", "b", "c"]) {
      engine.publishText(topic, text);
      engine.flush();
    }
    say({ type: "published", router: "", seq: 1 });
    sent();
    engine.disconnected(0);
    effects();
    open(1_000);
    expect(sent()).toMatchObject([
      { type: "publish", seq: 2, repeat: true },
      { type: "publish", seq: 3, repeat: true },
    ]);
    say({ type: "published", router: "", seq: 3 });
    expect(effects()).toContainEqual({ type: "idle" });
    expect(engine.isIdle).toBe(true);
  });

  test("R2 subscriptions come back with the positions read so far; pending changes one by one", () => {
    const { engine, sent, say, open, effects } = client();
    open();
    say(subscribed(engine.subscribe([prefix])));
    say(deliver([sequenced(7, OTHER, 1)]));
    const pending = engine.subscribe([parsePrefix("other/")]);
    effects();
    engine.disconnected(0);
    open(1_000);
    const positions = [{ router: "main", incarnation: 1, seq: 7 }];
    const frames = sent();
    expect(frames).toMatchObject([
      { type: "subscribe", prefixes: ["zeek/"], positions },
      { type: "subscribe", id: pending, prefixes: ["other/"], positions },
    ]);
    say(subscribed(pending));
    expect(effects()).toEqual([{ type: "subscribed", id: pending }]);
  });

  test("a prefix that a live subscription and a pending one want comes back for both", () => {
    const { engine, sent, say, open, effects } = client();
    open();
    say(subscribed(engine.subscribe([prefix])));
    engine.subscribe([prefix]);
    effects();
    engine.disconnected(0);
    open(1_000);
    expect(sent()).toMatchObject([
      { type: "subscribe", prefixes: ["zeek/"] },
      { type: "subscribe", prefixes: ["zeek/"] },
    ]);
  });

  test("goaway makes it connect again", () => {
    const { engine, effects, say, open } = client();
    open();
    effects();
    say({ type: "goaway", reason: "deploy" });
    expect(effects()).toEqual([{ type: "disconnect" }]);
    engine.disconnected(0);
    expect(effects()).toMatchObject([{ type: "lost" }]);
  });

  test("silence is asked after, then the connection is given up", () => {
    const { engine, sent, effects, say, open } = client();
    open();
    sent();
    engine.tick(LIMITS.clientSilenceMs - 1);
    expect(sent()).toEqual([]);
    engine.tick(LIMITS.clientSilenceMs);
    expect(sent()).toEqual([{ type: "ping", id: 0 }]);
    say({ type: "pong", id: 0 }, LIMITS.clientSilenceMs + 1);
    engine.tick(2 * LIMITS.clientSilenceMs + 1);
    expect(sent()).toEqual([{ type: "ping", id: 0 }]);
    engine.tick(3 * LIMITS.clientSilenceMs + 1);
    expect(effects()).toEqual([{ type: "disconnect" }]);
  });

  test("an attempt without an answer is given up", () => {
    const { engine, effects } = client();
    engine.start(0);
    effects();
    engine.tick(LIMITS.clientSilenceMs);
    expect(effects()).toEqual([{ type: "disconnect" }]);
  });
});

describe("events", () => {
  test("R5 repeats are dropped by router, publisher and its number, also across connections", () => {
    const { engine, effects, say, open } = client();
    open();
    say(deliver([sequenced(1, OTHER, 1), sequenced(2, OTHER, 2), sequenced(3, OTHER, 2)]));
    expect(segments(effects())).toEqual(["1", "2"]);
    say(deliver([sequenced(1, OTHER, 1)], "second"));
    expect(segments(effects())).toEqual(["1"]);
    engine.disconnected(0);
    open(1_000);
    say(deliver([sequenced(4, OTHER, 2), sequenced(5, OTHER, 3)]));
    expect(segments(effects())).toEqual(["3"]);
  });

  test("its own events do not come back", () => {
    const { effects, say, open } = client();
    open();
    say(deliver([sequenced(1, INSTANCE, 1), sequenced(2, OTHER, 1)]));
    expect(segments(effects())).toEqual(["1"]);
  });

  test("a gap is told, and moves the position", () => {
    const { engine, effects, sent, say, open } = client();
    open();
    say(subscribed(engine.subscribe([prefix])));
    const at = (seq: number) => ({ router: "main", incarnation: 1, seq });
    effects();
    const gap = { extent: "exact", from: at(1), to: at(9) } as const;
    say({ type: "gap", gap });
    expect(effects()).toEqual([{ type: "gap", gap }]);
    engine.disconnected(0);
    open(1_000);
    expect(sent()).toMatchObject([{ type: "subscribe", positions: [at(9)] }]);
  });

  test("bytes that are no frame of the fabric end the client", () => {
    for (const bytes of [new Uint8Array([0xff]), encodeFrame({ type: "ping", id: 1 })]) {
      const { engine, effects, open } = client();
      open();
      effects();
      engine.receive(bytes, 0);
      expect(effects()).toEqual([{ type: "disconnect" }]);
      engine.disconnected(0);
      expect(effects()).toMatchObject([{ type: "closed" }]);
    }
  });
});

describe("changes of subscriptions", () => {
  test("a prefix is given up when nobody wants it any more", () => {
    const { engine, effects, sent, say, open } = client();
    open();
    sent();
    for (const id of [engine.subscribe([prefix]), engine.subscribe([prefix])]) say(subscribed(id));
    sent();
    const first = engine.unsubscribe([prefix]);
    expect(effects()).toEqual([{ type: "subscribed", id: first }]);
    const second = engine.unsubscribe([prefix]);
    expect(sent()).toEqual([{ type: "unsubscribe", id: second, prefixes: ["zeek/"] }]);
  });

  test("a refused subscription is told, and does not come back", () => {
    const { engine, effects, sent, say, open } = client();
    open();
    const id = engine.subscribe([parsePrefix("secret/")]);
    effects();
    say({ type: "error", id, code: "forbidden", message: "no" });
    expect(effects()).toMatchObject([{ type: "refused", id, error: { code: "forbidden" } }]);
    engine.disconnected(0);
    open(1_000);
    expect(sent()).toEqual([]);
  });

  test("a subscription that was in force and is refused after a reconnect ends the client", () => {
    const { engine, effects, sent, say, open } = client();
    open();
    say(subscribed(engine.subscribe([prefix])));
    sent();
    engine.disconnected(0);
    open(1_000);
    const [resume] = sent();
    say({ type: "error", id: (resume as { id: number }).id, code: "forbidden", message: "no" });
    engine.disconnected(1_000);
    expect(effects()).toMatchObject([
      { type: "disconnect" },
      { type: "closed", error: { code: "forbidden" } },
    ]);
  });
});

describe("logs", () => {
  test("a frame of the log path needs a connection; the shell sends it again after the welcome", () => {
    const { engine, effects, sent, say, open } = client();
    const resume = { type: "logResume", logger: "l", writer: OTHER, birthMs: 5 } as const;
    expect(engine.sendLog(resume)).toBe(false);
    open();
    sent();
    expect(engine.sendLog(resume)).toBe(true);
    expect(sent()).toEqual([resume]);
    const ack = {
      type: "logAck",
      logger: "l",
      writer: OTHER,
      last: { number: 0, hash: new Uint8Array(), range: undefined },
    } as const;
    say(ack);
    expect(effects()).toMatchObject([{ type: "logAck", frame: { logger: "l" } }]);
  });
});
