/** Every operation with the types of Broker, over each backend (spec/stores.md §2 and §10). */
import { describe, expect, it } from "vitest";
import { COUNT_MAX, INTEGER_MAX, INTEGER_MIN, none, type Value } from "../../../src/data/value.ts";
import type { ModifyCommand, StoreCommand } from "../../../src/store/command.ts";
import { BACKENDS } from "./backends.ts";
import { at, c, DURABLE, hex, i, k, list, MasterRig, put, r, s, setOf, span, tableOf, v } from "./rig.ts";

type Operation = ModifyCommand extends infer C ? (C extends ModifyCommand ? Omit<C, "key"> : never) : never;
type Case = readonly [stored: Value | undefined, operation: Operation, result: Value | string];

const add = (amount?: Value): Operation => ({ type: "increment", ...(amount && { amount: v(amount) }) });
const sub = (amount?: Value, create?: true): Operation => ({
  type: "decrement",
  ...(amount && { amount: v(amount) }),
  ...(create && { create }),
});
const append = (text: Value): Operation => ({ type: "append", text: v(text) });
const intoSet = (index: Value): Operation => ({ type: "insert_into_set", index: v(index) });
const intoTable = (index: Value, value: Value): Operation => ({
  type: "insert_into_table",
  index: v(index),
  value: v(value),
});
const removeFrom = (index: Value): Operation => ({ type: "remove_from", index: v(index) });
const push = (value: Value): Operation => ({ type: "push", value: v(value) });
const pop: Operation = { type: "pop" };

const CASES: readonly Case[] = [
  // The operations of Zeek's store/ops test.
  [c(220), add(), c(221)],
  [c(221), add(c(9)), c(230)],
  [c(330), sub(), c(329)],
  [c(329), sub(c(9)), c(320)],
  [s("foo"), append(s("bar")), s("foobar")],
  [setOf(s("A"), s("B")), intoSet(s("C")), setOf(s("A"), s("B"), s("C"))],
  [setOf(s("A")), removeFrom(s("X")), setOf(s("A"))],
  [tableOf([s("a"), c(1)]), intoTable(s("c"), c(3)), tableOf([s("a"), c(1)], [s("c"), c(3)])],
  [tableOf([s("a"), c(1)], [s("b"), c(2)]), removeFrom(s("b")), tableOf([s("a"), c(1)])],
  [list(c(1), c(2)), push(c(3)), list(c(1), c(2), c(3))],
  [list(c(1), c(2)), pop, list(c(1))],

  // Missing keys: the add family creates, the others do not.
  [undefined, add(), c(1)],
  [undefined, add(c(5)), c(5)],
  [undefined, add(i(-5)), i(-5)],
  [undefined, add(r(1.5)), r(1.5)],
  [undefined, add(span(7n)), at(7n)],
  [undefined, add(s("x")), "type_clash"],
  [undefined, append(s("x")), s("x")],
  [undefined, intoSet(c(1)), setOf(c(1))],
  [undefined, intoTable(c(1), c(2)), tableOf([c(1), c(2)])],
  [undefined, push(none()), list(none())],
  [undefined, sub(c(1)), "no_such_key"],
  [undefined, removeFrom(c(1)), "no_such_key"],
  [undefined, pop, "no_such_key"],
  [undefined, sub(i(5), true), i(-5)],
  [undefined, sub(undefined, true), i(-1)],
  [undefined, sub(c(5), true), "invalid_data"],

  // Each type with its own amount, and moments with durations.
  [i(-1), add(), i(0)],
  [i(3), add(i(-4)), i(-1)],
  [r(1.5), add(), r(2.5)],
  [r(1.5), sub(r(0.5)), r(1)],
  [span(5n), add(span(6n)), span(11n)],
  [at(5n), add(span(6n)), at(11n)],
  [at(5n), sub(span(6n)), at(-1n)],
  [i(1), add(c(1)), "type_clash"],
  [c(1), add(i(1)), "type_clash"],
  [at(5n), add(at(1n)), "type_clash"],
  [span(5n), add(), "type_clash"],
  [s("x"), add(c(1)), "type_clash"],

  // What would wrap is refused.
  [c(COUNT_MAX), add(), "invalid_data"],
  [c(COUNT_MAX - 1n), add(), c(COUNT_MAX)],
  [c(0), sub(), "invalid_data"],
  [i(INTEGER_MAX), add(), "invalid_data"],
  [i(INTEGER_MIN), sub(), "invalid_data"],
  [span(INTEGER_MAX), add(span(1n)), "invalid_data"],
  [at(INTEGER_MAX), add(span(1n)), "invalid_data"],
  [at(0n), sub(span(INTEGER_MAX)), "invalid_data"],

  // Operations check their own type.
  [setOf(c(1)), push(c(2)), "type_clash"],
  [list(c(1)), append(s("x")), "type_clash"],
  [s("x"), append(c(1)), "type_clash"],
  [list(c(1)), removeFrom(c(1)), "type_clash"],
  [tableOf([c(1), c(2)]), intoSet(c(1)), "type_clash"],
  [setOf(c(1)), intoTable(c(1), c(2)), "type_clash"],
  [c(1), pop, "type_clash"],

  // Sets and tables stay sorted and hold nothing twice.
  [setOf(c(1)), intoSet(c(1)), setOf(c(1))],
  [tableOf([c(1), c(2)]), intoTable(c(1), c(9)), tableOf([c(1), c(9)])],
  [setOf(s("b")), intoSet(i(7)), setOf(i(7), s("b"))],
  [list(), pop, list()],
];

