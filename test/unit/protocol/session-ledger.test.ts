import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { ENCODING, type Segment, type SequencedFrame } from "../../../src/protocol/frame.ts";
import { SessionLedger } from "../../../src/protocol/session-ledger.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { numbered } from "../../support/json-v1-event.ts";
import * as native from "../../support/native-rig.ts";
import { instance } from "../../support/router-rig.ts";
import { deliver, jsonRig, position, published } from "../../support/session-rig.ts";

const ledger = (act: (ledger: SessionLedger) => void) => {
  const made = new SessionLedger();
  act(made);
  return made;
};

describe("publishers", () => {
  test("R38 events are received, queued, sent, acknowledged", () => {
    const one = ledger((l) => l.received(5));
    expect(one.publishers).toMatchObject({ received: 5, queued: 5 });
    one.sent(4);
    expect(one.publishers).toMatchObject({ queued: 1, unacknowledged: 4 });
    one.acknowledged(3);
    expect(one.publishers).toMatchObject({ unacknowledged: 1, acknowledged: 3 });
    expect(one.problems()).toEqual([]);
  });

  test("R38 what the other end of a trunk refuses is refused", () => {
    const one = ledger((l) => {
      l.received(2);
      l.sent(2);
      l.declined(2);
    });
    expect(one.publishers).toMatchObject({ refused: 2, unacknowledged: 0 });
    expect(one.problems()).toEqual([]);
  });

  test("R38 at the end what is queued is undrained, what is unacknowledged is unaccounted", () => {
    const one = ledger((l) => {
      l.received(5);
      l.sent(3);
      l.ended();
    });
    expect(one.publishers).toMatchObject({ queued: 0, unacknowledged: 0, undrained: 2, unaccounted: 3 });
    expect(one.problems()).toEqual([]);
  });
});

test("R38 a side that does not balance is named, and the turn fails", () => {
  const one = ledger((l) => void (l.readers.arrived += 2));
  expect(one.problems()).toEqual(["readers: 2 events are not accounted for"]);
  expect(() => one.assertBalanced()).toThrow("side of readers");
  const other = ledger((l) => l.acknowledged(1));
  expect(() => other.assertBalanced()).not.toThrow();
  expect(other.problems()).toEqual(["unacknowledged is negative: -1"]);
});

test("R38 the counts of sessions add up", () => {
  const sum = new SessionLedger();
  for (const events of [1, 2]) sum.add(ledger((l) => l.received(events)));
  expect(sum.publishers).toMatchObject({ received: 3, queued: 3 });
});

const frameOf = (seq: number, segments: readonly Segment[], publisher = instance(9)): SequencedFrame => ({
  seq,
  publisher,
  publisherSeq: seq,
  segments,
});

describe("a native peer's session", () => {
  const { json, open, publish, say } = native;

  test("R38 counts publishes through window, router and refusal", () => {
    const rig = say(
      open({ publish: [parsePrefix("a")] }),
      publish(1, [json("a", 1, 2)]),
      publish(2, [json("b", 3)]),
    );
    expect(rig.session.ledger.publishers).toMatchObject({ received: 3, refused: 1, unacknowledged: 2 });
    rig.connect().from("main", published("main", 1));
    expect(rig.session.ledger.publishers).toMatchObject({ acknowledged: 2, unacknowledged: 0 });
    say(rig, publish(1, [json("a", 1, 2)], true));
    expect(rig.session.ledger.publishers).toMatchObject({ received: 5, acknowledged: 2, repeats: 2 });
  });

  test("R38 what the window has no room for is queued, and undrained when the session ends before", () => {
    const rig = open();
    for (let seq = 1; seq <= LIMITS.publishWindowFrames + 1; seq++) say(rig, publish(seq, [json("a", seq)]));
    expect(rig.session.ledger.publishers).toMatchObject({
      unacknowledged: LIMITS.publishWindowFrames,
      queued: 1,
    });
    rig.do((s, now) => s.closed(now)).pass(LIMITS.drainMs);
    expect(rig.isDone).toBe(true);
    expect(rig.session.ledger.publishers).toMatchObject({
      queued: 0,
      unacknowledged: 0,
      undrained: 1,
      unaccounted: LIMITS.publishWindowFrames,
    });
  });

  test("R38 counts deliveries: handed, repeats, of an old incarnation, and behind the end", () => {
    const rig = say(open(), {
      type: "subscribe",
      id: 1,
      prefixes: [parsePrefix("a")],
      positions: [],
      options: {},
    });
    rig.connect().confirm("main");
    rig.from("main", deliver("main", 0, frameOf(1, [json("a", 1, 2)])));
    rig.from("main", deliver("main", 1, frameOf(1, [json("a", 1, 2)]), frameOf(2, [json("a", 3)])));
    rig.from("main", { ...deliver("main", 0, frameOf(3, [json("a", 4)])), incarnation: 0 });
    say(rig, publish(1, [json("a", 1)])).do((s, now) => s.closed(now));
    rig.from("main", deliver("main", 2, frameOf(3, [json("a", 4)])));
    expect(rig.session.ledger).toMatchObject({
      readers: { arrived: 7, handed: 3, repeats: 2, stale: 1 },
      dropped: { closed: 1 },
    });
  });

  test("R38 R14 what is over the allowance of a reader without credit", () => {
    const rig = native.opened({ reader: { bytesPerSecond: 1, burstBytes: 1 } });
    say(rig, { type: "subscribe", id: 1, prefixes: [parsePrefix("a")], positions: [], options: {} });
    rig.connect().confirm("main");
    rig.from("main", deliver("main", 0, frameOf(1, [json("a", 1, 2)])));
    expect(rig.session.ledger).toMatchObject({ readers: { arrived: 2 }, dropped: { slow_reader: 2 } });
  });
});

