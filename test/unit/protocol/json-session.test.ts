/** The session of a JSON v1 client: states, pipelining, bounds, and what happens when either side goes. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { ENCODING, type FrameOf, type SequencedFrame } from "../../../src/protocol/frame.ts";
import type { JsonSession } from "../../../src/protocol/json-session.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { encodeEvents } from "../../../src/protocol/transcode.ts";
import { event, numbered, REFUSED, errorText, string } from "../../support/json-v1-event.ts";
import { instance } from "../../support/router-rig.ts";
import { deliver, jsonRig, position, published, type SessionRig } from "../../support/session-rig.ts";

type Rig = SessionRig<JsonSession>;
const ACK = '{"type":"ack","endpoint":"here","version":"1.0"}';
const SELF = instance(7);
const say = (rig: Rig, ...texts: string[]) =>
  rig.do((s, now) => {
    for (const text of texts) s.text(text, now);
  });
const leave = (rig: Rig) => rig.do((s, now) => s.closed(now));
const linesOf = (frame: FrameOf<"publish">) =>
  frame.segments.flatMap((s) => Buffer.from(s.payload).toString().split("\n"));
const publishes = (rig: Rig, router = "main") => rig.atRouterOf(router, "publish");

function fromOther(seq: number, topic: string, ...lines: string[]): SequencedFrame {
  const payload = Buffer.from(lines.join("\n"));
  const segment = { topic: parseTopic(topic), encoding: ENCODING.json, count: lines.length, payload };
  return { seq, publisher: instance(9), publisherSeq: seq, segments: [segment] };
}

/** Subscribed to prefixes under "main" only, acknowledged. */
function open(options: Parameters<typeof jsonRig>[0] = {}): Rig {
  const rig = jsonRig(options);
  say(rig, '["a"]').connect().confirm("main");
  expect(rig.takeTexts()).toEqual([ACK]);
  return rig;
}

describe("greeting", () => {
  test("§2 the ack follows when every router of the subscription has it", () => {
    const rig = say(jsonRig(), '["", "a"]');
    expect(rig.opening).toEqual(["main", "two"]);
    rig.connect().confirm("main");
    expect(rig.takeTexts()).toEqual([]);
    rig.confirm("two");
    expect(rig.takeTexts()).toEqual([ACK]);
  });

  test("§2 an empty subscription is acknowledged at once, without a trunk", () => {
    const rig = say(jsonRig(), "[]");
    expect(rig.takeTexts()).toEqual([ACK]);
    expect(rig.opening).toEqual([]);
  });

  test.each([
    ["no array", "{}", REFUSED.notAnArray],
    ["no JSON", "[", REFUSED.notAnArray],
    ["no string", "[1]", REFUSED.notAString],
  ])("§2.4 a first frame that is %s is refused, and the connection closed 1008 later", (_, text, error) => {
    const rig = say(jsonRig(), text);
    expect(rig.takeTexts()).toEqual([error]);
    expect(say(rig, '["a"]').takeTexts()).toEqual([]);
    rig.pass(LIMITS.refusedLingerMs - 1);
    expect(rig.closed).toBeUndefined();
    rig.pass(1);
    expect(rig.closed).toEqual({ code: 1008, reason: "subscription refused" });
    expect(rig.isDone).toBe(true);
  });

  test("a client that says nothing is closed at its deadline", () => {
    const rig = jsonRig().pass(LIMITS.handshakeMs - 1);
    expect(rig.closed).toBeUndefined();
    rig.pass(1);
    expect(rig.closed).toEqual({ code: 1008, reason: "handshake_timeout" });
  });

  test("takes as many prefixes as the bound and no more", () => {
    const many = Array.from({ length: LIMITS.subscriptionsMax }, (_, i) => `p${i}`);
    expect(say(jsonRig(), JSON.stringify(many)).takeTexts()).toEqual([]);
    const [refusal] = say(jsonRig(), JSON.stringify([...many, "q"])).takeTexts();
    expect(refusal).toContain('"code":"too_many"');
  });

  test("takes as many bytes of prefixes as the bound and no more", () => {
    const count = LIMITS.subscriptionBytesMax / LIMITS.topicBytesMax;
    const many = Array.from({ length: count }, (_, i) => `${i}`.padEnd(LIMITS.topicBytesMax, "x"));
    expect(say(jsonRig(), JSON.stringify(many)).takeTexts()).toEqual([]);
    const [refusal] = say(jsonRig(), JSON.stringify([...many, "q"])).takeTexts();
    expect(refusal).toContain('"code":"too_many"');
  });

  test("a prefix past its bound is refused", () => {
    const prefix = (bytes: number) => JSON.stringify(["x".repeat(bytes)]);
    expect(say(jsonRig(), prefix(LIMITS.topicBytesMax)).takeTexts()).toEqual([]);
    const [refusal] = say(jsonRig(), prefix(LIMITS.topicBytesMax + 1)).takeTexts();
    expect(refusal).toContain("invalid_topic_key");
  });

  test("a prefix that is not granted is refused by name", () => {
    const rig = say(jsonRig({ grant: { subscribe: [parsePrefix("a/")] } }), '["a/b","a"]');
    expect(rig.takeTexts()).toEqual([errorText("no permission to subscribe to 'a'", "forbidden")]);
  });

  test("R7 what not every router has confirmed in time is refused as a whole with 1013", () => {
    const rig = say(jsonRig(), '[""]').connect("main").confirm("main");
    rig.pass(LIMITS.subscribeMs - 1);
    expect(rig.closed).toBeUndefined();
    rig.pass(1);
    expect(rig.closed).toEqual({ code: 1013, reason: "unavailable" });
    expect(rig.takeTexts()).toEqual([]);
  });
});

