import { describe, expect, it } from "vitest";
import { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { MemberEnd, type MemberEffect } from "../../../src/membership/member-end.ts";
import type { Liveness } from "../../../src/membership/membership-state.ts";
import { ViewCopy } from "../../../src/membership/view-copy.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import type { JoinFrame, ViewFrame, ViewId } from "../../../src/protocol/member-frame.ts";
import { node } from "../../support/membership-trunk.ts";
import { instance } from "../../support/router-rig.ts";

const JOIN: JoinFrame = { type: "join", id: 4, name: "node-1", nodeType: "WORKER", options: {} };
const WATCH = { type: "watch", known: undefined } as const;
const view = (number: number, base?: number, rest: Partial<ViewFrame> = {}): ViewFrame => ({
  type: "view",
  id: { life: "m", number },
  base,
  up: [],
  down: [],
  ...rest,
});

function rig(liveness: Liveness = "heartbeat", views = new ViewCopy()) {
  const end = new MemberEnd({
    instance: instance(1),
    connection: 3,
    nodeId: "node-1-a",
    liveness,
    admit: (name) => {
      if (name === "bad") throw new FabricError("forbidden", "no");
    },
    views,
  });
  /** What was done, in short; frames as they are. */
  const take = (): unknown[] => end.drain().map(shortOf);
  const receive = (frame: Frame, nowMs = 0) => end.received(encodeFrame(frame), nowMs);
  return { end, take, receive };
}

function shortOf(effect: MemberEffect): unknown {
  if (effect.type === "send") return decodeFrame(effect.bytes);
  return effect.type === "reply" ? { reply: effect.frame } : effect;
}

/** A rig whose peer is a node: its trunk is open and its join confirmed. */
function joined(liveness: Liveness = "heartbeat") {
  const r = rig(liveness);
  r.end.join(JOIN, 0);
  r.end.opened(0);
  r.receive({ type: "joined", id: 1, nodeId: "node-1-a", options: { since: 17 } });
  r.take();
  return r;
}

describe("the session's end of the membership trunk", () => {
  it("T-8 opens with the first join, says hello, joins and beats", () => {
    const { end, take, receive } = rig();
    expect([take(), end.deadlineMs]).toEqual([[], undefined]);
    end.join(JOIN, 0);
    expect(take()).toEqual([{ type: "open" }]);
    end.opened(0);
    expect(take()).toEqual([
      { type: "hello", versions: [1, 1], instance: instance(1), connection: 3 * 2 ** 20 + 1, options: {} },
      { ...JOIN, id: 1, options: { nodeId: "node-1-a", liveness: "heartbeat" } },
      { type: "beat" },
    ]);
    receive({ type: "joined", id: 1, nodeId: "node-1-a", options: {} });
    expect(take()).toEqual([
      { reply: { type: "joined", id: 4, nodeId: "node-1-a", options: { heartbeatMs: LIMITS.heartbeatMs } } },
    ]);
  });

  it("M-1 M-2 a join that is refused, or that names another node, leaves all as it was", () => {
    const { end, take } = joined();
    for (const [name, code] of [
      ["bad", "forbidden"],
      ["node-2", "invalid_data"],
    ] as const) {
      end.join({ ...JOIN, id: 9, name }, 0);
      expect(take()).toMatchObject([{ reply: { type: "error", id: 9, code } }]);
    }
    expect(end.member).toMatchObject({ name: "node-1" });
  });

  it("M-2 a join that is repeated is answered by the session; two at once are told apart", () => {
    const { end, take, receive } = joined();
    end.join({ ...JOIN, id: 8 }, 0);
    expect(take()).toMatchObject([{ reply: { type: "joined", id: 8, nodeId: "node-1-a" } }]);
    const two = rig();
    two.end.join(JOIN, 0);
    two.end.opened(0);
    two.end.join({ ...JOIN, id: 5 }, 0);
    two.take();
    // What is said of the first one is no news of the second.
    two.receive({ type: "error", id: 1, code: "duplicate_node", message: "" });
    expect([two.take(), two.end.member?.name]).toEqual([[], "node-1"]);
    two.receive({ type: "joined", id: 2, nodeId: "node-1-a", options: {} });
    expect(two.take()).toMatchObject([{ reply: { type: "joined", id: 5 } }]);
    receive({ type: "error", id: 1, code: "duplicate_node", message: "" });
    expect(take()).toMatchObject([{ reply: { type: "error", id: 8 } }]);
  });

  it("M-4 T-8 beats when the peer is heard, twice in an interval at most, and never without it", () => {
    const { end, take } = joined();
    const half = LIMITS.heartbeatMs / 2;
    end.heard(half - 1);
    expect(take()).toEqual([]);
    end.heard(half);
    expect(take()).toEqual([{ type: "beat" }]);
    expect(end.deadlineMs).toBeUndefined();
  });

  it("T-8 a trunk whose beats find no answer is given up for another", () => {
    const { end, take } = joined();
    end.beatAnswered();
    for (let nowMs = 2_000; nowMs < 2_000 + LIMITS.nodeSilenceMs; nowMs += 2_000) end.heard(nowMs);
    expect(take().every((effect) => (effect as { type: string }).type === "beat")).toBe(true);
    end.heard(2_000 + LIMITS.nodeSilenceMs);
    expect(take()).toEqual([{ type: "close", isOver: false }]);
    end.tick(end.deadlineMs!);
    expect(take()).toEqual([{ type: "open" }]);
  });

  it("M-4 a lost trunk is opened again while the peer is heard, with the same node and a higher connection", () => {
    const { end, take } = joined();
    end.heard(5_000);
    take();
    end.lost(5_001);
    expect(end.deadlineMs).toBe(5_001 + LIMITS.trunkRetryMs);
    end.tick(end.deadlineMs!);
    end.opened(5_100);
    expect(take()).toMatchObject([{ type: "open" }, { connection: 3 * 2 ** 20 + 2 }]);
    end.heard(5_200);
    expect(take()).toMatchObject([{ name: "node-1", options: { since: 17 } }]);
    // The peer has its answer.
    end.received(encodeFrame({ type: "joined", id: 1, nodeId: "node-1-a", options: {} }), 5_100);
    expect(take()).toEqual([]);
  });

  it("M-4 a silent peer's trunk stays closed until it is heard again", () => {
    const { end, take } = joined();
    end.lost(LIMITS.nodeSilenceMs);
    expect(end.deadlineMs).toBeUndefined();
    end.heard(60_000);
    expect(take()).toEqual([{ type: "open" }]);
    end.opened(60_010);
    expect(take()).toMatchObject([{ type: "hello" }, { type: "join", name: "node-1" }, { type: "beat" }]);
  });

  it("M-4 a silent peer does not come back with a trunk that it watches on", () => {
    const { end, take } = joined();
    end.watch(WATCH);
    end.heard(2_000);
    end.lost(2_500);
    end.tick(end.deadlineMs!);
    take();
    end.opened(2_600);
    expect(take()).toMatchObject([{ type: "hello" }, { type: "watch" }]);
    end.heard(60_000);
    end.heard(60_001);
    expect(take()).toMatchObject([{ type: "join", name: "node-1" }, { type: "beat" }]);
  });

  it("M-4 a JSON v1 client needs no word of its own", () => {
    const { end, take } = joined("close");
    end.heard(60_000);
    expect(take()).toEqual([]);
    end.lost(3_600_000);
    expect(end.deadlineMs).toBe(3_600_000 + LIMITS.trunkRetryMs);
    end.tick(end.deadlineMs!);
    end.opened(3_700_000);
    expect(take()).toMatchObject([{ type: "open" }, { type: "hello" }, { type: "join", name: "node-1" }]);
  });

  it("T-8 the end of the peer closes the trunk with that word, also one that opens later", () => {
    const { end, take } = joined();
    end.peerGone();
    expect(take()).toEqual([{ type: "close", isOver: true }]);
    end.lost(1);
    expect(end.deadlineMs).toBeUndefined();
    const late = rig();
    late.end.join(JOIN, 0);
    late.end.peerGone();
    late.take();
    late.end.opened(1);
    expect(late.take()).toEqual([{ type: "close", isOver: true }]);
  });

  it("M-3 a duplicate is told to the peer, which may join again; its trunk does not by itself", () => {
    const { end, take, receive } = joined();
    const error = { type: "error", id: 1, code: "duplicate_node", message: "other" } as const;
    receive(error);
    expect(take()).toEqual([{ reply: { ...error, id: 4 } }]);
    expect(end.member).toBeUndefined();
    end.heard(60_000);
    end.lost(60_001);
    expect([take(), end.deadlineMs]).toEqual([[], undefined]);
    end.join({ ...JOIN, id: 5 }, 60_002);
    expect(end.member).toMatchObject({ name: "node-1" });
  });

  it("R1 a newer connection of the peer ends this one's part", () => {
    const { end, take, receive } = joined();
    receive({ type: "error", id: undefined, code: "superseded", message: "" });
    expect(take()).toEqual([{ type: "close", isOver: true }]);
    end.heard(60_000);
    expect(take()).toEqual([]);
  });

  it("what Membership does not send gives the trunk up", () => {
    const { end, take, receive } = joined();
    receive({ type: "goaway", reason: "" }, 10);
    expect(take()).toEqual([{ type: "close", isOver: false }]);
    expect(end.deadlineMs).toBe(10 + LIMITS.trunkRetryMs);
  });
});

describe("views", () => {
  const told = (effects: readonly unknown[]) =>
    effects.flatMap((effect) => (effect as { reply?: ViewFrame }).reply ?? []);

  /** A watching peer that has been told view 1. */
  function watching(views = new ViewCopy(), known?: ViewId) {
    const r = rig("heartbeat", views);
    r.end.watch({ ...WATCH, known });
    r.end.opened(0);
    r.receive(view(1, undefined, { up: [node(1)] }));
    return r;
  }

  it("M-5 a watcher gets the view, then changes as they come", () => {
    const { take, receive } = watching();
    expect(told(take())).toEqual([view(1, undefined, { up: [node(1)] })]);
    const change = view(2, 1, { up: [node(2)] });
    receive(change);
    expect(told(take())).toEqual([change]);
  });

  it("M-5 a change that does not fit is asked for again, and the peer gets all", () => {
    const views = new ViewCopy();
    const { take, receive } = watching(views);
    take();
    receive(view(3, 2, { up: [node(3)] }));
    expect(take()).toEqual([{ type: "watch", known: { life: "m", number: 1 } }]);
    const all = view(3, undefined, { up: [node(1), node(3)] });
    receive(all);
    expect(told(take())).toEqual([all]);
  });

  it("M-5 sessions that share a copy tell their peers each change once", () => {
    const views = new ViewCopy();
    const one = watching(views);
    const two = watching(views);
    one.take();
    two.take();
    const change = view(2, 1, { up: [node(2)] });
    for (const { receive } of [one, two]) receive(change);
    expect([told(one.take()), told(two.take())]).toEqual([[change], [change]]);
    one.receive(view(3, 2));
    expect(told(two.take())).toEqual([]);
    two.receive(view(3, 2));
    expect(told(two.take())).toEqual([view(3, 2)]);
  });

  it("M-5 a peer that has the newest view is told just that, one that has another gets all", () => {
    const { end, take } = watching();
    take();
    end.watch({ ...WATCH, known: { life: "m", number: 1 } });
    expect(told(take())).toEqual([view(1, 1)]);
    end.watch({ ...WATCH, known: { life: "n", number: 1 } });
    expect(told(take())).toEqual([view(1, undefined, { up: [node(1)] })]);
  });

  it("M-5 after a lost trunk the session asks with what it has", () => {
    const { end, take } = watching();
    take();
    end.lost(1);
    end.tick(end.deadlineMs!);
    end.opened(100);
    expect(take().slice(2)).toEqual([{ type: "watch", known: { life: "m", number: 1 } }]);
  });
});
