/** Sleep, crash and cold start of a router: rules 1 to 6. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Position } from "../../../src/protocol/frame.ts";
import {
  hello,
  instance,
  publish,
  RouterRig,
  segment,
  subscribe,
  unsubscribe,
} from "../../support/router-rig.ts";

const at = (incarnation: number, seq: number): Position => ({ router: "main", incarnation, seq });
const quiet = LIMITS.checkpointMs;

/** A subscriber "s" to "t", a publisher "p" whose publish 1 is delivered, and 2 s of quiet. */
function settled(): RouterRig {
  const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
  return rig
    .receive("p", publish(1, segment("t", "one")))
    .turn()
    .pass(quiet);
}

describe("checkpoint", () => {
  test("R2 is written after 2 s of quiet, not before, and lets the object sleep", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    rig.receive("p", publish(1, segment("t"))).turn();
    rig.pass(quiet - 1);
    expect(rig.store.checkpoint).toBeUndefined();
    expect(rig.router.deadlineMs).toBe(rig.nowMs + 1);
    rig.pass(1);
    const marks = [[instance(2), 1]];
    expect(rig.store.checkpoint).toMatchObject({ incarnation: 1, seq: 1, marks, lastSeqs: [] });
    const position = { router: "main", incarnation: 1, seq: 1 };
    rig.receive("s", { type: "credit", position, window: 1 }).turn();
    // The ledger has changed.
    expect(rig.router.deadlineMs).toBe(rig.nowMs + quiet);
    rig.pass(quiet);
    expect(rig.store.checkpoint?.counts?.readers).toMatchObject({ delivered: 1, inFlight: 0 });
    expect(rig.router.deadlineMs).toBeUndefined();
  });

  test("R2 is written for a router that has sequenced nothing yet: its subscribers survive its sleep", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).pass(quiet);
    expect(rig.store.checkpoint).toMatchObject({ incarnation: 1, seq: 0 });
    rig
      .restart()
      .receive("p", hello(2), publish(1, segment("t", "one")))
      .turn();
    expect(rig.closes).toEqual([]);
    expect(rig.takeOf("s", "deliver")).toMatchObject([{ incarnation: 1, prev: 0 }]);
  });

  test("R2 each publish starts the 2 s anew", () => {
    const rig = new RouterRig().join("p", 2, []);
    for (let seq = 1; seq <= 3; seq++)
      rig
        .receive("p", publish(seq, segment("t")))
        .turn()
        .pass(quiet - 1);
    expect(rig.changes.filter((c) => c.type === "checkpoint")).toEqual([]);
    rig.pass(1);
    expect(rig.store.checkpoint).toMatchObject({ seq: 3 });
  });

  test("R2 is marked used in the turn of the next delivery, before anything is sent", () => {
    const rig = settled().restart();
    rig.receive("p", publish(2, segment("t", "two"))).turn();
    expect(rig.changes.at(-1)).toEqual({ type: "checkpointUsed" });
    expect(rig.store.checkpoint).toBeUndefined();
    expect(rig.takeOf("s", "deliver").at(-1)).toMatchObject({ incarnation: 1, prev: 1 });
  });

  test("R2 a turn of effects carries its changes of storage even when the sends fail", () => {
    const rig = settled().restart();
    rig.router.receive("p", new Uint8Array([0xff]));
    const effects = rig.receive("p", publish(2, segment("t"))).router.turn(rig.nowMs);
    expect(effects.some((e) => e.type === "persist" && e.change.type === "checkpointUsed")).toBe(true);
  });

  test("R2 publishes that arrived with the tick are sequenced after the checkpoint, which is then used", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    rig.receive("p", publish(1, segment("t"))).turn();
    rig.receive("p", publish(2, segment("t"))).pass(quiet);
    expect(rig.changes.slice(-2).map((c) => c.type)).toEqual(["checkpoint", "checkpointUsed"]);
    expect(rig.router.position.seq).toBe(2);
  });
});