describe("pipelining", () => {
  test("§2 what comes before the ack is published after it, in order", () => {
    const rig = say(jsonRig(), '["a"]', numbered("x", 1), numbered("x", 2)).connect();
    expect(publishes(rig)).toEqual([]);
    rig.from("main", { type: "subscribed", id: 1, positions: [position("main", 0)], gaps: [] });
    expect(publishes(rig).flatMap(linesOf)).toEqual([numbered("x", 1), numbered("x", 2)]);
  });

  test("takes as many messages as the bound; one more closes the publisher", () => {
    const rig = say(jsonRig(), '["a"]', ...Array<string>(LIMITS.pipelineMessagesMax).fill("{}"));
    expect(rig.closed).toBeUndefined();
    expect(say(rig, "{}").closed).toEqual({ code: 1013, reason: "publisher_too_fast" });
  });

  test("takes as many bytes as the bound; one more closes the publisher", () => {
    const half = "x".repeat(LIMITS.pipelineBytesMax / 2);
    const rig = say(jsonRig(), '["a"]', half, half);
    expect(rig.closed).toBeUndefined();
    expect(say(rig, "x").closed).toEqual({ code: 1013, reason: "publisher_too_fast" });
  });
});

describe("publishing", () => {
  test("[A38] an event goes to the router of its topic as it stands when it is canonical", () => {
    const rig = open();
    say(rig, numbered("x", 1), numbered("two/x", 2));
    expect(publishes(rig).flatMap(linesOf)).toEqual([numbered("x", 1)]);
    rig.connect("two");
    expect(publishes(rig, "two").flatMap(linesOf)).toEqual([numbered("two/x", 2)]);
  });

  test("a text that is not canonical is made so once", () => {
    const rig = open();
    say(rig, numbered("x", 1).replace(",", " , "));
    expect(publishes(rig).flatMap(linesOf)).toEqual([numbered("x", 1)]);
  });

  test("§3 a binary message is the same JSON; bytes that are not UTF-8 close 1007", () => {
    const rig = open();
    rig.do((s, now) => s.binary(Buffer.from(numbered("x", 1)), now));
    expect(publishes(rig).flatMap(linesOf)).toEqual([numbered("x", 1)]);
    rig.do((s, now) => s.binary(new Uint8Array([0xff]), now));
    expect(rig.closed?.code).toBe(1007);
  });

  test("§6.2 a bad message is answered and the rest goes on", () => {
    const rig = open();
    say(rig, "{", numbered("x", 1), '{"type":"data-message"}');
    expect(rig.takeTexts()).toEqual([REFUSED.notDecoded, expect.stringContaining('"type":"error"')]);
    expect(publishes(rig).flatMap(linesOf)).toEqual([numbered("x", 1)]);
  });

  test("a topic that is not granted is refused by name, each time", () => {
    const rig = open({ grant: { publish: [parsePrefix("a/")] } });
    say(rig, numbered("b", 1), numbered("b", 2), numbered("a/b", 3));
    const refusal = errorText("no permission to publish to 'b'", "forbidden");
    expect(rig.takeTexts()).toEqual([refusal, refusal]);
    expect(publishes(rig).flatMap(linesOf)).toEqual([numbered("a/b", 3)]);
  });

  test("a message as large as the bound is scanned, one byte more closes 1009", () => {
    const rig = open();
    say(rig, "x".repeat(LIMITS.jsonMessageBytesMax));
    expect(rig.takeTexts()).toEqual([REFUSED.notDecoded]);
    expect(say(rig, "x".repeat(LIMITS.jsonMessageBytesMax + 1)).closed).toEqual({
      code: 1009,
      reason: "too_large",
    });
  });

  test("the bound of a message counts bytes, not chars", () => {
    const rig = open();
    const chars = LIMITS.jsonMessageBytesMax / 4;
    say(rig, "\u{1f600}".repeat(chars));
    expect(rig.closed).toBeUndefined();
    say(rig, `${"\u00e9".repeat(LIMITS.jsonMessageBytesMax / 2)}x`);
    expect(rig.closed?.code).toBe(1009);
    const binary = open();
    binary.do((s, now) => s.binary(new Uint8Array(LIMITS.jsonMessageBytesMax + 1), now));
    expect(binary.closed?.code).toBe(1009);
  });

  test("R14 the window closed, a queue as large as the bound waits; more closes the publisher", () => {
    const rig = open();
    const text = event("x", "e", [string("x".repeat(1_000_000))]);
    const windowful = Math.ceil(LIMITS.publishWindowBytes / text.length);
    say(rig, ...Array<string>(windowful).fill(text));
    expect(publishes(rig)).toHaveLength(windowful);
    const most = Math.floor(LIMITS.inboundQueueBytesMax / text.length);
    say(rig, ...Array<string>(most).fill(text));
    expect(rig.closed).toBeUndefined();
    expect(publishes(rig)).toHaveLength(0);
    say(rig, text);
    expect(rig.closed).toEqual({ code: 1013, reason: "publisher_too_fast" });
  });
});

