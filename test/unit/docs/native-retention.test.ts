/** The rules of PROTOCOL.md about native peers that resume, held by the engines of session and router together. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import {
  ENCODING,
  type Frame,
  type FrameOf,
  type Options,
  type Position,
} from "../../../src/protocol/frame.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { decodeEvents, encodeEvents } from "../../../src/protocol/transcode.ts";
import { Exchange, instance, type Peer } from "../../support/exchange.ts";

const policy = { prefix: parsePrefix("kept/"), seconds: 1e6, bytes: 1e9, events: 1e9 };
const STREAM = "main+kept/";

const hello = (id: string, connection: number, options: Options): Frame => ({
  type: "hello",
  versions: [1, 1],
  instance: instance(id),
  connection,
  options: { encodings: ["json", "cbor"], ...options },
});
const subscribe = (
  id: number,
  prefix: string,
  positions: readonly Position[] = [],
  options: Options = {},
): Frame => ({
  type: "subscribe",
  id,
  prefixes: [parsePrefix(prefix)],
  positions,
  options,
});
const publish = (seq: number, topic: string): Frame => {
  const payload = encodeEvents([{ name: `e${seq}`, args: [], metadata: [] }]);
  return {
    type: "publish",
    seq,
    repeat: false,
    segments: [{ topic: parseTopic(topic), encoding: ENCODING.cbor, count: 1, payload }],
  };
};
const namesOf = (frames: readonly FrameOf<"deliver">[]) =>
  frames.flatMap((f) =>
    f.frames.flatMap((one) =>
      one.segments.flatMap((s) => decodeEvents(s.payload, s.count).map((event) => event.name)),
    ),
  );

/** A world in which a publisher has published these topics, one event each, in turns of their own. */
function having(...topics: readonly string[]): {
  world: Exchange;
  publisher: Peer;
  say: (topic: string) => void;
} {
  const world = new Exchange([policy]);
  const publisher = world.native().send(hello("p", 1, {}));
  let seq = 0;
  const say = (topic: string) => {
    publisher.send(publish(++seq, topic));
    world.pass(LIMITS.keepIntervalMs);
  };
  for (const topic of topics) say(topic);
  return { world, publisher, say };
}
const reader = (
  world: Exchange,
  connection: number,
  prefix: string,
  at: readonly Position[] = [],
  options: Options = {},
) => world.native().send(hello("r", connection, { resume: true }), subscribe(1, prefix, at, options));

describe("a peer that resumes", () => {
  test("N-17 R11 is sent what it missed of what is kept, in deliveries that say so, and told the end", () => {
    const { world, say } = having();
    const before = reader(world, 1, "");
    say("kept/a");
    say("plain");
    const positions = before.take("deliver").map(({ router, incarnation, frames }) => ({
      router,
      incarnation,
      seq: frames.at(-1)!.seq,
    }));
    expect(positions.map(({ router }) => router)).toEqual([STREAM, "main"]);
    world.cut(before);
    say("kept/b");
    say("plain");
    const after = reader(world, 2, "", positions);
    const [subscribed] = after.take("subscribed");
    expect(subscribed!.positions.find(({ router }) => router === STREAM)).toEqual(positions[0]);
    expect(subscribed!.gaps).toMatchObject([{ extent: "exact", from: positions[1], reason: "away" }]);
    const delivered = after.take("deliver");
    expect(delivered).toMatchObject([{ router: STREAM, replay: "resumed" }]);
    expect(namesOf(delivered)).toEqual(["e3"]);
    expect(after.take("recovered")).toEqual([
      { type: "recovered", position: { router: STREAM, incarnation: 1, seq: 4 }, complete: true },
    ]);
    say("kept/c");
    expect(after.take("deliver")).toMatchObject([{ prev: 4 }]);
    expect(after.take("gap")).toEqual([]);
  });

  test("N-17 R11 T-3 a session whose router crashed resumes by itself", () => {
    const { world, say } = having();
    const peer = reader(world, 1, "kept/");
    say("kept/a");
    world.crash();
    world.pass(LIMITS.trunkRetryMs);
    world.pass(LIMITS.coldGraceMs);
    say("kept/b");
    world.pass(LIMITS.coldGraceMs);
    expect(namesOf(peer.take("deliver"))).toEqual(["e1", "e2"]);
    expect(peer.take("recovered")).toMatchObject([{ complete: true, position: { incarnation: 2 } }]);
    expect(peer.take("gap")).toEqual([]);
  });

  test("N-17 one that does not say so has one stream and gaps", () => {
    const { world, say } = having();
    const peer = world.native().send(hello("r", 1, {}), subscribe(1, ""));
    say("kept/a");
    say("plain");
    expect(peer.take("deliver").map(({ router }) => router)).toEqual(["main", "main"]);
    world.cut(peer);
    say("kept/b");
    const from = { router: "main", incarnation: 1, seq: 2 };
    const after = world.native().send(hello("r", 2, {}), subscribe(1, "", [from]));
    expect(after.take("subscribed")).toMatchObject([{ gaps: [{ from, reason: "away" }] }]);
    expect(after.frames.map(({ type }) => type)).toEqual(["welcome"]);
  });
});

