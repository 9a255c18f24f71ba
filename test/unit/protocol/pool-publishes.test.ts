/** A session that publishes to nodes of pools: every schedule of view, router, node and peer. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { CborWriter } from "../../../src/data/cbor-writer.ts";
import { writeValue } from "../../../src/data/cbor-value.ts";
import { count, string, type Value } from "../../../src/data/value.ts";
import { encodeFrame as encoded } from "../../../src/protocol/frame-codec.ts";
import type { Frame, FrameOf } from "../../../src/protocol/frame.ts";
import type { NativeSession } from "../../../src/protocol/native-session.ts";
import { encodeEvents } from "../../../src/protocol/transcode.ts";
import { instance } from "../../support/router-rig.ts";
import { nativeRig, type SessionRig } from "../../support/session-rig.ts";
import { PoolViewRig, proxyLayout, PROXIES } from "../../support/pool-view-rig.ts";

const HELLO: Frame = { type: "hello", versions: [1, 1], instance: instance(5), connection: 1, options: {} };

function bytesOf(value: Value): Uint8Array {
  const writer = new CborWriter();
  writeValue(writer, value);
  return writer.finish();
}

function payload(text: string): Uint8Array {
  return encodeEvents([{ name: "ev", args: [string(text)], metadata: [] }]);
}

function hrw(id: number, key: Value = count(BigInt(id)), pool = "proxy"): FrameOf<"publishPool"> {
  return {
    type: "publishPool",
    id,
    repeat: false,
    pool,
    choice: "hrw",
    key: bytesOf(key),
    count: 1,
    payload: payload(`e${id}`),
  };
}

function rr(id: number, key = "", pool = "proxy"): FrameOf<"publishPool"> {
  const { count: n, payload: bytes } = hrw(id);
  return { type: "publishPool", id, repeat: false, pool, choice: "rr", key, count: n, payload: bytes };
}

function opened(views: PoolViewRig): SessionRig<NativeSession> {
  const rig = nativeRig({ pools: views.pools });
  rig.do((session, nowMs) => session.receive(encoded(HELLO), nowMs));
  rig.takeFrames();
  return rig;
}

function send(rig: SessionRig<NativeSession>, ...frames: Frame[]): void {
  for (const frame of frames) rig.do((session, nowMs) => session.receive(encoded(frame), nowMs));
}

/** What the router got, as "id node", with "again" for repeats. */
function sent(rig: SessionRig<NativeSession>): string[] {
  return rig.atRouterOf("main", "poolEvents").flatMap(({ repeat, events }) =>
    events.map(({ id, topic }) => {
      const node = /^zeek\/cluster\/node\/(.*)\/$/.exec(topic)?.[1];
      return `${id} ${node}${repeat ? " again" : ""}`;
    }),
  );
}

const handled = (id: number, node: string): Frame => ({
  type: "handled",
  done: [{ id, by: `zeek/cluster/node/${node}/` }],
});
const unhandled = (id: number, code: string): Frame => ({ type: "unhandled", id, code, message: "m" });
const viewed = (rig: SessionRig<NativeSession>) => rig.do((session, nowMs) => session.viewChanged(nowMs));

/** The node that has a key in the view at hand. */
function ownerOf(views: PoolViewRig, key: Value): string {
  return views.session().choose("proxy", { choice: "hrw", key: bytesOf(key) })!.name;
}

