/** A store against a model without cleverness: a Map, arrays, and loops. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeValue } from "../../../src/data/cbor-value.ts";
import { canonicalKey, compareValues, set, table } from "../../../src/data/order.ts";
import { count, COUNT_MAX, integer, string, vector, type Value } from "../../../src/data/value.ts";
import type { StoreCommand } from "../../../src/store/command.ts";
import { anyValue } from "../../unit/data/arbitrary-value.ts";
import { BACKENDS } from "./backends.ts";
import { hex, k, MasterRig, v } from "./rig.ts";

type Verb = StoreCommand["type"];
interface Step {
  readonly verb: Verb;
  readonly key: Value;
  readonly operand: Value;
  readonly other: Value;
  readonly afterMs: number | undefined;
  readonly waitMs: number;
}

const VERBS: readonly Verb[] = [
  "put",
  "put_unique",
  "erase",
  "clear",
  "increment",
  "decrement",
  "append",
  "insert_into_set",
  "insert_into_table",
  "remove_from",
  "push",
  "pop",
];
const small: fc.Arbitrary<Value> = fc.oneof(
  fc.nat(3).map((n) => count(n)),
  fc.integer({ min: -2, max: 2 }).map((n) => integer(n)),
  fc.constantFrom(string("a"), string("b"), count(COUNT_MAX), set([]), vector([]), table([])),
);
const anyStep: fc.Arbitrary<Step> = fc.record({
  verb: fc.oneof(
    { weight: 3, arbitrary: fc.constant("put" as const) },
    { weight: 9, arbitrary: fc.constantFrom(...VERBS) },
  ),
  key: fc.oneof({ weight: 9, arbitrary: fc.nat(3).map((n) => count(n)) }, { weight: 1, arbitrary: anyValue }),
  operand: fc.oneof({ weight: 5, arbitrary: small }, { weight: 1, arbitrary: anyValue }),
  other: small,
  afterMs: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined, freq: 3 }),
  waitMs: fc.nat(15),
});

/** Reals, moments and durations are added up in operations.test.ts; here they would make the model as clever. */
const step = anyStep.map((one): Step => {
  const isSum = one.verb === "increment" || one.verb === "decrement";
  const isPlain = one.operand.type === "count" || one.operand.type === "integer";
  return isSum && !isPlain ? { ...one, operand: one.other } : one;
});

function commandOf({ verb, key, operand, other, afterMs }: Step): StoreCommand {
  const base = {
    key: k(key),
    ...(afterMs === undefined ? {} : { expiry: { type: "after", ms: afterMs } as const }),
  };
  const value = v(operand);
  switch (verb) {
    case "put":
    case "put_unique":
    case "push":
      return { ...base, type: verb, value };
    case "increment":
    case "decrement":
      return { ...base, type: verb, amount: value };
    case "append":
      return { ...base, type: verb, text: value };
    case "insert_into_set":
    case "remove_from":
      return { ...base, type: verb, index: value };
    case "insert_into_table":
      return { ...base, type: verb, index: value, value: v(other) };
    case "pop":
      return { ...base, type: verb };
    case "erase":
      return { type: verb, key: base.key };
    case "clear":
      return { type: verb };
  }
}

interface Entry {
  readonly value: Value;
  readonly endMs: number;
}

const without = (elements: readonly Value[], one: Value) =>
  elements.filter((e) => compareValues(e, one) !== 0);

