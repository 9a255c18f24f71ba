/** What every backend does, as a suite: the pure ones run it in Node, SQLite inside of workerd. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareBytes } from "../../../src/data/order.ts";
import type { StoreBackend, StoreRow } from "../../../src/store/backend.ts";
import type { MakeBackend } from "./backends.ts";
import { hex } from "./rig.ts";

const key = fc.uint8Array({ minLength: 0, maxLength: 2, max: 3 });
const expiry = fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined });

type Action =
  | {
      readonly type: "put";
      readonly key: Uint8Array;
      readonly value: Uint8Array;
      readonly expiryMs: number | undefined;
    }
  | { readonly type: "delete"; readonly key: Uint8Array }
  | { readonly type: "clear" }
  | {
      readonly type: "scan";
      readonly after: Uint8Array | undefined;
      readonly rowsMax: number;
      readonly bytesMax: number;
      readonly newerThan: number;
    }
  | { readonly type: "due"; readonly nowMs: number; readonly rowsMax: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("put" as const),
      key,
      value: fc.uint8Array({ maxLength: 3 }),
      expiryMs: expiry,
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("delete" as const), key }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("clear" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("scan" as const),
      after: fc.option(key, { nil: undefined }),
      rowsMax: fc.integer({ min: 1, max: 5 }),
      bytesMax: fc.integer({ min: 1, max: 12 }),
      newerThan: fc.nat(30),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("due" as const), nowMs: fc.nat(25), rowsMax: fc.nat(5) }),
  },
);

const byKey = (a: StoreRow, b: StoreRow) => compareBytes(a.key, b.key);
const plain = (rows: readonly StoreRow[]) =>
  rows.map((row) => ({ ...row, key: hex(row.key), value: hex(row.value) }));

/** What a scan gives, written down without cleverness. */
function scanned(rows: readonly StoreRow[], scan: Extract<Action, { type: "scan" }>) {
  const behind = rows.toSorted(byKey).filter((row) => !scan.after || compareBytes(row.key, scan.after) > 0);
  const given: StoreRow[] = [];
  let bytes = 0;
  for (const [looked, row] of behind.entries()) {
    const isNew = row.seq > scan.newerThan;
    if (isNew) bytes += row.key.length + row.value.length;
    if (looked > 0 && (looked === scan.rowsMax || (isNew && bytes > scan.bytesMax))) {
      return { rows: plain(given), next: hex(behind[looked - 1]!.key) };
    }
    if (isNew) given.push(row);
  }
  return { rows: plain(given), next: undefined };
}

function check(backend: StoreBackend, actions: readonly Action[]): void {
  const model = new Map<string, StoreRow>();
  actions.forEach((one, seq) => {
    switch (one.type) {
      case "put": {
        const row = { key: one.key, value: one.value, expiryMs: one.expiryMs, seq };
        backend.put(row);
        model.set(hex(one.key), row);
        break;
      }
      case "delete":
        backend.delete(one.key);
        model.delete(hex(one.key));
        break;
      case "clear":
        backend.clear();
        model.clear();
        break;
      case "scan": {
        const { rows, next } = backend.scan(one.after, one);
        expect({ rows: plain(rows), next: next && hex(next) }).toEqual(scanned([...model.values()], one));
        break;
      }
      case "due": {
        const ends = ({ expiryMs = Infinity }: StoreRow) => expiryMs;
        const due = [...model.values()].filter((row) => ends(row) < one.nowMs);
        due.sort((a, b) => ends(a) - ends(b) || byKey(a, b));
        expect(plain(backend.due(one.nowMs, one.rowsMax))).toEqual(plain(due.slice(0, one.rowsMax)));
        const next = Math.min(Infinity, ...[...model.values()].map(ends));
        expect(backend.nextExpiryMs()).toBe(next === Infinity ? undefined : next);
      }
    }
    const at = "key" in one ? one.key : new Uint8Array();
    expect(backend.get(at)).toEqual(model.get(hex(at)));
  });
}

/** The contract of StoreBackend. */
export function backendSuite(name: string, make: MakeBackend): void {
  describe(`the ${name} backend`, () => {
    it("holds rows in byte order, and knows which end when", () => {
      fc.assert(
        fc.property(fc.array(action, { maxLength: 60 }), (actions) => check(make(), actions)),
        { numRuns: 300 },
      );
    });

    it("finds the batch behind a number, and trims", () => {
      const backend = make();
      const batch = (first: number, last: number) => ({ first, last, bytes: Uint8Array.of(first) });
      for (const one of [batch(1, 3), batch(4, 4), batch(8, 9)]) backend.append("deltas", one);
      backend.append("tombstones", batch(2, 2));
      const firsts = () => [0, 2, 3, 4, 8, 9].map((seq) => backend.batchAfter("deltas", seq)?.first);
      expect(firsts()).toEqual([1, 1, 4, 8, 8, undefined]);
      backend.trim("deltas", 3);
      expect(firsts()).toEqual([4, 4, 4, 8, 8, undefined]);
      backend.trim("deltas", 8);
      expect(firsts()).toEqual([8, 8, 8, 8, 8, undefined]);
      expect(backend.batchAfter("tombstones", 0)).toEqual(batch(2, 2));
    });

    it("forgets old marks, and the oldest of too many", () => {
      const backend = make();
      const mark = (instance: string, touchedMs: number) => ({
        instance,
        touchedMs,
        bytes: Uint8Array.of(1),
      });
      const ids = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc", "dddddddddddddddd"];
      ids.forEach((id, n) => backend.setMark(mark(id, 10 * (n + 1))));
      backend.setMark(mark(ids[0]!, 50));
      expect(backend.forgetMarks(0, 4)).toBeUndefined();
      expect(backend.forgetMarks(0, 3)).toBe(20);
      expect(backend.forgetMarks(40, 3)).toBe(30);
      expect(ids.map((id) => backend.mark(id)?.touchedMs)).toEqual([50, undefined, undefined, 40]);
    });

    it("holds one head", () => {
      const backend = make();
      expect(backend.head()).toBeUndefined();
      const none = { after: 0, bytes: 0 };
      const head = {
        epoch: 2 ** 41,
        seq: 2 ** 40,
        clockMs: 1,
        keys: 2,
        bytes: 3,
        deltas: none,
        tombstones: { after: 4, bytes: 5 },
        forgottenMs: 6,
        isOpen: true,
      };
      backend.setHead(head);
      expect(backend.head()).toEqual(head);
    });
  });
}
