import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OutstandingPublishes } from "../../../src/protocol/outstanding.ts";

describe("OutstandingPublishes", () => {
  test("R10 one is done when all its routers have it, and all before it are done", () => {
    const out = new OutstandingPublishes();
    out.add(1, ["a", "b"]);
    out.add(2, ["a"]);
    out.acknowledge("a", 2);
    expect([out.takeDone(), out.size]).toEqual([[], 2]);
    out.acknowledge("b", 1);
    expect([out.takeDone(), out.size]).toEqual([[{ seq: 2 }], 0]);
  });

  test("R5 a repeat of one that is outstanding changes nothing", () => {
    const out = new OutstandingPublishes();
    out.add(1, ["a", "b"]);
    out.acknowledge("a", 1);
    out.add(1, ["a", "b"]);
    out.acknowledge("b", 1);
    expect(out.takeDone()).toEqual([{ seq: 1 }]);
  });

  test("one of no router is done at once", () => {
    const out = new OutstandingPublishes();
    out.add(3, []);
    expect([out.takeDone(), out.size]).toEqual([[{ seq: 3 }], 0]);
  });

  test("R10 a receipt names the receivers at all routers, and stands by itself", () => {
    const out = new OutstandingPublishes();
    out.add(1, ["a"]);
    out.add(2, ["a", "b"], true);
    out.add(3, ["a"]);
    out.acknowledge("a", 1);
    out.acknowledge("a", 2, 3);
    out.acknowledge("a", 3);
    expect(out.takeDone()).toEqual([{ seq: 1 }]);
    out.acknowledge("b", 2, 1);
    expect(out.takeDone()).toEqual([{ seq: 2, receivers: 4 }, { seq: 3 }]);
  });

  test("R10 a receipt names no receivers when a router does not know them any more", () => {
    const out = new OutstandingPublishes();
    out.add(1, ["a", "b"], true);
    out.acknowledge("a", 1, 3);
    out.acknowledge("b", 2, 1);
    expect(out.takeDone()).toEqual([{ seq: 1 }]);
  });

  test("R10 answers what a naive count answers, in any order of acknowledgements", () => {
    const routers = fc.subarray(["a", "b", "c"], { minLength: 1 });
    fc.assert(
      fc.property(
        fc.array(routers, { minLength: 1, maxLength: 8 }),
        fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat(9)), { maxLength: 20 }),
        (publishes, acks) => {
          const out = new OutstandingPublishes();
          publishes.forEach((all, i) => out.add(i + 1, all));
          const upTo = new Map<string, number>();
          let told = 0;
          for (const [router, seq] of acks) {
            out.acknowledge(router, seq);
            upTo.set(router, Math.max(seq, upTo.get(router) ?? 0));
            const open = publishes.findIndex((all, i) => all.some((r) => (upTo.get(r) ?? 0) < i + 1));
            const done = open < 0 ? publishes.length : open;
            expect(out.takeDone()).toEqual(done > told ? [{ seq: done }] : []);
            told = Math.max(told, done);
          }
        },
      ),
    );
  });
});
