/** The engine of a router while it lives: order, repeats, fan-out, refusals. Sleep is in router-sleep.test.ts. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { encodeFrame } from "../../../src/protocol/frame-codec.ts";
import type { Frame, FrameOf } from "../../../src/protocol/frame.ts";
import { parseTopic } from "../../../src/protocol/topic.ts";
import { parseTerms } from "../../../src/routing/reader-terms.ts";
import {
  hello,
  instance,
  publish,
  RouterRig,
  segment,
  subscribe,
  textsOf,
  unsubscribe,
} from "../../support/router-rig.ts";
import vectors from "../../vectors/topics.json" with { type: "json" };

const repeat = (frame: Frame): Frame => ({ ...frame, repeat: true }) as Frame;
/** Terms of a reader that takes much without a word. */
const wide = { window: LIMITS.readerWindowBytesMax };
const seqsOf = (frame: FrameOf<"deliver">) => frame.frames.map((f) => f.seq);

describe("fan-out", () => {
  test.each(vectors.prefix)(
    "[A1][A26][A27][A44] $subscription is sent $topic: $matches",
    ({ subscription, topic, matches }) => {
      const rig = new RouterRig().join("s", 1, [subscription]).join("p", 2, []);
      rig.receive("p", publish(1, segment(topic, "event"))).turn();
      expect(rig.takeTexts("s")).toEqual(matches ? ["event"] : []);
    },
  );

  test("[A1] each event reaches each matching subscriber once, in one order for all", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 3 });
    fc.assert(
      fc.property(
        fc.array(fc.array(text, { maxLength: 3 }), { minLength: 1, maxLength: 5 }),
        fc.array(fc.tuple(fc.nat(2), fc.array(text, { minLength: 1, maxLength: 3 })), { maxLength: 12 }),
        (filters, frames) => {
          const rig = new RouterRig();
          filters.forEach((filter, i) => rig.join(`s${i}`, 10 + i, filter));
          const seqs = [0, 0, 0];
          for (const i of [0, 1, 2]) rig.join(`p${i}`, 100 + i, []);
          const order: { topic: string; text: string }[] = [];
          frames.forEach(([who, topics], n) => {
            const events = topics.map((topic, k) => ({ topic, text: `${n}.${k}` }));
            rig.receive(`p${who}`, publish(++seqs[who]!, ...events.map((e) => segment(e.topic, e.text))));
            if (n % 3 === 0) rig.turn();
            order.push(...events);
          });
          rig.turn();
          filters.forEach((filter, i) => {
            const expected = order.filter((e) => filter.some((prefix) => e.topic.startsWith(prefix)));
            expect(rig.takeTexts(`s${i}`)).toEqual(expected.map((e) => e.text));
          });
        },
      ),
    );
  });

  test("encodes once for all members of a group: they are sent the very same bytes", () => {
    const rig = new RouterRig()
      .join("a", 1, ["t"])
      .join("b", 2, ["t"])
      .join("c", 3, ["t", "u"])
      .join("p", 4, []);
    rig.receive("p", publish(1, segment("t")), publish(2, segment("t"))).turn();
    const delivered = rig.sent.filter((s) => s.frame.type === "deliver");
    expect(delivered.map((s) => s.trunks)).toEqual([["a", "b"], ["c"]]);
  });

  test("R3 a member that stands elsewhere gets a header of its own", () => {
    const rig = new RouterRig().join("a", 1, ["t"]).join("p", 4, []);
    rig.receive("p", publish(1, segment("t"))).turn();
    rig.receive("p", publish(2, segment("other"))).turn();
    rig.join("b", 2, ["t"]);
    rig.receive("p", publish(3, segment("t"))).turn();
    expect(rig.takeOf("a", "deliver").at(-1)).toMatchObject({ prev: 1, frames: [{ seq: 3 }] });
    expect(rig.takeOf("b", "deliver")).toMatchObject([{ prev: 2, frames: [{ seq: 3 }] }]);
    rig.receive("p", publish(4, segment("t"))).turn();
    expect(rig.sent.at(-2)).toMatchObject({ trunks: ["a", "b"], frame: { prev: 3 } });
  });

  test("segments that do not match are left out; a frame without any is no delivery", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    rig.receive("p", publish(1, segment("t", "1"), segment("u", "2"), segment("tt", "3"))).turn();
    rig.receive("p", publish(2, segment("u"))).turn();
    const frames = rig.takeOf("s", "deliver");
    expect(frames).toHaveLength(1);
    expect(frames.flatMap(textsOf)).toEqual(["1", "3"]);
  });

  test("a deliver frame is closed at its target size", () => {
    const rig = new RouterRig().join("s", 1, ["t"], 1, wide).join("p", 2, []);
    const payload = new Uint8Array(LIMITS.deliverFrameBytes / 4);
    for (let seq = 1; seq <= 9; seq++) rig.receive("p", publish(seq, { ...segment("t"), payload }));
    rig.turn();
    const frames = rig.takeOf("s", "deliver");
    expect(frames.map(seqsOf)).toEqual([[1, 2, 3, 4], [5, 6, 7, 8], [9]]);
    expect(frames.map((f) => f.prev)).toEqual([0, 4, 8]);
  });

  test("topics count for that size, too", () => {
    const rig = new RouterRig().join("s", 1, ["t"], 1, wide).join("p", 2, []);
    const topic = parseTopic("t".repeat(LIMITS.topicBytesMax));
    const many = Array.from({ length: LIMITS.deliverFrameBytes / LIMITS.topicBytesMax }, () => ({
      ...segment("t"),
      topic,
    }));
    rig.receive("p", publish(1, ...many), publish(2, segment("t"))).turn();
    expect(rig.takeOf("s", "deliver").map(seqsOf)).toEqual([[1], [2]]);
  });

  test("the largest publish frame makes a deliver frame that every session takes", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    const small = publish(1, { ...segment("t"), payload: new Uint8Array(LIMITS.deliverFrameBytes - 100) });
    const large = publish(2, { ...segment("t"), payload: new Uint8Array(LIMITS.publishFrameBytesMax - 100) });
    rig.receive("p", small, large).turn();
    expect(rig.takeOf("s", "deliver").flatMap(seqsOf)).toEqual([1, 2]);
  });
});

