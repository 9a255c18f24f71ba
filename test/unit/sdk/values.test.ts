import { expect, test } from "vitest";
import { count, enumValue, none, real, string } from "../../../src/data/value.ts";
import {
  addr,
  bool,
  int,
  interval,
  port,
  set,
  subnet,
  table,
  time,
  toJs,
  toValue,
  vector,
  type Argument,
  type Js,
} from "../../../src/sdk/values.ts";

test("every type there and back", () => {
  const cases: readonly (readonly [Argument, Js])[] = [
    [none(), null],
    [bool(true), true],
    [count(2n ** 64n - 1n), 2n ** 64n - 1n],
    [int(-5), -5n],
    [real(1.5), 1.5],
    [string("é"), "é"],
    [string(new Uint8Array([0xff])), new Uint8Array([0xff])],
    [addr("10.0.0.1"), "10.0.0.1"],
    [addr(new Uint8Array([10, 0, 0, 1])), "10.0.0.1"],
    [subnet("10.1.2.3/8"), "10.0.0.0/8"],
    [port(53, "udp"), "53/udp"],
    [port("53/udp"), "53/udp"],
    [port(22), "22/tcp"],
    [time(1_500), new Date(1_500)],
    [interval("1.5s"), 1_500],
    [enumValue("Notice::LOG"), "Notice::LOG"],
    [set(["b", "a"]), new Set(["a", "b"])],
    [table([["k", count(1)]]), new Map([["k", 1n]])],
    [vector(["a", count(1), null]), ["a", 1n, null]],
  ];
  for (const [argument, js] of cases) expect(toJs(toValue(argument))).toEqual(js);
});

test("JavaScript values that can mean only one are taken as they are", () => {
  const taken: readonly (readonly [Argument, Argument])[] = [
    ["text", string("text")],
    [true, bool(true)],
    [null, none()],
    [undefined, none()],
    [new Date(5), time(5)],
    [new Uint8Array([0xff]), string(new Uint8Array([0xff]))],
    [["a", [true]], vector([string("a"), vector([bool(true)])])],
    [new Set(["b", "a"]), set([string("a"), string("b")])],
    [new Map([["k", "v"]]), table([[string("k"), string("v")]])],
  ];
  for (const [argument, value] of taken) expect(toValue(argument)).toEqual(value);
});

test("times are milliseconds as numbers, to the nanosecond, and nanoseconds as bigints", () => {
  expect(time(0.000_001).ns).toBe(1n);
  expect(time(-0.5).ns).toBe(-500_000n);
  expect(time(7n).ns).toBe(7n);
  expect(time("1970-01-01T00:00:01.5").ns).toBe(1_500_000_000n);
  expect(time(1_763_000_000_123).ns).toBe(1_763_000_000_123_000_000n);
  expect(interval(1.5).ns).toBe(1_500_000n);
  expect(interval(-3n).ns).toBe(-3n);
  expect(toJs(interval(-3n))).toBe(-0.000_003);
});

test("what is out of range is invalid_data", () => {
  const refused = expect.objectContaining({ code: "invalid_data" });
  for (const make of [
    () => int(2n ** 63n),
    () => addr("10.0.0"),
    () => subnet("10.0.0.0"),
    () => port(65_536),
    () => port("x"),
    () => time("yesterday"),
    () => interval("5 apples"),
    () => set(["a", "a"]),
    () =>
      table([
        ["a", "b"],
        ["a", "c"],
      ]),
    () => toValue("\ud800"),
    () => toValue(5 as never),
    () => toValue({} as never),
    () => time(Number.NaN),
    () => interval(Infinity),
    () => time(new Date(Number.NaN)),
  ]) {
    expect(make).toThrow(refused);
  }
});