describe("sleep with sockets kept", () => {
  test("R6 subscriptions, position and marks are there after waking", () => {
    const rig = settled();
    rig.take("s");
    rig
      .restart()
      .receive("p", publish(1, segment("t", "one")), publish(2, segment("t", "two")))
      .turn();
    const [delivered] = rig.takeOf("s", "deliver");
    expect(delivered).toMatchObject({ incarnation: 1, prev: 1, frames: [{ seq: 2, publisherSeq: 2 }] });
    expect(rig.takeOf("p", "published").at(-1)).toMatchObject({ seq: 2 });
  });

  test("R3 a trunk that was sent less than the rest keeps its prev", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("u", 3, ["u"]).join("p", 2, []);
    rig
      .receive("p", publish(1, segment("u")), publish(2, segment("t")))
      .turn()
      .pass(quiet);
    rig.take("u");
    rig
      .restart()
      .receive("p", publish(3, segment("u")))
      .turn();
    expect(rig.takeOf("u", "deliver")).toMatchObject([{ prev: 1, frames: [{ seq: 3 }] }]);
  });

  test("R6 a trunk without subscriptions may go on publishing after waking", () => {
    const rig = settled().restart();
    rig.receive("p", publish(2, segment("t", "two"))).turn();
    expect(rig.closes).toEqual([]);
    expect(rig.takeTexts("s").at(-1)).toBe("two");
  });

  test("R3 a subscription added while quiet is counted from where it was made, also after waking", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    rig
      .receive("p", publish(1, segment("t")), publish(2, segment("other")))
      .turn()
      .pass(quiet);
    rig.receive("s", subscribe(["u"], 2)).turn();
    expect(rig.takeOf("s", "subscribed").at(-1)?.positions).toEqual([at(1, 2)]);
    rig
      .restart()
      .receive("p", publish(3, segment("u")))
      .turn();
    expect(rig.takeOf("s", "deliver")).toMatchObject([{ prev: 2 }]);
  });

  test("R2 a second sleep without a delivery between changes nothing", () => {
    const rig = settled().restart().turn().pass(quiet).restart();
    rig.receive("p", publish(2, segment("t", "two"))).turn();
    expect(rig.takeOf("s", "deliver").at(-1)).toMatchObject({ incarnation: 1, prev: 1 });
  });
});

describe("memory lost without a checkpoint", () => {
  test("R2 the incarnation rises, and is stored in the turn that first sends", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    expect(rig.store.incarnation).toBe(1);
    rig
      .receive("p", publish(1, segment("t")))
      .turn()
      .restart("closed");
    expect(rig.store.incarnation).toBe(1);
    rig.receive("q", hello(9)).turn();
    expect(rig.store.incarnation).toBe(2);
    expect(rig.router.position).toEqual(at(2, 0));
  });

  test("R2 a life that sent nothing may die without using up its incarnation", () => {
    const rig = new RouterRig();
    rig.restart();
    rig.turn();
    expect(rig.store.incarnation).toBe(1);
  });

  test("R4 sockets that were kept begin anew, so that no publisher waits for an answer that was lost with memory", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    rig.receive("p", publish(1, segment("t"))).turn();
    rig.receive("p", publish(2, segment("t")));
    rig.restart().turn();
    expect(rig.closes.map((c) => [c.trunk, c.code, c.reason])).toEqual([
      ["s", 1012, "restarted"],
      ["p", 1012, "restarted"],
    ]);
    expect([...rig.store.trunks.keys()]).toEqual([]);
  });

  test("R4 a reader that comes back is told a gap of unknown extent", () => {
    const rig = settled();
    rig
      .receive("p", publish(2, segment("t")))
      .turn()
      .restart("closed");
    rig.receive("s2", hello(1, 2), subscribe(["t"], 1, [at(1, 2)])).turn();
    expect(rig.takeOf("s2", "subscribed")).toMatchObject([
      { positions: [at(2, 0)], gaps: [{ extent: "unknown", from: at(1, 2), to: at(2, 0) }] },
    ]);
  });
});

describe("a trunk that comes back to a router that lived on", () => {
  test("R4 is told the exact range that it missed", () => {
    const rig = new RouterRig().join("s", 1, ["t"]).join("p", 2, []);
    rig
      .receive("p", publish(1, segment("t")))
      .turn()
      .closed("s")
      .turn();
    rig.receive("p", publish(2, segment("t"))).turn();
    rig.receive("s2", hello(1, 2), subscribe(["t"], 1, [at(1, 1)])).turn();
    expect(rig.takeOf("s2", "subscribed")).toMatchObject([
      { positions: [at(1, 2)], gaps: [{ extent: "exact", from: at(1, 1), to: at(1, 2) }] },
    ]);
  });

  test("R4 is told of no gap when nothing was sequenced meanwhile", () => {
    const rig = settled().closed("s").turn();
    rig.receive("s2", hello(1, 2), subscribe(["t"], 1, [at(1, 1)])).turn();
    expect(rig.takeOf("s2", "subscribed")).toMatchObject([{ gaps: [] }]);
  });

  test("R4 positions of other routers say nothing here", () => {
    const rig = settled();
    const elsewhere = { router: "other", incarnation: 7, seq: 1 };
    rig.receive("x", hello(8), subscribe(["t"], 1, [elsewhere])).turn();
    expect(rig.takeOf("x", "subscribed")).toMatchObject([{ gaps: [] }]);
  });
});