describe("sequencing", () => {
  test("R3 each delivery names the one before it on that trunk", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    for (let seq = 1; seq <= 6; seq++)
      rig.receive("p", publish(seq, segment(seq % 2 === 0 ? "t" : "u"))).turn();
    expect(rig.takeOf("s", "deliver").map((f) => [f.prev, seqsOf(f)])).toEqual([
      [0, [2]],
      [2, [4]],
      [4, [6]],
    ]);
  });

  test("R5 a repeat is acknowledged and not delivered again", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    rig.receive("p", publish(1, segment("t", "one"))).turn();
    rig.receive("p", repeat(publish(1, segment("t", "one"))), publish(2, segment("t", "two"))).turn();
    expect(rig.takeTexts("s")).toEqual(["one", "two"]);
    expect(rig.takeOf("p", "published").map((f) => f.seq)).toEqual([1, 2]);
  });

  test("R5 the mark is the publisher's, whatever its connection", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    rig
      .receive("p", publish(7, segment("t", "one")))
      .turn()
      .closed("p")
      .turn();
    rig.receive("p2", hello(2, 2), repeat(publish(7, segment("t", "one")))).turn();
    expect(rig.takeTexts("s")).toEqual(["one"]);
    expect(rig.takeOf("p2", "published")).toMatchObject([{ seq: 7 }]);
  });

  test("R10 an acknowledgement covers all before it and never goes back within a turn", () => {
    const rig = new RouterRig().join("p", 2, []);
    rig.receive("p", publish(1, segment("t")), publish(2, segment("t")), repeat(publish(1, segment("t"))));
    expect(
      rig
        .turn()
        .takeOf("p", "published")
        .map((f) => f.seq),
    ).toEqual([2]);
  });

  test("R10 the acknowledgement follows the deliveries of its turn", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    rig.receive("p", publish(1, segment("t"))).turn();
    expect(rig.sent.slice(-2).map((s) => s.frame.type)).toEqual(["deliver", "published"]);
  });

  test("R5 publisher and number travel with each frame; the publisher gets its own, to tell it by them", () => {
    const rig = new RouterRig().join("p", 2, ["t"]);
    rig.receive("p", publish(5, segment("t"))).turn();
    expect(rig.takeOf("p", "deliver")).toMatchObject([
      { frames: [{ publisher: instance(2), publisherSeq: 5 }] },
    ]);
  });
});

