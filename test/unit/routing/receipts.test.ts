/** What a router says of one publish: how many it went to, and that it came from elsewhere. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Frame, FrameOf } from "../../../src/protocol/frame.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { FanOut } from "../../../src/routing/fan-out.ts";
import { makeFilter } from "../../../src/routing/filter.ts";
import type { Member } from "../../../src/routing/interest-group.ts";
import { policy } from "../../support/kept-rig.ts";
import {
  hello,
  instance,
  publish,
  RouterRig,
  segment,
  subscribe,
  unsubscribe,
} from "../../support/router-rig.ts";

const receipt = (seq: number, ...topics: string[]): Frame =>
  ({ ...publish(seq, ...topics.map((topic) => segment(topic))), receipt: true }) as Frame;

describe("N-20 a receipt", () => {
  const rig = () =>
    new RouterRig().join("a", 1, ["x", "y"]).join("b", 2, ["x"]).join("c", 3, ["z"]).join("p", 9, ["x"]);

  test("names the live readers of other peers, each once, and stands between the other acknowledgements", () => {
    const router = rig();
    router.receive("p", publish(1, segment("x")), publish(2, segment("x")), receipt(3, "x", "y")).turn();
    router.receive("p", receipt(4, "none"), receipt(5, "z"), publish(6, segment("x"))).turn();
    expect(router.takeOf("p", "published")).toEqual([
      { type: "published", router: "main", seq: 2 },
      { type: "published", router: "main", seq: 3, receivers: 2 },
      { type: "published", router: "main", seq: 4, receivers: 0 },
      { type: "published", router: "main", seq: 5, receivers: 1 },
      { type: "published", router: "main", seq: 6 },
    ]);
  });

  test("follows subscriptions and connections", () => {
    const router = rig();
    router.receive("b", unsubscribe(["x"], 2)).turn();
    router.receive("p", receipt(1, "x")).turn();
    router.closed("a").turn();
    router.receive("p", receipt(2, "x")).turn();
    router.receive("c", subscribe(["x"], 2)).turn();
    router.receive("p", receipt(3, "x")).turn();
    expect(router.takeOf("p", "published").map(({ receivers }) => receivers)).toEqual([1, 0, 1]);
  });

  test("of a repeat names nobody", () => {
    const router = rig();
    router.receive("p", receipt(1, "x"), { ...receipt(1, "x"), repeat: true } as Frame).turn();
    expect(router.takeOf("p", "published")).toEqual([
      { type: "published", router: "main", seq: 1, receivers: 2 },
      { type: "published", router: "main", seq: 1 },
    ]);
  });

  test("of one that was sent before names nobody, also where the router's memory is lost", () => {
    const router = rig();
    router.receive("p", receipt(1, "x")).turn().restart("closed").turn();
    router.join("p2", 9, [], 2).receive("p2", { ...receipt(1, "x"), repeat: true } as Frame);
    router.turn().pass(LIMITS.coldGraceMs);
    expect(router.takeOf("p2", "published")).toEqual([{ type: "published", router: "main", seq: 1 }]);
  });

  test("costs the groups of readers for each topic, and each reader once", () => {
    const topics = Array.from({ length: 3_000 }, (_, i) => parseTopic(`t${i}`));
    const fanOut = new FanOut<Member>();
    for (let i = 0; i < 1_000; i++) fanOut.join({ lastSeq: 0 }, makeFilter([parsePrefix("t")]));
    let steps = 0;
    for (const _ of fanOut.takersOf(topics)) steps++;
    expect(steps).toBe(1_000);
  });

  test("counts a reader that is still being sent what is kept", () => {
    const router = new RouterRig([policy("k")]).join("p", 9, []).join("a", 1, ["k"], 1, { resume: true });
    router
      .receive("p", publish(1, segment("k", "x".repeat(5_000))))
      .turn()
      .pass(1_000);
    router.closed("a").turn();
    for (let seq = 2; seq <= 9; seq++)
      router
        .receive("p", publish(seq, segment("k", "x".repeat(5_000))))
        .turn()
        .pass(1_000);
    const position = { router: "main+k", incarnation: 1, seq: 1 };
    router
      .receive("a2", hello(1, 2, "t", { resume: true, window: 1_000 }), subscribe(["k"], 1, [position]))
      .turn();
    router.receive("p", receipt(10, "k")).turn().pass(1_000);
    expect(router.takeOf("a2", "recovered")).toEqual([]);
    expect(router.takeOf("p", "published").at(-1)).toMatchObject({ seq: 10, receivers: 1 });
  });

  test("counts readers of what is kept, too", () => {
    const router = new RouterRig([policy("k")]);
    router.join("a", 1, ["k", "x"], 1, { resume: true }).join("p", 9, []);
    router.receive("p", receipt(1, "k")).turn();
    router.receive("p", receipt(2, "x")).turn().pass(1_000);
    expect(router.takeOf("p", "published").map(({ receivers }) => receivers)).toEqual([1, 1]);
  });
});

describe("N-22 what a peering carries on", () => {
  const carried = (seq: number, originSeq: number, path: readonly string[], text: string): Frame => ({
    ...(publish(seq, segment("x", text)) as FrameOf<"publish">),
    origin: { publisher: instance(77), seq: originSeq, path },
  });

  test("keeps its publisher, number and path", () => {
    const router = new RouterRig().join("s", 1, ["x"]).join("link", 2, []);
    router.receive("link", carried(1, 40, ["far", "near"], "e")).turn();
    expect(router.takeOf("s", "deliver")[0]?.frames).toMatchObject([
      { seq: 1, publisher: instance(77), publisherSeq: 40, path: ["far", "near"] },
    ]);
    expect(router.takeOf("link", "published")).toMatchObject([{ seq: 1 }]);
  });

  test("by two ways it is taken once, and both are acknowledged", () => {
    const router = new RouterRig().join("s", 1, ["x"]).join("one", 2, []).join("two", 3, []);
    router.receive("one", carried(1, 40, ["far"], "a"), carried(2, 41, ["far"], "b")).turn();
    router.receive("two", carried(1, 40, ["far", "by"], "a"), carried(2, 41, ["far", "by"], "b")).turn();
    router.receive("two", carried(3, 42, ["far", "by"], "c")).turn();
    router.receive("one", carried(3, 42, ["far"], "c")).turn();
    expect(router.takeTexts("s")).toEqual(["a", "b", "c"]);
    for (const way of ["one", "two"]) {
      expect(router.takeOf(way, "published").at(-1)).toMatchObject({ seq: 3 });
    }
  });
});

describe("R1 R5 what a session has joined, and another session of the client has gone on with", () => {
  const joined = (first: number, last: number, text: string): Frame =>
    ({ ...publish(last, segment("x", text)), first }) as Frame;
  const again = (seq: number, text: string): Frame =>
    ({ ...publish(seq, segment("x", text)), repeat: true }) as Frame;

  test("comes not again: its trunk ends, with all that stands behind it", () => {
    const router = new RouterRig().join("s", 1, ["x"]).join("new", 7, [], 2);
    router.receive("new", again(2, "two")).turn();
    router.closed("new").turn();
    router.join("old", 7, [], 1);
    router.receive("old", joined(2, 4, "two three four"), publish(5, segment("x", "five"))).turn();
    expect(router.takeTexts("s")).toEqual(["two"]);
    expect(router.takeOf("old", "error")).toMatchObject([{ code: "superseded" }]);
    expect(router.takeOf("old", "published")).toEqual([]);
    // The client itself sends the rest again.
    router.join("newest", 7, [], 3);
    router.receive("newest", again(3, "three"), again(4, "four"), publish(5, segment("x", "five"))).turn();
    expect(router.takeTexts("s")).toEqual(["three", "four", "five"]);
  });

  test("is a repeat when all of it was taken, and new when none was", () => {
    const router = new RouterRig().join("s", 1, ["x"]).join("p", 7, []);
    router.receive("p", joined(1, 3, "a"), joined(1, 3, "a"), joined(4, 6, "b")).turn();
    expect(router.takeTexts("s")).toEqual(["a", "b"]);
    expect(router.takeOf("p", "published")).toEqual([{ type: "published", router: "main", seq: 6 }]);
  });
});