describe("R33 M-9 M-10 a pool publish", () => {
  test("waits for the first view, which is asked for once, and goes to the node that has its key", () => {
    const views = new PoolViewRig();
    const rig = opened(views);
    send(rig, hrw(1), hrw(2));
    expect(rig.viewsAsked).toBe(1);
    expect(rig.opening).toEqual([]);
    views.up(...PROXIES);
    viewed(rig);
    rig.connect();
    rig.do(() => {});
    const [one, two] = [ownerOf(views, count(1n)), ownerOf(views, count(2n))];
    expect(sent(rig)).toEqual([`1 ${one}`, `2 ${two}`]);
    rig.from("main", handled(2, two));
    expect(rig.takeFrames()).toEqual([{ type: "handled", done: [{ id: 2, by: two }] }]);
    expect(rig.session.bufferedBytes).toBeGreaterThan(0);
    rig.from("main", handled(1, one));
    expect(rig.session.bufferedBytes).toBe(0);
    rig.session.ledger.assertBalanced();
    expect(rig.session.ledger.publishers).toMatchObject({ received: 2, acknowledged: 2 });
  });

  test("carries the view of its choice", () => {
    const views = new PoolViewRig().up("proxy-1").up("proxy-1");
    const rig = opened(views);
    send(rig, hrw(1));
    rig.connect().do(() => {});
    const [frame] = rig.atRouterOf("main", "poolEvents");
    expect(frame!.view).toEqual(views.isolate.views!.id);
    expect(frame!.view).toMatchObject({ life: "m", number: 2 });
  });

  test("is refused without a view in time, in an empty pool, in none, with a bad key or bad events, or without a grant", () => {
    const views = new PoolViewRig();
    const rig = opened(views);
    send(rig, hrw(1));
    rig.pass(LIMITS.poolWaitMs + LIMITS.poolRetryMs);
    expect(rig.takeFrames()).toMatchObject([{ type: "unhandled", id: 1, code: "unavailable" }]);
    views.up();
    send(rig, hrw(2), rr(3), hrw(4, count(1n), "none"));
    expect(views.emptied).toEqual(["proxy", "proxy"]);
    views.up(...PROXIES);
    const bad = Uint8Array.of(1, 2);
    send(rig, { ...hrw(5), payload: bad }, { ...hrw(6), key: bad } as Frame);
    expect(rig.takeFrames()).toMatchObject(
      [
        [2, "no_receiver"],
        [3, "no_receiver"],
        [4, "not_found"],
        [5, "deserialization_failed"],
        [6, "deserialization_failed"],
      ].map(([id, code]) => ({ type: "unhandled", id, code })),
    );
    const narrow = nativeRig({ pools: views.pools, grant: { publish: [] } });
    send(narrow, HELLO, hrw(1));
    expect(narrow.takeFrames().at(-1)).toMatchObject({ type: "unhandled", id: 1, code: "forbidden" });
    for (const { session } of [rig, narrow]) session.ledger.assertBalanced();
    expect(rig.session.ledger.publishers).toMatchObject({ received: 6, refused: 6 });
  });

  test("[B18] round robin turns, one rotation a key", () => {
    const views = new PoolViewRig().up("proxy-1", "proxy-3");
    const rig = opened(views);
    send(rig, rr(1), rr(2), rr(3), rr(4, "other"), rr(5));
    rig.connect().do(() => {});
    const nodes = ["proxy-1", "proxy-3", "proxy-1", "proxy-1", "proxy-3"];
    expect(sent(rig)).toEqual(nodes.map((node, i) => `${i + 1} ${node}`));
  });
});

test("M-9 a node that its sender has chosen gets it while it is alive, else the next one does", () => {
  const views = new PoolViewRig().up("proxy-1", "proxy-3");
  const rig = opened(views);
  const to = (id: number, node: string) => ({ ...rr(id, node), choice: "node" }) as Frame;
  send(rig, to(1, "proxy-3"), to(2, "proxy-3"), to(3, "proxy-2"), to(4, "nobody"));
  rig.connect().do(() => {});
  expect(sent(rig)).toEqual(["1 proxy-3", "2 proxy-3", "3 proxy-1", "4 proxy-3"]);
});