const NOT_A_VALUE = Uint8Array.of(0xff);

describe.each(BACKENDS)("operations over the %s backend", (_, make) => {
  it.each(CASES.map((one, n) => [n, ...one] as const))("case %i", (_n, stored, operation, result) => {
    const rig = new MasterRig(make());
    if (stored !== undefined) rig.run(put("key", stored));
    const before = rig.get("key");
    const code = rig.code({ ...operation, key: k("key") } as StoreCommand);
    expect(code).toBe(typeof result === "string" ? result : "ok");
    expect(rig.get("key")).toBe(typeof result === "string" ? before : hex(v(result)));
  });

  it("counts and integers wrap where the store says so", () => {
    const rig = new MasterRig(make(), { ...DURABLE, wrap: true });
    rig.run(put("c", c(0)), put("i", i(INTEGER_MAX)));
    rig.run({ type: "decrement", key: k("c") }, { type: "increment", key: k("i") });
    expect([rig.get("c"), rig.get("i")]).toEqual([hex(v(c(COUNT_MAX))), hex(v(i(INTEGER_MIN)))]);
  });

  it("a text and bytes that are none append to bytes, and what becomes text is text", () => {
    const rig = new MasterRig(make());
    const [head, tail] = [Uint8Array.of(0xc3), Uint8Array.of(0xa4)].map((bytes) => ({
      type: "string" as const,
      value: bytes,
    }));
    rig.run(put("key", head!), { type: "append", key: k("key"), text: v(tail!) });
    expect(rig.get("key")).toBe(hex(v(s("ä"))));
  });

  it("an operand that is no value is invalid_data, and nothing changes", () => {
    const rig = new MasterRig(make());
    rig.run(put("key", c(1)));
    expect(rig.code({ type: "increment", key: k("key"), amount: NOT_A_VALUE })).toBe("invalid_data");
    expect(rig.get("key")).toBe(hex(v(c(1))));
  });

  it("put_unique writes once", () => {
    const rig = new MasterRig(make());
    const unique = (value: Value): StoreCommand => ({ type: "put_unique", key: k("key"), value: v(value) });
    const results = rig.run(unique(c(1)), unique(c(2)), { type: "erase", key: k("key") }, unique(c(3)));
    expect(results.map(({ inserted }) => inserted)).toEqual([true, false, undefined, true]);
    expect(rig.get("key")).toBe(hex(v(c(3))));
  });

  it("erase and clear remove; an erase of nothing is no change", () => {
    const rig = new MasterRig(make());
    rig.run(put("a", c(1)), put("b", c(2)), put("d", c(3)), { type: "erase", key: k("a") });
    const { seq } = rig.master.position;
    expect(rig.code({ type: "erase", key: k("a") })).toBe("ok");
    expect(rig.master.position.seq).toBe(seq);
    expect(rig.ask({ type: "size" })).toMatchObject({ keys: 2 });
    rig.run({ type: "clear" });
    expect(rig.ask({ type: "size" })).toEqual({ type: "size", keys: 0, bytes: 0 });
    expect(rig.ask({ type: "keys" })).toEqual({ type: "keys", keys: [], next: undefined });
  });

  it("keys compare by type and value", () => {
    const rig = new MasterRig(make());
    const keys = [c(1), i(1), r(1), s("1"), list(c(1)), setOf(c(1)), none()];
    rig.run(...keys.map((key, n) => put(key, c(n))));
    expect(keys.map((key) => rig.get(key))).toEqual(keys.map((_key, n) => hex(v(c(n)))));
    rig.run(put(r(0), s("zero")));
    expect(rig.get(r(-0))).toBe(hex(v(s("zero"))));
    expect(rig.get(list(setOf(r(-0))))).toBe(rig.get(list(setOf(r(0)))));
  });

  it("queries answer with Broker's codes", () => {
    const rig = new MasterRig(make());
    rig.run(
      put("v", list(c(1), c(2))),
      put("t", tableOf([s("a"), c(1)])),
      put("s", setOf(s("a"))),
      put("c", c(7)),
    );
    const index = (key: string, at_: Value) => {
      const answer = rig.ask({ type: "get_index", key: k(key), index: v(at_) });
      return answer.type === "value"
        ? hex(answer.value)
        : answer.type === "refused"
          ? answer.code
          : answer.type;
    };
    const T = hex(v({ type: "boolean", value: true }));
    const F = hex(v({ type: "boolean", value: false }));
    expect([index("v", c(1)), index("v", i(0))]).toEqual([hex(v(c(2))), hex(v(c(1)))]);
    expect([index("v", c(2)), index("v", c(COUNT_MAX)), index("v", s("a")), index("v", i(-1))]).toEqual([
      "no_such_key",
      "no_such_key",
      "type_clash",
      "type_clash",
    ]);
    expect([index("t", s("a")), index("t", s("b"))]).toEqual([hex(v(c(1))), "no_such_key"]);
    expect([index("s", s("a")), index("s", s("b"))]).toEqual([T, F]);
    expect([index("c", s("any")), index("none", c(0))]).toEqual([hex(v(c(7))), "no_such_key"]);
    expect(rig.ask({ type: "get", key: k("none") })).toEqual({ type: "refused", code: "no_such_key" });
    expect(rig.ask({ type: "exists", key: k("v") })).toEqual({ type: "exists", exists: true });
    expect(rig.ask({ type: "exists", key: k("none") })).toEqual({ type: "exists", exists: false });
  });
});