describe("a JSON v1 client's session", () => {
  const line = numbered("a", 1);
  const open = (options: Parameters<typeof jsonRig>[0] = {}) =>
    jsonRig(options)
      .do((s, now) => s.text('["a"]', now))
      .connect()
      .confirm("main");
  const cbor = (payload: Uint8Array, count: number): Segment => ({
    topic: parseTopic("a"),
    encoding: ENCODING.cbor,
    count,
    payload,
  });

  test("R38 counts messages: acknowledged, unacknowledged and refused", () => {
    const rig = open();
    rig.do((s, now) => [line, line, "{"].forEach((text) => s.text(text, now)));
    expect(rig.session.ledger.publishers).toMatchObject({ received: 3, refused: 1, unacknowledged: 2 });
    rig.from("main", published("main", 1));
    expect(rig.session.ledger.publishers).toMatchObject({ acknowledged: 2, unacknowledged: 0 });
  });

  test("R38 counts deliveries: its own, and what has no JSON form", () => {
    const rig = open();
    const own = frameOf(1, [native.json("a", 1, 2)], instance(7));
    const bad = frameOf(2, [native.json("a", 3), cbor(new Uint8Array(8).fill(0xff), 8)]);
    rig.from("main", deliver("main", 0, own, bad));
    expect(rig.session.ledger).toMatchObject({
      readers: { arrived: 11, handed: 1, echoes: 2 },
      dropped: { untranslatable: 8 },
    });
  });

  test("R38 R14 at the allowance nothing is dropped; one past it is slow_reader, and all behind it closed", () => {
    const rig = open({ reader: { bytesPerSecond: 1, burstBytes: 2 * line.length } });
    rig.from(
      "main",
      deliver("main", 0, frameOf(1, [native.json("a", 1)]), frameOf(2, [native.json("a", 1)])),
    );
    expect(rig.session.ledger).toMatchObject({ readers: { handed: 2 }, dropped: { slow_reader: 0 } });
    const segments = [native.json("a", 1), native.json("a", 2, 3)];
    rig.from("main", deliver("main", 2, frameOf(3, segments), frameOf(4, [native.json("a", 4)])));
    expect(rig.session.ledger).toMatchObject({
      readers: { arrived: 6, handed: 2 },
      dropped: { slow_reader: 1, closed: 3 },
    });
  });

  test("R38 R5 a delivery again after a lost trunk is a repeat", () => {
    const rig = open();
    const first = deliver("main", 0, frameOf(1, [native.json("a", 1)]));
    rig.from("main", first).lose("main").pass(LIMITS.trunkRetryMs).connect();
    rig.from("main", { type: "subscribed", id: 1, positions: [position("main", 0)], gaps: [] });
    rig.from("main", first);
    expect(rig.session.ledger.readers).toMatchObject({ arrived: 2, handed: 1, repeats: 1 });
  });
});
