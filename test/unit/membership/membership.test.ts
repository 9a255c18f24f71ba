import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { ViewCopy } from "../../../src/membership/view-copy.ts";
import { encodeFrame } from "../../../src/protocol/frame-codec.ts";
import { greeting, join, node, WATCH } from "../../support/membership-trunk.ts";
import { MembershipRig } from "../../support/membership-rig.ts";

const HELLOS = (n: number) => encodeFrame(greeting(n));
const rig = () => new MembershipRig();
/** Long enough for the next view, and short of any silence. */
const VIEW = LIMITS.viewMs;

describe("nodes that join", () => {
  it("R32 [E26] [E27] a node is up when it joins and down when its connection closes", () => {
    const r = rig().join("t1", 1, node(1));
    expect(r.told()).toEqual(["+node-1-a"]);
    r.close("t1").pass(VIEW);
    expect(r.told()).toEqual(["-node-1-a"]);
    expect(r.membership.members).toEqual([]);
  });

  it("M-2 each join is answered with its id; the trunk speaks for one node", () => {
    const r = rig().receive("t1", greeting(1), join(node(1), "heartbeat", 7));
    expect(r.take("t1")).toEqual([
      { type: "welcome", version: 1, endpoint: "life", options: {} },
      { type: "joined", id: 7, nodeId: "node-1-a", options: { since: expect.any(Number) } },
    ]);
    r.receive("t1", join(node(2)));
    expect(r.takeOf("t1", "error")[0]).toMatchObject({ id: undefined, code: "invalid_message" });
    expect(r.closes).toMatchObject([{ trunk: "t1", code: 1008 }]);
  });

  it("nothing is done before hello, and what is no frame of a session ends the trunk", () => {
    const r = rig().receive("t1", join(node(1)));
    expect(r.closes[0]).toMatchObject({ trunk: "t1", reason: "invalid_message" });
    r.receive("t2", greeting(2), { type: "goaway", reason: "" });
    expect(r.closes[1]).toMatchObject({ trunk: "t2", reason: "invalid_message" });
    r.receive("t3", greeting(3), { ...join(node(1)), options: {} } as never);
    expect(r.closes[2]).toMatchObject({ trunk: "t3", reason: "invalid_message" });
    expect(r.up).toEqual([]);
  });

  it("there are at most nodesMax nodes", () => {
    const r = rig();
    for (let n = 1; n <= LIMITS.nodesMax; n++) r.receive(`t${n}`, greeting(n), join(node(n)));
    expect(r.takeOf(`t${LIMITS.nodesMax}`, "joined")).toHaveLength(1);
    r.receive("more", greeting(LIMITS.nodesMax + 1), join(node(LIMITS.nodesMax + 1), "heartbeat", 5));
    expect(r.takeOf("more", "error")[0]).toMatchObject({ id: 5, code: "too_many" });
    expect(r.membership.members).toHaveLength(LIMITS.nodesMax);
  });
});

describe("bounds", () => {
  it("the id of a node has at most nodeIdMax characters", () => {
    const long = (length: number) => ({ ...node(1), nodeId: "x".repeat(length) });
    const r = rig().receive("t1", greeting(1), join(long(LIMITS.nodeIdMax)));
    expect(r.up).toHaveLength(1);
    for (const length of [0, LIMITS.nodeIdMax + 1]) {
      r.receive(`t${length}`, greeting(2 + length), join({ ...long(length), name: "other" }));
      expect(r.closes.at(-1)).toMatchObject({ trunk: `t${length}`, reason: "invalid_message" });
    }
    expect(r.up).toHaveLength(1);
  });

  it("Membership takes trunksMax trunks", () => {
    const r = rig();
    for (let n = 1; n <= LIMITS.trunksMax; n++) r.membership.receive(`t${n}`, HELLOS(n));
    r.turn();
    expect(r.membership.stat.trunks).toBe(LIMITS.trunksMax);
    r.receive("more", greeting(LIMITS.trunksMax + 1));
    expect(r.closes).toMatchObject([{ trunk: "more", reason: "unavailable" }]);
  });
});

