import { describe, expect, test } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { NO_LOGGERS } from "../../../src/cluster/log-routes.ts";
import { count } from "../../../src/data/value.ts";
import { formatDataMessage } from "../../../src/protocol/data-message.ts";
import { ENCODING } from "../../../src/protocol/frame.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { encodeEvents } from "../../../src/protocol/transcode.ts";
import type { ClientEffect } from "../../../src/sdk/client-engine.ts";
import { JsonEngine } from "../../../src/sdk/json-engine.ts";

const topic = parseTopic("zeek/x");
const ACK = '{"type":"ack","endpoint":"zeek-1","version":"8.0"}';
const event = (number: number) => ({ name: "E::x", args: [count(number)], metadata: [] });
const text = (number: number) => formatDataMessage("zeek/x", event(number));

/** An engine whose socket says how much it has not sent, and what it did since it was asked last. */
function rig() {
  const socket = { unsentBytes: 0 };
  const engine = new JsonEngine({ random: () => 0, unsentBytes: () => socket.unsentBytes });
  let connection = 0;
  const effects = () => {
    const all = engine.drain();
    for (const effect of all) if (effect.type === "connect") connection = effect.connection;
    return all;
  };
  const sent = () => effects().flatMap((e) => (e.type === "send" ? [e.message] : []));
  const told = () => effects().filter((e) => e.type !== "send");
  const say = (message: string, nowMs = 0) => engine.received(connection, message, nowMs);
  const lose = (nowMs = 0, error?: FabricError) => engine.disconnected(connection, nowMs, error);
  /** Makes the next connection and flushes. Returns the first message. */
  const greet = (nowMs = 0) => {
    if (engine.status === "waiting") engine.tick(engine.deadlineMs ?? nowMs);
    else engine.start(nowMs);
    effects();
    engine.connected(connection);
    engine.flush(nowMs);
    return sent();
  };
  const open = (nowMs = 0) => {
    const first = greet(nowMs);
    say(ACK, nowMs);
    return first;
  };
  const subscribe = (...prefixes: string[]) => engine.subscribe(prefixes.map(parsePrefix));
  return {
    socket,
    engine,
    effects,
    sent,
    told,
    say,
    lose,
    greet,
    open,
    subscribe,
    connection: () => connection,
  };
}

const deliveries = (effects: readonly ClientEffect[]) => effects.filter((e) => e.type === "delivery");
const names = (effects: readonly ClientEffect[]) =>
  deliveries(effects).flatMap((e) => e.runs.flatMap((run) => run.events.map((one) => one.text)));

describe("greeting", () => {
  test("what is subscribed to before the first flush goes with the first message", () => {
    const { engine, open, subscribe, told } = rig();
    const id = subscribe("zeek/", "é/");
    expect(open()).toEqual(['["zeek/","é/"]']);
    expect(told()).toEqual([
      { type: "welcome", welcome: { endpoint: "zeek-1", server: "8.0", loggers: [], logging: NO_LOGGERS } },
      { type: "subscribed", id },
    ]);
    expect(engine.status).toBe("open");
  });

  test("nothing is published before the ack", () => {
    const { engine, greet, say, sent } = rig();
    engine.publish(topic, event(1));
    expect(greet()).toEqual(["[]"]);
    engine.flush(0);
    expect(sent()).toEqual([]);
    say(ACK);
    expect(sent()).toEqual([text(1)]);
  });

  test("another answer than an ack ends the client", () => {
    const { greet, say, told } = rig();
    greet();
    say("hello");
    expect(told().at(-1)).toMatchObject({ type: "closed", error: { code: "invalid_message" } });
  });

  test("a refusal goes to the subscriptions that are new; the next attempt goes without them", () => {
    const { engine, greet, open, say, told, subscribe, sent, effects, connection } = rig();
    const first = subscribe("a/");
    open();
    told();
    const second = subscribe("secret/");
    engine.flush(0);
    effects();
    engine.connected(connection());
    engine.flush(0);
    expect(sent()).toEqual(['["a/","secret/"]']);
    say('{"type":"error","code":"forbidden","context":"no"}');
    expect(told()).toMatchObject([
      { type: "refused", id: second, error: { code: "forbidden", message: "no" } },
      { type: "disconnect" },
      { type: "connect" },
    ]);
    expect(greet()).toEqual(['["a/"]']);
    expect(first).toBeLessThan(second);
  });

  test("a refused token ends the client", () => {
    const { engine, effects, told, lose } = rig();
    engine.start(0);
    effects();
    lose(0, new FabricError("token_invalid", "no"));
    expect(told().at(-1)).toMatchObject({ type: "closed", error: { code: "token_invalid" } });
  });
});