describe("R33 M-12 when nobody is there", () => {
  const key = string("k");
  const started = () => {
    const views = new PoolViewRig().up(...PROXIES);
    const rig = opened(views);
    send(rig, hrw(1, key));
    rig.connect().do(() => {});
    sent(rig);
    return { views, rig, owner: ownerOf(views, key) };
  };

  test("the same node is tried again in the same view: a key has one owner in it", () => {
    const { rig, owner } = started();
    rig.from("main", unhandled(1, "no_receiver"));
    expect(sent(rig)).toEqual([]);
    rig.pass(LIMITS.poolRetryMs);
    expect(sent(rig)).toEqual([`1 ${owner}`]);
  });

  test("[A21] another view has another owner, at once; the node that is back has the key again", () => {
    const { views, rig, owner } = started();
    rig.from("main", unhandled(1, "unhandled"));
    views.up(...PROXIES.filter((name) => name !== owner));
    viewed(rig);
    const other = ownerOf(views, key);
    expect(other).not.toBe(owner);
    expect(sent(rig)).toEqual([`1 ${other}`]);
    views.up(...PROXIES);
    send(rig, hrw(2, key));
    expect(sent(rig)).toEqual([`2 ${owner}`]);
  });

  test("a node that is gone in the next view loses what it had, though nobody has said so; others keep theirs", () => {
    const { views, rig, owner } = started();
    views.up(...PROXIES.filter((name) => name !== owner));
    viewed(rig);
    const other = ownerOf(views, key);
    expect(sent(rig)).toEqual([`1 ${other}`]);
    views.up(...PROXIES);
    viewed(rig);
    expect(sent(rig)).toEqual([]);
    rig.from("main", handled(1, other));
    expect(rig.takeFrames()).toEqual([{ type: "handled", done: [{ id: 1, by: other }] }]);
  });

  test("it is refused in the end, and not before its node is known to be gone", () => {
    const { rig } = started();
    let tries = 0;
    for (; tries < 10_000 && rig.frames.length === 0; tries++) {
      rig.from("main", unhandled(1, "no_receiver")).pass(LIMITS.poolRetryMs);
    }
    expect(rig.takeFrames()).toMatchObject([{ type: "unhandled", id: 1, code: "no_receiver" }]);
    expect(tries * LIMITS.poolRetryMs).toBeGreaterThan(LIMITS.nodeSilenceMs + LIMITS.memberGraceMs);
    expect(rig.session.bufferedBytes).toBe(0);
  });

  test("an event that waits survives a pool that is empty for a while", () => {
    const { views, rig } = started();
    views.up();
    viewed(rig);
    rig.from("main", unhandled(1, "unhandled"));
    rig.pass(LIMITS.poolWaitMs - 1_000);
    expect(rig.takeFrames()).toEqual([]);
    views.up("proxy-2");
    viewed(rig);
    expect(sent(rig)).toEqual(["1 proxy-2"]);
  });

  test("round robin asks the next node at once", () => {
    const views = new PoolViewRig().up(...PROXIES);
    const rig = opened(views);
    send(rig, rr(1));
    rig.connect().do(() => {});
    rig.from("main", unhandled(1, "no_receiver"));
    expect(sent(rig)).toEqual(["1 proxy-1", "1 proxy-2"]);
  });

  test("pools of another layout are another view: a node that was taken out loses what it had", () => {
    const { views, rig, owner } = started();
    views.isolate.use(proxyLayout(PROXIES.filter((name) => name !== owner)));
    viewed(rig);
    expect(sent(rig)).toEqual([`1 ${ownerOf(views, key)}`]);
    views.isolate.use(parseEmpty());
    viewed(rig);
    rig.pass(LIMITS.poolWaitMs + LIMITS.poolRetryMs);
    expect(rig.takeFrames()).toMatchObject([{ type: "unhandled", id: 1, code: "no_receiver" }]);
  });
});

const parseEmpty = () => proxyLayout([]);

