import { describe, expect, test } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import {
  at,
  deliver,
  INSTANCE,
  OTHER,
  rig,
  sequenced,
  subscribed,
  texts,
  topic,
  WELCOME,
  WINDOW,
} from "./engine-rig.ts";

const prefix = parsePrefix("zeek/");

describe("greeting", () => {
  test("hello says who it is; nothing else is sent before the welcome", () => {
    const { engine, sent, open } = rig();
    engine.publishText(topic, "a");
    engine.subscribe([prefix]);
    engine.flush();
    expect(open()).toEqual([
      {
        type: "hello",
        versions: [1, 1],
        instance: INSTANCE,
        connection: 1,
        options: { name: "n", encodings: ["json", "cbor"], resume: true, window: WINDOW },
      },
    ]);
    expect(sent().map((frame) => frame.type)).toEqual(["subscribe", "publish"]);
  });

  test("a refusal that trying again cannot mend ends the client", () => {
    const { engine, effects, told, lose } = rig();
    engine.start(0);
    effects();
    const error = new FabricError("token_expired", "expired");
    lose(0, error);
    expect(told()).toEqual([
      { type: "disconnect", connection: 1 },
      { type: "closed", error },
    ]);
    expect(engine.deadlineMs).toBeUndefined();
    expect(engine.status).toBe("closed");
  });

  test("so does an error frame of such a code, before the welcome or after", () => {
    for (const isWelcome of [false, true]) {
      const { engine, effects, told, say, open, greet } = rig();
      engine.start(0);
      effects();
      if (isWelcome) open();
      else greet();
      effects();
      say({ type: "error", id: undefined, code: "superseded", message: "newer" });
      expect(told()).toMatchObject([
        { type: "disconnect" },
        { type: "disconnect" },
        { type: "closed", error: { code: "superseded" } },
      ]);
    }
  });

  test("another first frame than a welcome ends the client", () => {
    const { engine, effects, told, say, greet } = rig();
    engine.start(0);
    effects();
    greet();
    say({ type: "pong", id: 1 });
    expect(told().at(-1)).toMatchObject({ type: "closed", error: { code: "invalid_message" } });
  });
});