/** What a value becomes, or why it does not. */
function changed({ verb, operand, other }: Step, old: Value | undefined): Value | string {
  switch (verb) {
    case "increment":
    case "decrement": {
      if (old === undefined && verb === "decrement") return "no_such_key";
      const from =
        old ?? (operand.type === "count" ? count(0) : operand.type === "integer" ? integer(0) : undefined);
      if (from === undefined || (from.type !== "count" && from.type !== "integer")) return "type_clash";
      if (operand.type !== from.type) return "type_clash";
      const sum = verb === "increment" ? from.value + operand.value : from.value - operand.value;
      const make = from.type === "count" ? count : integer;
      try {
        return make(sum);
      } catch {
        return "invalid_data";
      }
    }
    case "append": {
      const from = old ?? string("");
      if (from.type !== "string" || operand.type !== "string") return "type_clash";
      return string(Buffer.concat([Buffer.from(from.value), Buffer.from(operand.value)]));
    }
    case "insert_into_set": {
      const from = old ?? set([]);
      return from.type === "set" ? set([...without(from.elements, operand), operand]) : "type_clash";
    }
    case "insert_into_table": {
      const from = old ?? table([]);
      if (from.type !== "table") return "type_clash";
      return table([
        ...from.entries.filter((e) => compareValues(e.key, operand) !== 0),
        { key: operand, value: other },
      ]);
    }
    case "remove_from":
      if (old === undefined) return "no_such_key";
      if (old.type === "set") return set(without(old.elements, operand));
      if (old.type !== "table") return "type_clash";
      return table(old.entries.filter((e) => compareValues(e.key, operand) !== 0));
    case "push": {
      const from = old ?? vector([]);
      return from.type === "vector" ? vector([...from.elements, operand]) : "type_clash";
    }
    case "pop":
      if (old === undefined) return "no_such_key";
      return old.type === "vector" ? vector(old.elements.slice(0, -1)) : "type_clash";
    default:
      return operand;
  }
}

function carryOut(
  model: Map<string, Entry>,
  one: Step,
  nowMs: number,
): { code: string; inserted: boolean | undefined } {
  for (const [id, { endMs }] of model) if (nowMs > endMs) model.delete(id);
  const id = canonicalKey(one.key);
  const old = model.get(id);
  if (one.verb === "clear") model.clear();
  if (one.verb === "erase") model.delete(id);
  if (one.verb === "clear" || one.verb === "erase") return { code: "ok", inserted: undefined };
  if (one.verb === "put_unique" && old !== undefined) return { code: "ok", inserted: false };
  const value = changed(one, old?.value);
  const inserted = one.verb === "put_unique" ? true : undefined;
  if (typeof value === "string") return { code: value, inserted };
  const keepsMs = one.verb === "put" || old === undefined ? Infinity : old.endMs;
  model.set(id, { value, endMs: one.afterMs === undefined ? keepsMs : nowMs + one.afterMs });
  return { code: "ok", inserted };
}

/** Bytes of a value: two values that compare as equal may differ in them (0.0 and -0.0). */
const bytesOf = (value: Value) => hex(encodeValue(value));

describe.each(BACKENDS)("a store over the %s backend and its model", (_, make) => {
  it("agree on every result and on all that is stored", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const rig = new MasterRig(make());
        const model = new Map<string, Entry>();
        const keys = new Map<string, Value>();
        for (const one of steps) {
          rig.nowMs += one.waitMs;
          keys.set(canonicalKey(one.key), one.key);
          const expected = carryOut(model, one, rig.nowMs);
          const [result] = rig.run(commandOf(one));
          expect({ code: result!.code ?? "ok", inserted: result!.inserted }).toEqual(expected);
          for (const [id, key] of keys) {
            const entry = model.get(id);
            expect(rig.get(key)).toBe(entry === undefined ? undefined : bytesOf(entry.value));
          }
          expect(rig.master.stat.keys).toBe(model.size);
        }
        rig.restart();
        rig.open("t1", 1, 2);
        expect(rig.master.stat.keys).toBe(model.size);
        expect(rig.master.stat.bytes).toBe(
          rig.backend
            .scan(undefined, { rowsMax: Infinity, bytesMax: Infinity })
            .rows.reduce((sum, row) => sum + row.key.length + row.value.length + 32, 0),
        );
      }),
      { numRuns: 300 },
    );
  });
});