describe("cold start", () => {
  /** Subscribers 1 and 3 are listed, their sockets are gone. */
  function cold(): RouterRig {
    const rig = new RouterRig().join("s", 1, ["t"]).join("u", 3, ["t"]).join("p", 2, []);
    rig
      .receive("p", publish(1, segment("t", "one")))
      .turn()
      .pass(quiet)
      .restart("closed")
      .turn();
    return rig.receive("p2", hello(2, 2), publish(2, segment("t", "two"))).turn();
  }

  test("R6 nothing is sequenced until every listed trunk is back", () => {
    const rig = cold();
    expect(rig.takeOf("p2", "published")).toEqual([]);
    rig.receive("s2", hello(1, 2), subscribe(["t"], 1, [at(1, 1)])).turn();
    expect(rig.router.position.seq).toBe(1);
    rig.receive("u2", hello(3, 2), subscribe(["t"], 1, [at(1, 1)])).turn();
    expect(rig.takeTexts("s2")).toEqual(["two"]);
    expect(rig.takeTexts("u2")).toEqual(["two"]);
    expect(rig.takeOf("p2", "published")).toMatchObject([{ seq: 2 }]);
  });

  test("R6 the grace period ends the wait; who comes later is told a gap", () => {
    const rig = cold();
    rig.receive("s2", hello(1, 2), subscribe(["t"], 1, [at(1, 1)])).turn();
    rig.pass(LIMITS.coldGraceMs - 1);
    expect(rig.takeTexts("s2")).toEqual([]);
    rig.pass(1);
    expect(rig.router.position.seq).toBe(2);
    rig.receive("u2", hello(3, 2), subscribe(["t"], 1, [at(1, 1)])).turn();
    expect(rig.takeOf("u2", "subscribed")).toMatchObject([{ gaps: [{ extent: "exact" }] }]);
  });

  test("R6 publishers are not awaited", () => {
    const rig = new RouterRig().join("p", 2, []);
    rig
      .receive("p", publish(1, segment("t")))
      .turn()
      .pass(quiet)
      .restart("closed")
      .turn();
    rig.receive("p2", hello(2, 2), publish(2, segment("t"))).turn();
    expect(rig.router.position.seq).toBe(2);
  });

  test("R6 orphaned rows are deleted, rows of those that come back are written", () => {
    const rig = cold();
    expect([...rig.store.trunks.keys()]).toEqual(["p2"]);
    rig.receive("s2", hello(1, 2), subscribe(["t"])).turn();
    expect([...rig.store.trunks.keys()]).toEqual(["p2", "s2"]);
  });

  test("R6 it starts without waiting once it holds more than its buffer", () => {
    const rig = cold();
    const payload = new Uint8Array(LIMITS.publishFrameBytes);
    const big = (seq: number) => publish(seq, { ...segment("t"), payload });
    let seq = 2;
    for (let held = 0; held < LIMITS.coldBufferBytesMax - 2 * payload.length; held += payload.length) {
      rig.receive("p2", big(++seq));
    }
    rig.turn();
    expect(rig.router.position.seq).toBe(1);
    rig.receive("p2", big(++seq), big(++seq)).turn();
    expect(rig.router.position.seq).toBe(seq);
  });

  test("R5 a publish held twice, because its trunk was cut, is sequenced once", () => {
    const rig = cold();
    rig
      .closed("p2")
      .receive("p3", hello(2, 3), { ...publish(2, segment("t", "two")), repeat: true } as never);
    rig.turn().pass(LIMITS.coldGraceMs);
    expect(rig.router.position.seq).toBe(2);
    expect(rig.takeOf("p3", "published")).toMatchObject([{ seq: 2 }]);
  });
});

test("R6 unsubscribing from everything keeps the trunk's row, without prefixes", () => {
  const rig = new RouterRig().join("s", 1, ["t"]);
  rig.receive("s", unsubscribe(["t"], 2)).turn();
  expect(rig.store.trunks.get("s")?.prefixes).toEqual([]);
});