describe("delivery", () => {
  test("[A1] events reach the client in order, as they stand", () => {
    const rig = open();
    const lines = [1, 2, 3].map((n) => numbered("a", n));
    rig.from(
      "main",
      deliver("main", 0, fromOther(1, "a", lines[0]!, lines[1]!), fromOther(2, "a", lines[2]!)),
    );
    expect(rig.takeTexts()).toEqual(lines);
  });

  test("R5 own events are not echoed", () => {
    const rig = open();
    const own = { ...fromOther(1, "a", numbered("a", 1)), publisher: SELF };
    rig.from("main", deliver("main", 0, own, fromOther(2, "a", numbered("a", 2))));
    expect(rig.takeTexts()).toEqual([numbered("a", 2)]);
  });

  test("R5 a repeat is not delivered", () => {
    const rig = open();
    rig.from("main", deliver("main", 0, fromOther(1, "a", numbered("a", 1))));
    rig.from("main", deliver("main", 1, { ...fromOther(2, "a", numbered("a", 1)), publisherSeq: 1 }));
    expect(rig.takeTexts()).toEqual([numbered("a", 1)]);
  });

  test("§2 nothing is delivered before the ack", () => {
    const rig = say(jsonRig(), '[""]').connect().confirm("main");
    rig.from("main", deliver("main", 0, fromOther(1, "a", numbered("a", 1))));
    expect(rig.takeTexts()).toEqual([]);
  });

  test("R14 a gap closes the connection with 1012 and its name", () => {
    const rig = open();
    rig.from("main", deliver("main", 4, fromOther(5, "a", numbered("a", 1))));
    expect(rig.closed).toEqual({ code: 1012, reason: "gap" });
    expect(rig.takeTexts()).toEqual([]);
  });

  test("R14 a trunk that comes back with a gap closes the connection", () => {
    const rig = open().lose("main").pass(LIMITS.trunkRetryMs).connect();
    const gap = { extent: "exact", from: position("main", 0), to: position("main", 3) } as const;
    rig.from("main", { type: "subscribed", id: 1, positions: [position("main", 3)], gaps: [gap] });
    expect(rig.closed).toEqual({ code: 1012, reason: "gap" });
  });

  test("R14 a trunk that comes back without a gap goes unnoticed", () => {
    const rig = open().lose("main").pass(LIMITS.trunkRetryMs).connect().confirm("main");
    rig.from("main", deliver("main", 0, fromOther(1, "a", numbered("a", 1))));
    expect(rig.takeTexts()).toEqual([numbered("a", 1)]);
    expect(rig.closed).toBeUndefined();
  });

  test("R14 a reader gets its burst exactly, then is closed 1013 slow_reader", () => {
    const line = numbered("a", 1);
    const rig = open({ reader: { bytesPerSecond: 1, burstBytes: 2 * line.length } });
    rig.from("main", deliver("main", 0, fromOther(1, "a", line), fromOther(2, "a", line)));
    expect(rig.takeTexts()).toEqual([line, line]);
    rig.from("main", deliver("main", 2, fromOther(3, "a", line)));
    expect(rig.closed).toEqual({ code: 1013, reason: "slow_reader" });
    expect(rig.takeTexts()).toEqual([]);
  });

  test("R14 errors that are answered to a client count as what it is sent", () => {
    const rig = open({ reader: { bytesPerSecond: 1, burstBytes: 2 * REFUSED.notDecoded.length } });
    say(rig, "{", "{");
    expect(rig.takeTexts()).toEqual([REFUSED.notDecoded, REFUSED.notDecoded]);
    expect(rig.closed).toBeUndefined();
    expect(say(rig, "{").closed).toEqual({ code: 1013, reason: "slow_reader" });
  });

  test("R14 what is made text for the reader counts as text", () => {
    const payload = encodeEvents([{ name: "e", args: [], metadata: [] }]);
    const segment = { topic: parseTopic("a"), encoding: ENCODING.cbor, count: 1, payload };
    const frame = (seq: number) => ({ ...fromOther(seq, "a"), segments: [segment] });
    const text = event("a", "e");
    const rig = open({ reader: { bytesPerSecond: 1, burstBytes: text.length } });
    rig.from("main", deliver("main", 0, frame(1)));
    expect(rig.takeTexts()).toEqual([text]);
    rig.from("main", deliver("main", 1, frame(2)));
    expect(rig.closed?.reason).toBe("slow_reader");
  });

  test("§6.3 a segment that is no events is told once, whatever it claims to hold", () => {
    const rig = open();
    const payload = new Uint8Array(64).fill(0xff);
    const segment = { topic: parseTopic("a"), encoding: ENCODING.cbor, count: 64, payload };
    rig.from("main", deliver("main", 0, { ...fromOther(1, "a"), segments: [segment] }));
    expect(rig.takeTexts()).toEqual([
      errorText("Could not process remote event on topic 'a'", "broker_error"),
    ]);
  });
});