describe("signs of life", () => {
  it("R32 an idle node that beats is never down", () => {
    const r = rig().join("t1", 1, node(1)).pass(3_600_000, "t1");
    expect(r.told()).toEqual(["+node-1-a"]);
    expect(r.closes).toEqual([]);
  });

  it("R32 a native node is down after three missed heartbeats, not before, and its trunk is closed", () => {
    const r = rig().join("t1", 1, node(1)).pass(10_000, "t1");
    r.told();
    const { nowMs } = r;
    r.pass(LIMITS.nodeSilenceMs - 1);
    expect(r.up).toEqual(["node-1-a"]);
    r.pass(1);
    expect(r.told()).toEqual(["-node-1-a"]);
    expect(r.nowMs - nowMs).toBe(3 * LIMITS.heartbeatMs);
    expect(r.closes).toMatchObject([{ trunk: "t1", code: 1001, reason: "silent" }]);
  });

  it("R32 a JSON v1 node is down by its close alone", () => {
    const r = rig().join("t1", 1, node(1), "close").pass(3_600_000);
    expect(r.up).toEqual(["node-1-a"]);
    expect(r.membership.deadlineMs).toBeUndefined();
    r.close("t1");
    expect(r.up).toEqual([]);
  });

  it("M-4 a trunk that breaks leaves its node as long as silence does", () => {
    const r = rig().join("t1", 1, node(1)).join("t2", 2, node(2));
    r.pass(VIEW, "t1", "t2").told();
    r.close("t1", 1006).close("t2", 1006).pass(1_000);
    r.join("t1b", 1, node(1), "heartbeat", 2).pass(LIMITS.nodeSilenceMs - 1_001, "t1b");
    expect(r.told()).toEqual([]);
    r.pass(1, "t1b");
    expect(r.told()).toEqual(["-node-2-a"]);
  });

  it("M-4 a JSON v1 node whose session dies is down, too", () => {
    const r = rig().join("t1", 1, node(1), "close").close("t1", 1006).pass(LIMITS.nodeSilenceMs);
    expect(r.told()).toEqual(["+node-1-a", "-node-1-a"]);
  });
});

describe("lives and connections", () => {
  it("R32 the close of an older connection does not count", () => {
    const r = rig().join("t1", 1, node(1)).pass(VIEW, "t1");
    r.join("t1b", 1, node(1), "heartbeat", 2);
    expect(r.closes).toMatchObject([{ trunk: "t1", reason: "superseded" }]);
    r.close("t1").pass(20_000, "t1b");
    expect(r.told()).toEqual(["+node-1-a"]);
  });

  it("R1 R32 a lower connection of the same life is refused", () => {
    const r = rig()
      .join("t2", 1, node(1), "heartbeat", 2)
      .receive("t1", greeting(1, 1), join(node(1)));
    expect(r.closes[0]).toMatchObject({ trunk: "t1", reason: "superseded" });
    r.pass(20_000, "t2");
    expect(r.up).toEqual(["node-1-a"]);
  });

  it("M-3 [E25] a new life of a node takes over: the old one is down first, and told so", () => {
    const r = rig().join("t1", 1, node(1)).pass(VIEW, "t1");
    r.told();
    r.receive("t2", greeting(2), join(node(1, "b")));
    expect(r.commits).toMatchObject([
      {
        down: [{ nodeId: "node-1-a" }],
        up: [{ nodeId: "node-1-b" }],
        duplicates: [{ name: "node-1", nodeId: "node-1-a", by: "node-1-b" }],
      },
    ]);
    expect(r.takeOf("t1", "error")).toMatchObject([{ id: 1, code: "duplicate_node" }]);
    r.told();
    // The old life's connection lives on, and its end means nothing.
    expect(r.closes).toEqual([]);
    r.close("t1").pass(20_000, "t2");
    expect(r.told()).toEqual([]);
    expect(r.up).toEqual(["node-1-b"]);
  });

  it("M-3 a new life after the old one's trunk has broken is no duplicate", () => {
    const r = rig().join("t1", 1, node(1)).close("t1", 1006).pass(VIEW);
    r.told();
    r.receive("t2", greeting(2), join(node(1, "b")));
    expect(r.commits).toMatchObject([{ duplicates: [] }]);
    expect(r.told()).toEqual(["-node-1-a", "+node-1-b"]);
  });

  it("M-3 a session that joins again does not take the name back for an older life, whoever comes first", () => {
    const r = rig().receive("t1", greeting(1), join(node(1), "close"));
    r.pass(VIEW).receive("t2", greeting(2), join(node(1, "b"), "close"));
    const [old, young] = ["t1", "t2"].map((t) => r.takeOf(t, "joined")[0]?.options["since"] as number);
    expect(young).toBeGreaterThan(old!);
    r.crash().receive("t2b", greeting(2, 2), join(node(1, "b"), "close", 1, young));
    r.receive("t1b", greeting(1, 2), join(node(1), "close", 3, old));
    expect(r.takeOf("t1b", "error")).toMatchObject([{ id: 3, code: "duplicate_node" }]);
    expect([r.up, r.closes]).toEqual([["node-1-b"], []]);
    r.crash().receive("t1c", greeting(1, 3), join(node(1), "close", 3, old));
    r.receive("t2c", greeting(2, 3), join(node(1, "b"), "close", 1, young)).pass(VIEW);
    expect(r.takeOf("t1c", "error")).toMatchObject([{ id: 3, code: "duplicate_node" }]);
    r.sleep().close("t1c");
    expect(r.up).toEqual(["node-1-b"]);
  });

  it("M-3 twins that take turns within one view are reported all the same", () => {
    const r = rig().join("t1", 1, node(1)).join("t2", 2, node(2)).join("t3", 3, node(2, "b"));
    r.join("t4", 2, node(2), "heartbeat", 2).pass(VIEW);
    expect(r.commits.flatMap(({ duplicates }) => duplicates.map(({ by }) => by))).toEqual([
      "node-2-b",
      "node-2-a",
    ]);
  });
});