describe("R33 M-10 connections that break", () => {
  test("what is under way is sent again on the next trunk, as a repeat", () => {
    const views = new PoolViewRig().up("proxy-1");
    const rig = opened(views);
    send(rig, hrw(1), hrw(2));
    rig.connect().do(() => {});
    expect(sent(rig)).toEqual(["1 proxy-1", "2 proxy-1"]);
    rig.from("main", handled(1, "proxy-1"));
    rig.lose("main");
    send(rig, hrw(3));
    rig.pass(LIMITS.trunkRetryMs).connect();
    rig.do(() => {});
    expect(sent(rig).toSorted()).toEqual(["2 proxy-1 again", "3 proxy-1"]);
    rig.from("main", handled(2, "proxy-1")).from("main", handled(3, "proxy-1"));
    expect(rig.session.bufferedBytes).toBe(0);
  });

  test("N-6 what the peer had sent over another connection says so, until a new choice is made", () => {
    const views = new PoolViewRig().up(...PROXIES);
    const rig = opened(views);
    send(rig, { ...rr(1), repeat: true }, { ...rr(1), repeat: true });
    rig.connect().do(() => {});
    expect(sent(rig)).toEqual(["1 proxy-1 again"]);
    // An earlier choice is still under way: whoever has handled it is named.
    rig.from("main", handled(1, "proxy-4"));
    expect(rig.takeFrames()).toEqual([
      { type: "handled", done: [{ id: 1, by: "zeek/cluster/node/proxy-4/" }] },
    ]);
    expect(rig.session.ledger.publishers).toMatchObject({ received: 2, acknowledged: 1, repeats: 1 });
  });

  test("R33 what is under way to a life that another replaces goes to that one", () => {
    const views = new PoolViewRig().up("proxy-1");
    const rig = opened(views);
    send(rig, hrw(1));
    rig.connect().do(() => {});
    views.up("proxy-1");
    viewed(rig);
    expect(sent(rig)).toEqual(["1 proxy-1"]);
    views.replaced("proxy-1");
    viewed(rig);
    rig.do(() => {});
    expect(sent(rig)).toEqual(["1 proxy-1"]);
  });

  test("R33 an event that was taken from a node that is gone is no repeat, if its router has not heard of it", () => {
    const views = new PoolViewRig().up("proxy-1", "proxy-2");
    const rig = opened(views);
    send(rig, hrw(1));
    rig.connect().do(() => {});
    const [first] = sent(rig);
    views.up(first === "1 proxy-1" ? "proxy-2" : "proxy-1");
    viewed(rig);
    rig.do(() => {});
    const [second] = sent(rig);
    rig.lose("main").pass(LIMITS.trunkRetryMs).connect();
    rig.do(() => {});
    expect(sent(rig)).toEqual([second]);
  });

  test("R33 an earlier choice that nobody answers for ends, since its node may have gone unseen", () => {
    const views = new PoolViewRig().up(...PROXIES);
    const rig = opened(views);
    send(rig, { ...rr(1), repeat: true });
    rig.connect().do(() => {});
    expect(sent(rig)).toEqual(["1 proxy-1 again"]);
    rig.pass(LIMITS.poolWaitMs - 1);
    expect(sent(rig)).toEqual([]);
    rig.pass(1);
    expect(sent(rig)).toEqual(["1 proxy-2"]);
    rig.pass(LIMITS.poolWaitMs);
    expect(sent(rig)).toEqual([]);
  });

  test("a peer that goes leaves what it has sent to the session, which ends when all is handled", () => {
    const views = new PoolViewRig().up("proxy-1");
    const rig = opened(views);
    send(rig, hrw(1));
    rig.connect().do(() => {});
    rig.do((session, nowMs) => session.closed(nowMs));
    expect(rig.isDone).toBe(false);
    rig.from("main", handled(1, "proxy-1"));
    expect(rig.isDone).toBe(true);
  });
});

describe("M-10 M-12 bounds", () => {
  test("of events under way: what follows waits, and goes when some are handled", () => {
    const views = new PoolViewRig().up("proxy-1");
    const rig = opened(views);
    send(rig, hrw(1));
    rig.connect().do(() => {});
    rig.do((session, nowMs) => {
      for (let id = 2; id <= LIMITS.poolWindowEvents + 1; id++) session.receive(encoded(hrw(id)), nowMs);
    });
    expect(sent(rig)).toHaveLength(LIMITS.poolWindowEvents);
    rig.from("main", handled(1, "proxy-1"));
    expect(sent(rig)).toEqual([`${LIMITS.poolWindowEvents + 1} proxy-1`]);
  });

  test("of bytes under way, and in all", () => {
    const views = new PoolViewRig().up("proxy-1");
    const rig = opened(views);
    const big = (id: number, bytes: number) => ({ ...hrw(id), payload: payload("x".repeat(bytes)) }) as Frame;
    send(rig, big(1, LIMITS.poolWindowBytes), big(2, 10));
    rig.connect().do(() => {});
    expect(sent(rig)).toEqual(["1 proxy-1"]);
    send(rig, big(3, LIMITS.eventBytesMax));
    expect(rig.takeFrames()).toMatchObject([{ type: "unhandled", id: 3, code: "too_large" }]);
    const each = LIMITS.inboundQueueBytesMax / 8;
    for (let id = 4; rig.closed === undefined && id < 20; id++) send(rig, big(id, each));
    expect(rig.closed).toMatchObject({ reason: "publisher_too_fast" });
  });

  test("a session without a chooser takes none", () => {
    const rig = nativeRig();
    send(rig, HELLO, hrw(1));
    expect(rig.takeFrames().at(-1)).toMatchObject({ type: "unhandled", id: 1, code: "not_supported_here" });
    expect(rig.closed).toBeUndefined();
  });
});