describe("reconnect", () => {
  test("waits longer each time up to reconnectMaxMs, half of it by chance, and starts anew after a welcome", () => {
    for (const [random, share] of [
      [0, 0.5],
      [1, 1],
    ] as const) {
      const { engine, effects, told, open, lose, greet, say } = rig({ random });
      open();
      let nowMs = 0;
      const waits: number[] = [];
      for (let i = 0; i < 10; i++) {
        effects();
        lose(nowMs);
        const [lost] = told();
        waits.push(lost?.type === "lost" ? lost.retryInMs : -1);
        nowMs = engine.deadlineMs!;
        engine.tick(nowMs);
        expect(effects()).toEqual([{ type: "connect", connection: i + 2 }]);
      }
      const limits = waits.map((_, i) => Math.min(LIMITS.reconnectMaxMs, LIMITS.reconnectMs * 2 ** i));
      expect(waits).toEqual(limits.map((limit) => limit * share));
      greet();
      say(WELCOME, nowMs);
      effects();
      lose(nowMs);
      expect(told()).toEqual([{ type: "lost", retryInMs: LIMITS.reconnectMs * share }]);
    }
  });

  test("R1 the same instance comes back with a higher connection number", () => {
    const { open, lose, effects } = rig();
    expect(open()).toMatchObject([{ instance: INSTANCE, connection: 1 }]);
    effects();
    lose();
    expect(open(1_000)).toMatchObject([{ instance: INSTANCE, connection: 2 }]);
  });

  test("R5 what has no acknowledgement is sent again, flagged as a repeat, and only that", () => {
    const { engine, sent, told, say, open, lose } = rig();
    open();
    for (const text of ["a", "b", "c"]) {
      engine.publishText(topic, text);
      engine.flush();
    }
    say({ type: "published", router: "", seq: 1 });
    sent();
    lose();
    open(1_000);
    expect(sent()).toMatchObject([
      { type: "publish", seq: 2, repeat: true },
      { type: "publish", seq: 3, repeat: true },
    ]);
    say({ type: "published", router: "", seq: 3 });
    expect(told()).toContainEqual({ type: "settled", upTo: 3 });
    expect(engine.settled).toBe(engine.pushed);
  });

  test("R2 subscriptions come back with the positions read so far; pending changes one by one", () => {
    const { engine, sent, told, say, open, lose } = rig();
    open();
    say(subscribed(engine.subscribe([prefix])));
    say(deliver([sequenced(7, OTHER, 1)]));
    const pending = engine.subscribe([parsePrefix("other/")]);
    lose();
    open(1_000);
    const positions = [at(7)];
    expect(sent()).toMatchObject([
      { type: "subscribe", prefixes: ["zeek/"], positions },
      { type: "subscribe", id: pending, prefixes: ["other/"], positions: [] },
    ]);
    say(subscribed(pending));
    expect(told()).toEqual([{ type: "subscribed", id: pending }]);
  });

  test("a prefix that a live subscription and a pending one want comes back for both", () => {
    const { engine, sent, say, open, lose } = rig();
    open();
    say(subscribed(engine.subscribe([prefix])));
    engine.subscribe([prefix]);
    lose();
    open(1_000);
    expect(sent()).toMatchObject([
      { type: "subscribe", prefixes: ["zeek/"] },
      { type: "subscribe", prefixes: ["zeek/"] },
    ]);
  });

  test("R11 that everything kept has come is told, with the position from which on it is live", () => {
    const { sent, told, say, open, lose, engine } = rig();
    open();
    say(subscribed(engine.subscribe([prefix]), 3));
    told();
    say({ type: "recovered", position: at(9), complete: true });
    expect(told()).toEqual([{ type: "recovered", position: at(9), complete: true }]);
    lose();
    open(1_000);
    expect(sent()).toMatchObject([{ type: "subscribe", positions: [at(9)] }]);
  });

  test("silence is asked after, then the connection is given up", () => {
    const { engine, sent, told, say, open } = rig();
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
    expect(told()).toMatchObject([{ type: "disconnect", connection: 1 }, { type: "lost" }]);
  });

  test("an attempt without an answer is given up", () => {
    const { engine, effects, told } = rig();
    engine.start(0);
    effects();
    engine.tick(LIMITS.clientSilenceMs - 1);
    expect(told()).toEqual([]);
    engine.tick(LIMITS.clientSilenceMs);
    expect(told()).toMatchObject([{ type: "disconnect", connection: 1 }, { type: "lost" }]);
  });
});

describe("events", () => {
  test("R5 repeats are dropped by router, publisher and its number, also across connections", () => {
    const { told, say, open, lose } = rig();
    open();
    say(deliver([sequenced(1, OTHER, 1), sequenced(2, OTHER, 2), sequenced(3, OTHER, 2)]));
    expect(texts(told())).toEqual(["1", "2"]);
    say(deliver([sequenced(1, OTHER, 1)], "second"));
    expect(texts(told())).toEqual(["1"]);
    lose();
    open(1_000);
    say(deliver([sequenced(4, OTHER, 2), sequenced(5, OTHER, 3)]));
    expect(texts(told())).toEqual(["3"]);
  });

  test("N-9 its own events are marked as such, and come once like any other", () => {
    const { told, say, open } = rig();
    open();
    told();
    say(deliver([sequenced(1, INSTANCE, 1), sequenced(2, OTHER, 1), sequenced(3, INSTANCE, 1)]));
    const [delivery] = told();
    expect(delivery?.type === "delivery" && delivery.runs.map((run) => run.isOwn)).toEqual([true, false]);
  });

  test("a gap is told, and moves the position", () => {
    const { engine, told, sent, say, open, lose } = rig();
    open();
    say(subscribed(engine.subscribe([prefix])));
    told();
    const gap = { extent: "exact", from: at(1), to: at(9), events: 12, reason: "overflow" } as const;
    say({ type: "gap", gap });
    expect(told()).toEqual([{ type: "gap", gap }]);
    lose();
    open(1_000);
    expect(sent()).toMatchObject([{ type: "subscribe", positions: [at(9)] }]);
  });

  test("bytes that are no frame of the fabric, and texts, end the client", () => {
    for (const message of [new Uint8Array([0xff]), encodeFrame({ type: "ping", id: 1 }), "[]"]) {
      const { engine, told, open, connection } = rig();
      open();
      told();
      engine.received(connection(), message, 0);
      expect(told().at(-1)).toMatchObject({ type: "closed" });
    }
  });
});

