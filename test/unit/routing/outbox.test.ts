import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sumCounts } from "../../../src/base/counts.ts";
import type { Overflow } from "../../../src/protocol/overflow.ts";
import { RouterLedger } from "../../../src/routing/ledger.ts";
import { Outbox, type OutboxDelivery, type OutboxItem } from "../../../src/routing/outbox.ts";
import { SharedBytes } from "../../../src/routing/shared-bytes.ts";

const SIZE = 10;

/** Delivery number n: frames n*2-1 and n*2, three events. */
const delivery = (n: number, size = SIZE): OutboxDelivery => ({
  stream: "main",
  bytes: new Uint8Array(size).fill(n),
  incarnation: 1,
  prev: n * 2 - 2,
  last: n * 2,
  events: 3,
});
const outbox = (overflow: Overflow, windowBytes: number, queueBytes: number) =>
  outboxOf(overflow, windowBytes, queueBytes).box;
const outboxOf = (overflow: Overflow, windowBytes: number, queueBytes: number) => {
  const ledger = new RouterLedger();
  return {
    ledger,
    box: new Outbox({ overflow, windowBytes, queueBytes, resume: false }, ledger, new SharedBytes()),
  };
};
/** What a reader sees: delivery numbers, and holes as "from-to:events". */
const seen = (items: readonly OutboxItem[]) =>
  items.map((item) =>
    item.type === "deliver"
      ? item.bytes[0]
      : `${item.dropped.from}-${item.dropped.to}:${item.dropped.events}`,
  );
const push = (box: Outbox, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => seen(box.push(delivery(from + i)))).flat();

describe("credit", () => {
  test("R12 what the window covers goes at once, the rest waits for credit", () => {
    const box = outbox("drop_oldest", 3 * SIZE, 100 * SIZE);
    expect(push(box, 1, 5)).toEqual([1, 2, 3]);
    expect(box.inFlightBytes).toBe(3 * SIZE);
    expect(box.queuedBytes).toBe(2 * SIZE);
    expect(seen(box.credit("main", { incarnation: 1, seq: 2 }, 3 * SIZE))).toEqual([4]);
    expect(seen(box.credit("main", { incarnation: 1, seq: 8 }, 3 * SIZE))).toEqual([5]);
    expect(box.queuedBytes).toBe(0);
  });

  test("a delivery larger than the window goes when nothing else is under way", () => {
    const box = outbox("drop_oldest", 1, 100 * SIZE);
    expect(push(box, 1, 2)).toEqual([1]);
    expect(seen(box.credit("main", { incarnation: 1, seq: 2 }, 1))).toEqual([2]);
  });

  test("an old credit and one of another incarnation change nothing", () => {
    const box = outbox("drop_oldest", SIZE, 100 * SIZE);
    push(box, 1, 3);
    expect(seen(box.credit("main", { incarnation: 0, seq: 99 }, SIZE))).toEqual([]);
    expect(seen(box.credit("main", { incarnation: 1, seq: 1 }, SIZE))).toEqual([]);
    expect(box.inFlightBytes).toBe(SIZE);
  });

  test("a credit for more than was sent is credit for what was sent", () => {
    const box = outbox("drop_oldest", SIZE, 100 * SIZE);
    push(box, 1, 2);
    expect(seen(box.credit("main", { incarnation: 1, seq: 1_000 }, SIZE))).toEqual([2]);
    expect(box.inFlightBytes).toBe(SIZE);
  });
});

describe("overflow", () => {
  test("drop_oldest at the bound keeps all, one past it tells the hole in front of what is left", () => {
    const { box, ledger } = outboxOf("drop_oldest", SIZE, 3 * SIZE);
    expect(push(box, 1, 4)).toEqual([1]);
    expect(ledger.dropped.drop_oldest).toBe(0);
    push(box, 5, 5);
    expect(ledger.dropped.drop_oldest).toBe(3);
    expect(seen(box.credit("main", { incarnation: 1, seq: 2 }, 100 * SIZE))).toEqual(["2-4:3", 3, 4, 5]);
  });

  test("holes next to each other are one", () => {
    const box = outbox("drop_oldest", SIZE, 2 * SIZE);
    push(box, 1, 7);
    expect(seen(box.credit("main", { incarnation: 1, seq: 2 }, 100 * SIZE))).toEqual(["2-10:12", 6, 7]);
  });

  test("drop_newest keeps what waits and tells the hole behind it, before the next delivery", () => {
    const box = outbox("drop_newest", SIZE, 2 * SIZE);
    push(box, 1, 5);
    expect(seen(box.credit("main", { incarnation: 1, seq: 2 }, 2 * SIZE))).toEqual([2, 3]);
    expect(seen(box.credit("main", { incarnation: 1, seq: 6 }, 2 * SIZE))).toEqual(["6-10:6"]);
    expect(push(box, 6, 6)).toEqual([6]);
  });

  test("drop_newest tells a hole that waits in front of a delivery that had to wait, too", () => {
    const box = outbox("drop_newest", SIZE, SIZE);
    push(box, 1, 3);
    expect(seen(box.credit("main", { incarnation: 1, seq: 2 }, SIZE))).toEqual([2]);
    push(box, 4, 4);
    expect(seen(box.credit("main", { incarnation: 1, seq: 4 }, SIZE))).toEqual(["4-6:3", 4]);
  });

  test.each(["block", "disconnect"] as const)(
    "%s drops nothing and says when the bound is passed",
    (overflow) => {
      const { box, ledger } = outboxOf(overflow, SIZE, 2 * SIZE);
      push(box, 1, 3);
      expect(box.isOver).toBe(false);
      push(box, 4, 4);
      expect(box.isOver).toBe(true);
      expect(sumCounts(ledger.dropped)).toBe(0);
      expect(seen(box.credit("main", { incarnation: 1, seq: 2 }, 100 * SIZE))).toEqual([2, 3, 4]);
      expect(box.isOver).toBe(false);
    },
  );
});

test("R3 R13 whatever the schedule, the reader sees every delivery in order or a hole that spans it", () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("push" as const), size: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ type: fc.constant("credit" as const), ahead: fc.integer({ min: 0, max: 3 }) }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom<Overflow>("drop_oldest", "drop_newest", "block"),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 80 }),
      fc.array(step, { maxLength: 60 }),
      (overflow, windowBytes, queueBytes, steps) => {
        const box = outbox(overflow, windowBytes, queueBytes);
        let pushed = 0;
        let at = 0;
        let got = 0;
        const read = (items: readonly OutboxItem[]) => {
          for (const item of items) {
            const from = item.type === "deliver" ? item.bytes[0]! * 2 - 2 : item.dropped.from;
            expect(from).toBe(at);
            at = item.type === "deliver" ? item.bytes[0]! * 2 : item.dropped.to;
            got += item.type === "deliver" ? 3 : item.dropped.events;
          }
        };
        for (const s of steps) {
          if (s.type === "push") read(box.push(delivery(++pushed, s.size)));
          else read(box.credit("main", { incarnation: 1, seq: at - s.ahead }, windowBytes));
          if (overflow !== "block") expect(box.queuedBytes).toBeLessThanOrEqual(Math.max(queueBytes, 40));
        }
        for (let i = 0; i <= pushed; i++) read(box.credit("main", { incarnation: 1, seq: at }, windowBytes));
        expect(at).toBe(pushed * 2);
        expect(got).toBe(pushed * 3);
        expect(box.queuedBytes).toBe(0);
      },
    ),
  );
});