describe("subscriptions", () => {
  test("[A37] one made in a turn holds for everything sequenced in that turn and later", () => {
    const rig = new RouterRig().join("p", 2, []);
    rig.receive("s", hello(1)).receive("p", publish(1, segment("t", "one")));
    rig
      .receive("s", subscribe(["t"], 5))
      .receive("p", publish(2, segment("t", "two")))
      .turn();
    const frames = rig.take("s");
    expect(frames.map((f) => f.type)).toEqual(["welcome", "subscribed", "deliver"]);
    expect(frames[1]).toMatchObject({
      id: 5,
      positions: [{ router: "main", incarnation: 1, seq: 0 }],
      gaps: [],
    });
    expect(textsOf(frames[2] as FrameOf<"deliver">)).toEqual(["one", "two"]);
  });

  test("[A37] may grow and shrink while events flow, without a gap", () => {
    const rig = new RouterRig().join("s", 1, ["a"]).join("p", 2, []);
    let seq = 0;
    const send = () => rig.receive("p", publish(++seq, segment("a", "a"), segment("b", "b"))).turn();
    send();
    rig.receive("s", subscribe(["b"], 2)).turn();
    send();
    rig.receive("s", unsubscribe(["a"], 3)).turn();
    send();
    const frames = rig.take("s");
    expect(frames.map((f) => (f.type === "deliver" ? textsOf(f).join("") : f.type))).toEqual([
      "a",
      "subscribed",
      "ab",
      "subscribed",
      "b",
    ]);
    let last: number | undefined;
    for (const frame of frames) {
      if (frame.type === "deliver") {
        if (last !== undefined) expect(frame.prev).toBe(last);
        last = frame.frames.at(-1)!.seq;
      } else if (frame.type === "subscribed") last = frame.positions[0]!.seq;
    }
  });

  test("overlapping prefixes bring one copy; taking one away leaves the other", () => {
    const rig = new RouterRig().join("s", 1, ["t", "t/a", ""]).join("p", 2, []);
    rig.receive("p", publish(1, segment("t/a", "one"))).turn();
    rig.receive("s", unsubscribe(["", "t"], 2)).turn();
    rig.receive("p", publish(2, segment("t/a", "two")), publish(3, segment("t/b"))).turn();
    expect(rig.takeTexts("s")).toEqual(["one", "two"]);
  });

  test("as many as the bound are taken, one more costs the trunk", () => {
    const many = Array.from({ length: LIMITS.subscriptionsMax }, (_, i) => `p${i}`);
    const rig = new RouterRig().join("s", 1, many);
    expect(rig.closes).toEqual([]);
    rig.receive("s", subscribe(["p0"], 2)).turn();
    expect(rig.closes).toEqual([]);
    rig.receive("s", subscribe(["one more"], 3)).turn();
    expect(rig.closes).toMatchObject([{ trunk: "s", reason: "too_many" }]);
  });

  test("as many bytes as the bound are taken, and no more", () => {
    const count = LIMITS.subscriptionBytesMax / LIMITS.topicBytesMax;
    const many = Array.from({ length: count }, (_, i) => `${i}`.padEnd(LIMITS.topicBytesMax, "x"));
    const rig = new RouterRig().join("s", 1, many);
    expect(rig.closes).toEqual([]);
    rig.receive("s", subscribe(["x"], 2)).turn();
    expect(rig.closes).toMatchObject([{ reason: "too_many" }]);
  });

  test("R6 a row is written once a turn, and deleted with the trunk", () => {
    const rig = new RouterRig().receive("s", hello(1), subscribe(["a"], 1), subscribe(["b"], 2)).turn();
    expect(rig.changes.filter((c) => c.type === "trunk")).toEqual([
      {
        type: "trunk",
        row: {
          id: "s",
          instance: instance(1),
          connection: 1,
          terms: parseTerms({}),
          prefixes: ["a", "b"],
          lastSeq: 0,
        },
      },
    ]);
    rig.closed("s").turn();
    expect([...rig.store.trunks.keys()]).toEqual([]);
  });

  test("what arrived before a trunk's end is worked on first", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    rig
      .receive("p", publish(1, segment("t", "last")))
      .closed("p")
      .turn();
    expect(rig.takeTexts("s")).toEqual(["last"]);
    expect(rig.router.trunkCount).toBe(1);
  });
});