describe("publishes", () => {
  const other = parseTopic("other");

  test("R10 the acknowledgement names the events, and the receivers where the fabric says them", () => {
    const { engine, told, say, open } = rig();
    open();
    for (const text of ["a", "b", "c"]) {
      engine.publishText(topic, text);
      engine.flush();
    }
    told();
    say({ type: "published", router: "", seq: 2, receivers: 4 });
    expect(told()).toEqual([
      { type: "published", range: { after: 0, last: 1 }, means: "sequenced", receivers: undefined },
      { type: "published", range: { after: 1, last: 2 }, means: "sequenced", receivers: 4 },
      { type: "settled", upTo: 2 },
    ]);
  });

  test("a refused publish is told with its topics and is not sent again; the others stay", () => {
    const { engine, sent, told, say, open, lose } = rig();
    open();
    engine.publishText(topic, "a");
    engine.flush();
    engine.publishText(topic, "b");
    engine.publishText(other, "c");
    engine.flush();
    told();
    say({ type: "publishRefused", seq: 2, code: "forbidden", message: "no" });
    expect(told()).toMatchObject([
      {
        type: "publishRefused",
        range: { after: 1, last: 3 },
        topics: [topic, other],
        error: { code: "forbidden" },
      },
      { type: "settled", upTo: 0 },
    ]);
    lose();
    open(1_000);
    expect(sent()).toMatchObject([{ type: "publish", seq: 1, repeat: true }]);
    say({ type: "published", router: "", seq: 2 });
    expect(told()).toContainEqual({ type: "settled", upTo: 3 });
  });

  test("an answer to what is not known says nothing", () => {
    const { told, say, open } = rig();
    open();
    told();
    say({ type: "publishRefused", seq: 9, code: "forbidden", message: "no" });
    expect(told()).toEqual([]);
  });
});

describe("changes of subscriptions", () => {
  test("a prefix is given up when nobody wants it any more", () => {
    const { engine, told, sent, say, open } = rig();
    open();
    sent();
    for (const id of [engine.subscribe([prefix]), engine.subscribe([prefix])]) say(subscribed(id));
    sent();
    const first = engine.unsubscribe([prefix]);
    expect(told()).toEqual([{ type: "subscribed", id: first }]);
    const second = engine.unsubscribe([prefix]);
    expect(sent()).toEqual([{ type: "unsubscribe", id: second, prefixes: ["zeek/"] }]);
  });

  test("a refused subscription is told, and does not come back", () => {
    const { engine, told, sent, say, open, lose } = rig();
    open();
    const id = engine.subscribe([parsePrefix("secret/")]);
    told();
    say({ type: "error", id, code: "forbidden", message: "no" });
    expect(told()).toMatchObject([{ type: "refused", id, error: { code: "forbidden" } }]);
    lose();
    open(1_000);
    expect(sent()).toEqual([]);
  });

  test("a subscription that was in force and is refused after a reconnect ends the client", () => {
    const { engine, told, sent, say, open, lose } = rig();
    open();
    say(subscribed(engine.subscribe([prefix])));
    sent();
    lose();
    open(1_000);
    const [resume] = sent();
    say({ type: "error", id: (resume as { id: number }).id, code: "forbidden", message: "no" });
    expect(told().at(-1)).toMatchObject({ type: "closed", error: { code: "forbidden" } });
  });
});

describe("logs", () => {
  test("a frame of the log path needs a connection; the shell sends it again after the welcome", () => {
    const { engine, told, sent, say, open } = rig();
    const resume = { type: "logResume", logger: "l", writer: OTHER, birthMs: 5 } as const;
    expect(engine.sendLog(resume)).toBe(false);
    open();
    sent();
    expect(engine.sendLog(resume)).toBe(true);
    expect(sent()).toEqual([resume]);
    const last = { number: 0, hash: new Uint8Array(), range: undefined };
    say({ type: "logAck", logger: "l", writer: OTHER, last });
    say({
      type: "logRefused",
      logger: "l",
      writer: OTHER,
      number: 1,
      code: "expected",
      message: "",
      last: undefined,
    });
    expect(told()).toMatchObject([
      { type: "logAck", frame: { logger: "l" } },
      { type: "logRefused", frame: { number: 1 } },
    ]);
  });
});