describe("sleep and crash", () => {
  it("a sleep keeps nodes and watchers", () => {
    const r = rig().join("t1", 1, node(1), "close").watch("w", 9).pass(VIEW);
    r.take("w");
    r.sleep().join("t2", 2, node(2), "close").pass(VIEW);
    expect(r.takeOf("w", "view")).toMatchObject([{ base: 1, up: [node(2)], down: [] }]);
    expect(r.told()).toEqual(["+node-1-a", "+node-2-a"]);
  });

  it("R32 after a restart it waits 10 s for the nodes of the last view, then they are down", () => {
    const r = rig().join("t1", 1, node(1)).join("t2", 2, node(2)).pass(VIEW, "t1", "t2");
    r.told();
    r.crash().pass(LIMITS.memberGraceMs - 1);
    expect(r.up).toEqual(["node-1-a", "node-2-a"]);
    r.join("t1b", 1, node(1), "heartbeat", 2).pass(1);
    expect(r.told()).toEqual(["-node-2-a"]);
    expect(r.membership.stat.view).toBe(3);
  });

  it("what no view has told yet comes back with its sockets, or was never there", () => {
    const r = rig().join("t1", 1, node(1)).join("t2", 2, node(2));
    expect(r.told()).toEqual(["+node-1-a"]);
    r.crash();
    expect(r.up).toEqual(["node-1-a"]);
    r.join("t2b", 2, node(2), "heartbeat", 2);
    expect(r.told()).toEqual(["+node-2-a"]);
  });

  it("a node that returns in another life while the old one is awaited replaces it", () => {
    const r = rig().join("t1", 1, node(1)).crash();
    r.told();
    r.join("t2", 2, node(1, "b")).pass(20_000, "t2");
    expect(r.told()).toEqual(["-node-1-a", "+node-1-b"]);
  });
});

describe("views", () => {
  it("M-5 a watcher gets all once, then changes, numbered without holes", () => {
    const r = rig().join("t1", 1, node(1)).watch("w", 9);
    r.join("t2", 2, node(2)).pass(VIEW, "t1", "t2").close("t1").pass(VIEW, "t2");
    const views = r.takeOf("w", "view");
    expect(views.map(({ base, id }) => [base, id.number])).toEqual([
      [undefined, 1],
      [1, 2],
      [2, 3],
    ]);
    const copy = new ViewCopy();
    for (const view of views) copy.take(view);
    expect([...copy.members.keys()]).toEqual(["node-2"]);
  });

  it("M-5 who knows the view already is told nothing more; who knows another gets all", () => {
    const r = rig().join("t1", 1, node(1));
    r.receive("a", greeting(8), { ...WATCH, known: { life: "life", number: 1 } } as never);
    expect(r.takeOf("a", "view")).toMatchObject([{ base: 1, up: [], down: [], id: { number: 1 } }]);
    for (const known of [
      { life: "life", number: 0 },
      { life: "other", number: 1 },
    ]) {
      r.receive("a", { type: "watch", known });
      expect(r.takeOf("a", "view")).toMatchObject([{ base: undefined, up: [node(1)] }]);
    }
  });

  it("R32 5,000 nodes that join within a minute are told in a view a second", () => {
    const r = rig();
    const watchers = 100;
    for (let n = 1; n <= watchers; n++) r.watch(`w${n}`, 10_000 + n);
    r.sends = 0;
    const nodes = 5_000;
    for (let n = 1; n <= nodes; n++) {
      r.join(`t${n}`, n, node(n), "close");
      r.pass(60_000 / nodes);
    }
    expect(r.membership.members).toHaveLength(nodes);
    const seconds = 60_000 / LIMITS.viewMs;
    expect(r.membership.stat.view).toBeLessThanOrEqual(seconds + 1);
    // A welcome and a joined for each node, and each view to each watcher.
    expect(r.sends).toBeLessThanOrEqual(2 * nodes + watchers * (seconds + 1));
  });

  it("a node that goes and comes back in the same life between two views is not told of", () => {
    const r = rig().join("t1", 1, node(1)).join("t2", 2, node(2));
    r.told();
    r.close("t2").join("t2b", 2, node(2), "heartbeat", 2).pass(VIEW, "t1", "t2b");
    expect(r.told()).toEqual(["+node-2-a"]);
  });
});