describe("subscriptions", () => {
  test("a new prefix makes a new connection with all of them, and what it cost is told", () => {
    const { engine, open, say, subscribe, effects, told, connection, sent } = rig();
    subscribe("a/");
    open();
    say(text(1));
    told();
    const id = subscribe("b/");
    engine.flush(0);
    expect(effects()).toEqual([
      { type: "disconnect", connection: 1 },
      { type: "connect", connection: 2 },
    ]);
    engine.connected(connection());
    engine.flush(0);
    expect(sent()).toEqual(['["a/","b/"]']);
    say(ACK);
    expect(told().slice(1)).toEqual([
      {
        type: "gap",
        gap: {
          extent: "unknown",
          from: { router: "", incarnation: 1, seq: 1 },
          to: { router: "", incarnation: 2, seq: 0 },
          reason: "away",
        },
      },
      { type: "subscribed", id },
    ]);
  });

  test("one that is covered needs no new connection; one less neither", () => {
    const { engine, open, subscribe, told } = rig();
    subscribe("a/", "b/");
    open();
    told();
    const id = subscribe("b/");
    engine.flush(0);
    expect(told()).toEqual([{ type: "subscribed", id }]);
    const gone = engine.unsubscribe([parsePrefix("a/")]);
    engine.flush(0);
    expect(told()).toEqual([{ type: "subscribed", id: gone }]);
  });

  test("whoever had none misses nothing", () => {
    const { engine, open, subscribe, told, lose } = rig();
    open();
    lose();
    subscribe("a/");
    open(1_000);
    expect(told().map((e) => e.type)).toEqual(["welcome", "subscribed"]);
    expect(engine.status).toBe("open");
  });
});

describe("events", () => {
  test("come as they are, once their text is canonical", () => {
    const { open, say, subscribe, told } = rig();
    subscribe("zeek/");
    open();
    told();
    say(text(1));
    say(` ${text(2)}`);
    expect(names(told())).toEqual([text(1), text(2)]);
  });

  test("an error frame is a refused publish; what is neither is a gap of one", () => {
    const { open, say, subscribe, told } = rig();
    subscribe("zeek/");
    open();
    told();
    say('{"type":"error","code":"deserialization_failed","context":"bad"}');
    say("garbage");
    expect(told()).toMatchObject([
      { type: "publishRefused", range: undefined, error: { code: "deserialization_failed", message: "bad" } },
      { type: "gap", gap: { extent: "unknown", events: 1 } },
    ]);
  });

  test("nobody takes: past clientHeldBytesMax the connection is left, and made again when little is held", () => {
    const { engine, open, say, subscribe, effects, told } = rig();
    subscribe("zeek/");
    open();
    effects();
    const one = formatDataMessage("zeek/x", { name: "x".repeat(4 * 1024 * 1024), args: [], metadata: [] });
    const held: (ClientEffect & { type: "delivery" })[] = [];
    while (engine.heldBytes + one.length < LIMITS.clientHeldBytesMax) {
      say(one);
      held.push(...deliveries(effects()));
    }
    expect(engine.status).toBe("open");
    say(one);
    const last = effects();
    held.push(...deliveries(last));
    expect(last).toContainEqual({ type: "disconnect", connection: 1 });
    expect(engine.status).toBe("waiting");
    expect(engine.deadlineMs).toBeUndefined();
    while (engine.status === "waiting") {
      const { delivery } = held.shift()!;
      if (delivery.release()) engine.taken(0);
    }
    expect(engine.heldBytes).toBeLessThanOrEqual(LIMITS.clientHeldBytesMax / 4);
    expect(effects()).toEqual([{ type: "connect", connection: 2 }]);
    engine.connected(2);
    engine.flush(0);
    engine.received(2, ACK, 0);
    expect(told()).toContainEqual(
      expect.objectContaining({ type: "gap", gap: expect.objectContaining({ reason: "overflow" }) }),
    );
  });
});

describe("publishes", () => {
  test("end when they are handed to the connection", () => {
    const { engine, open, told } = rig();
    open();
    told();
    engine.publish(topic, event(1));
    engine.publishText(topic, text(2));
    engine.publishSegments([{ topic, encoding: ENCODING.cbor, count: 1, payload: encodeEvents([event(3)]) }]);
    expect(engine.settled).toBe(0);
    engine.flush(0);
    expect(told()).toEqual([
      { type: "published", range: { after: 0, last: 3 }, means: "sent", receivers: undefined },
      { type: "settled", upTo: 3 },
    ]);
  });

  test("wait while the socket is behind, and are tried again", () => {
    const { engine, socket, open, sent } = rig();
    open();
    sent();
    socket.unsentBytes = LIMITS.publishWindowBytes;
    engine.publish(topic, event(1));
    engine.flush(0);
    expect(sent()).toEqual([]);
    socket.unsentBytes--;
    engine.tick(engine.deadlineMs!);
    expect(sent()).toEqual([text(1)]);
    expect(engine.deadlineMs).toBeUndefined();
  });

  test("what is handed over is not sent again on the next connection; what waits is", () => {
    const { engine, open, lose, sent } = rig();
    open();
    engine.publish(topic, event(1));
    engine.flush(0);
    lose();
    sent();
    engine.publish(topic, event(2));
    engine.flush(0);
    open(1_000);
    expect(sent()).toEqual([text(2)]);
  });

  test("clientBufferBytesMax may wait, one more is publisher_too_fast", () => {
    const { engine } = rig();
    engine.publishText(topic, "x".repeat(LIMITS.clientBufferBytesMax));
    expect(() => engine.publishText(topic, "x")).toThrow(
      expect.objectContaining({ code: "publisher_too_fast" }),
    );
  });

  test("log batches have no way here", () => {
    const { engine, open } = rig();
    open();
    expect(engine.sendLog()).toBe(false);
  });
});

test("a lost connection is made again, and an ended client stays so", () => {
  const { engine, open, lose, told } = rig();
  open();
  told();
  lose();
  expect(told()).toEqual([{ type: "lost", retryInMs: LIMITS.reconnectMs / 2 }]);
  engine.close();
  engine.tick(1_000_000);
  expect(told()).toEqual([{ type: "closed", error: undefined }]);
  expect(engine.deadlineMs).toBeUndefined();
});