describe("the end of a client", () => {
  test("§3 publish, then close: everything is published before the session ends", () => {
    const rig = jsonRig();
    rig.do((s, now) => {
      s.text('["a"]', now);
      s.text(numbered("x", 1), now);
      s.closed(now);
    });
    rig.connect();
    expect(publishes(rig).flatMap(linesOf)).toEqual([numbered("x", 1)]);
    expect(rig.isDone).toBe(false);
    rig.from("main", published("main", 1));
    expect(rig.isDone).toBe(true);
    expect(rig.open).toEqual([]);
  });

  test("what waits is published over a lost trunk", () => {
    const rig = say(open(), numbered("x", 1));
    rig.atRouter("main");
    leave(rig).lose("main").pass(LIMITS.trunkRetryMs).connect();
    expect(publishes(rig)).toMatchObject([{ seq: 1, repeat: true }]);
    expect(rig.from("main", published("main", 1)).isDone).toBe(true);
  });

  test("what no router takes is given up at the deadline", () => {
    const rig = leave(say(open(), numbered("x", 1)));
    rig.pass(LIMITS.drainMs - 1);
    expect(rig.isDone).toBe(false);
    rig.pass(1);
    expect(rig.isDone).toBe(true);
  });

  test("a subscription that is not confirmed does not cut the draining short", () => {
    const rig = say(jsonRig(), '["a","two/"]', numbered("x", 1)).connect("main");
    leave(rig).pass(LIMITS.subscribeMs);
    expect(rig.isDone).toBe(false);
    rig.from("main", published("main", 1));
    expect(rig.isDone).toBe(true);
  });

  test("nothing is opened or sent once the session is over", () => {
    const text = event("x", "e", [string("x".repeat(1_000_000))]);
    const rig = leave(say(open(), ...Array<string>(8).fill(text)));
    rig.pass(LIMITS.drainMs);
    rig.do(() => {});
    expect([rig.isDone, rig.opening, rig.open]).toEqual([true, [], []]);
  });

  test("a trunk that opens after the end is closed again", () => {
    const rig = say(jsonRig(), '["a"]');
    leave(rig);
    expect(rig.isDone).toBe(true);
    rig.session.trunkOpened("main");
    expect(rig.session.drain()).toEqual([{ type: "closeTrunk", router: "main" }]);
    rig.session.trunkReceived("main", new Uint8Array([1]), rig.nowMs);
    expect(rig.session.drain()).toEqual([]);
  });

  test("input after the close is ignored", () => {
    const rig = leave(open());
    say(rig, numbered("x", 1));
    leave(rig);
    expect([rig.isDone, rig.takeTexts()]).toEqual([true, []]);
  });
});

describe("a router that refuses", () => {
  test.each([
    ["moved", 1012],
    ["too_many", 1008],
  ] as const)("%s closes the client with %i", (code, close) => {
    const rig = open().from("main", { type: "error", id: undefined, code, message: "" });
    expect(rig.closed).toEqual({ code: close, reason: code });
  });

  test("bytes that are no frame cost the trunk, not the session", () => {
    const rig = open();
    rig.session.trunkReceived("main", new Uint8Array([1]), rig.nowMs);
    rig.perform();
    expect(rig.open).toEqual([]);
    rig.pass(LIMITS.trunkRetryMs).connect();
    expect(rig.atRouter("main").map((f) => f.type)).toEqual(["hello", "subscribe"]);
    expect(rig.closed).toBeUndefined();
  });
});

test("what a session holds is counted", () => {
  const rig = open();
  const text = numbered("x", 1);
  say(rig, text, text);
  const size = 2 * text.length + 1;
  expect(rig.session.bufferedBytes).toBeGreaterThanOrEqual(size);
  rig.from("main", published("main", 1));
  expect(rig.session.bufferedBytes).toBe(0);
});