describe("history", () => {
  test("N-18 lies before the position of the subscription, and everything later follows", () => {
    const { world, say } = having("kept/a", "kept/b", "kept/a");
    const peer = reader(world, 1, "kept/a", [], { history: { last: 5 } });
    expect(peer.take("subscribed")).toMatchObject([{ positions: [{ router: STREAM, seq: 3 }] }]);
    const delivered = peer.take("deliver");
    expect(new Set(delivered.map(({ replay }) => replay))).toEqual(new Set(["history"]));
    expect(namesOf(delivered)).toEqual(["e1", "e3"]);
    expect(peer.take("recovered")).toMatchObject([{ complete: true, position: { seq: 3 } }]);
    say("kept/a");
    expect(peer.take("deliver")).toMatchObject([{ prev: 3 }]);
  });

  test.each([
    [{ last: 0 }, "kept/", "history.last must be an integer from 1 to"],
    [{ last: 1 }, "plain", "nothing under 'plain' is kept"],
  ])("N-18 %j of %s is refused, and the connection lives", (history, prefix, message) => {
    const { world, say } = having();
    const peer = reader(world, 1, prefix, [], { history });
    const [error] = peer.take("error");
    expect(error).toMatchObject({ id: 1, code: "invalid_data" });
    expect(error!.message).toContain(message);
    peer.send(subscribe(2, prefix));
    say(`${prefix}x`);
    expect(peer.take("deliver")).toHaveLength(1);
  });

  test("N-18 is for peers that resume", () => {
    const { world } = having();
    const peer = world.native().send(hello("r", 1, {}), subscribe(1, "kept/", [], { history: { last: 1 } }));
    expect(peer.take("error")).toMatchObject([{ id: 1, code: "invalid_data" }]);
  });

  test("N-18 a history that a lost trunk cut short is not whole", () => {
    const { world, say } = having("kept/a", "kept/a");
    const peer = world.native().send(hello("r", 1, { resume: true, window: 1 }));
    peer.send(subscribe(1, "kept/", [], { history: { positions: [[STREAM, 1, 0]] } }));
    expect(namesOf(peer.take("deliver"))).toEqual(["e1"]);
    expect(peer.take("recovered")).toEqual([]);
    world.cutTrunk(peer);
    world.pass(LIMITS.trunkRetryMs);
    say("kept/a");
    expect(peer.take("recovered")).toMatchObject([{ complete: false }]);
    expect(namesOf(peer.take("deliver"))).toEqual(["e3"]);
  });
});

describe("credit", () => {
  test("N-19 R12 a credit covers all that came before it over the connection, of any stream", () => {
    const { world, say } = having();
    const peer = world.native().send(hello("r", 1, { resume: true, window: 1 }), subscribe(1, ""));
    say("kept/a");
    say("plain");
    say("kept/b");
    const [first] = peer.take("deliver");
    expect(first).toMatchObject({ router: STREAM });
    expect(peer.take("deliver")).toEqual([]);
    const credit = (position: Position, window: number) => peer.send({ type: "credit", position, window });
    credit({ router: STREAM, incarnation: 1, seq: 1 }, 1e6);
    expect(peer.take("deliver").map(({ router }) => router)).toEqual(["main", STREAM]);
    credit({ router: STREAM, incarnation: 1, seq: 3 }, 1);
    say("plain");
    expect(peer.take("deliver")).toHaveLength(1);
  });

  test("N-19 for a peer that names no window the session says it, at the latest after creditMs", () => {
    const { world, say } = having();
    const peer = reader(world, 1, "");
    say("kept/a");
    expect(peer.session.deadlineMs).toBeLessThanOrEqual(world.nowMs + LIMITS.creditMs);
    world.pass(LIMITS.creditMs);
    expect(peer.session.deadlineMs).toBeUndefined();
  });
});