describe("R1 one connection of an instance at a time", () => {
  test("a newer one closes the older as superseded and takes over", () => {
    const rig = new RouterRig().join("old", 1, ["t"], 1).join("p", 2, []);
    rig.receive("new", hello(1, 2), subscribe(["t"])).turn();
    expect(rig.closes).toMatchObject([{ trunk: "old", code: 1008, reason: "superseded" }]);
    rig.receive("p", publish(1, segment("t", "one"))).turn();
    expect([rig.takeTexts("old"), rig.takeTexts("new")]).toEqual([[], ["one"]]);
    expect([...rig.store.trunks.keys()]).toEqual(["p", "new"]);
  });

  test.each([1, 2])("one with number %i beside 2 is refused, the other goes on", (connection) => {
    const rig = new RouterRig().join("s", 1, ["t"], 2).join("p", 2, []);
    rig.receive("late", hello(1, connection)).turn();
    expect(rig.closes).toMatchObject([{ trunk: "late", reason: "superseded" }]);
    rig.receive("p", publish(1, segment("t", "one"))).turn();
    expect(rig.takeTexts("s")).toEqual(["one"]);
  });

  test("the late close of the older one does not end the newer", () => {
    const rig = new RouterRig().join("old", 1, ["t"], 1).join("new", 1, ["t"], 2).join("p", 2, []);
    rig.closed("old").turn();
    rig.receive("p", publish(1, segment("t", "one"))).turn();
    expect(rig.takeTexts("new")).toEqual(["one"]);
  });

  test("frames of a superseded trunk count no more", () => {
    const rig = new RouterRig().join("old", 2, [], 1).join("new", 2, [], 2).join("s", 1, ["t"]);
    rig.receive("old", publish(1, segment("t"))).turn();
    expect(rig.takeTexts("s")).toEqual([]);
    expect(rig.router.position.seq).toBe(0);
  });
});

describe("refusals", () => {
  test.each<[string, Frame[], string]>([
    ["publishing before hello", [publish(1, segment("t"))], "invalid_message"],
    ["a second hello", [hello(1), hello(1, 2)], "invalid_message"],
    ["another router table", [hello(1, 1, "of yesterday")], "moved"],
    ["no common version", [{ ...hello(1), versions: [2, 2] } as Frame], "version_unsupported"],
    ["a frame that routers send", [hello(1), { type: "pong", id: 1 }], "invalid_message"],
  ])("R8 R37 %s", (_, frames, code) => {
    const rig = new RouterRig().join("s", 9, ["t"]);
    rig.receive("x", ...frames).turn();
    expect(rig.takeOf("x", "error")).toMatchObject([{ id: undefined, code }]);
    expect(rig.closes).toMatchObject([{ trunk: "x", reason: code }]);
    rig.receive("p", hello(2), publish(1, segment("t", "others notice nothing"))).turn();
    expect(rig.takeTexts("s")).toEqual(["others notice nothing"]);
  });

  test("bytes that are no frame", () => {
    const rig = new RouterRig().join("s", 9, ["t"]);
    rig.router.receive("s", new Uint8Array([0xff, 0x00]));
    rig.turn();
    expect(rig.closes).toMatchObject([{ trunk: "s", reason: "deserialization_failed" }]);
  });

  test("as many trunks as the bound are taken, one more is sent away until one has left", () => {
    const rig = new RouterRig();
    for (let i = 0; i < LIMITS.trunksMax; i++) rig.receive(`t${i}`, hello(i));
    rig.turn();
    expect(rig.closes).toEqual([]);
    rig.receive("one more", hello(LIMITS.trunksMax)).turn();
    expect(rig.closes).toMatchObject([{ trunk: "one more", code: 1013, reason: "unavailable" }]);
    rig.closed("t0").receive("again", hello(LIMITS.trunksMax)).turn();
    expect(rig.closes).toHaveLength(1);
  });

  test("ping is answered", () => {
    const rig = new RouterRig().join("s", 1, []);
    rig.receive("s", { type: "ping", id: 3 }).turn();
    expect(rig.take("s")).toEqual([{ type: "pong", id: 3 }]);
  });
});

test("R35 the changes of a turn are all there before its first send is asked for", () => {
  const rig = new RouterRig();
  rig.router.receive("s", encodeFrame(hello(1)));
  rig.router.receive("s", encodeFrame(subscribe(["t"])));
  const effects = rig.router.turn(rig.nowMs);
  expect(effects.filter((e) => e.type === "persist").map((e) => e.change.type)).toEqual([
    "incarnation",
    "trunk",
  ]);
});
