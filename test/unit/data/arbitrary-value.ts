/** Generated values of every type, with the edges of each range more often than chance would have them. */
import fc from "fast-check";
import { compareValues, set, table } from "../../../src/data/order.ts";
import {
  address,
  boolean,
  count,
  COUNT_MAX,
  enumValue,
  integer,
  INTEGER_MAX,
  INTEGER_MIN,
  none,
  port,
  PORT_PROTOCOLS,
  real,
  string,
  subnet,
  timespan,
  timestamp,
  TIMESTAMP_MIN_NS,
  vector,
  type Value,
} from "../../../src/data/value.ts";

const text = fc.string({ unit: "binary", maxLength: 12 });
const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])));
const host = fc.oneof(ipv4, ipv6);
const bits64 = fc.bigInt(INTEGER_MIN, INTEGER_MAX);
/** Few significant digits, so that all units come up. */
const roundNs = fc
  .tuple(fc.integer({ min: -9999, max: 9999 }), fc.nat(14))
  .map(([n, e]) => BigInt(n) * 10n ** BigInt(e));

const realNumber = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1, -1, 1e21, 1e-7, 5e-324, Number.MAX_VALUE, 0.1, 12.48, -1e-9),
  fc.integer().map((n) => n / 1e6),
);

/** Scalars that JSON can carry. */
const scalar: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(none()),
  fc.boolean().map(boolean),
  fc.oneof(fc.bigInt(0n, COUNT_MAX), fc.constantFrom(0n, COUNT_MAX), fc.bigInt(0n, 300n)).map(count),
  fc.oneof(bits64, fc.constantFrom(INTEGER_MIN, INTEGER_MAX, 0n, -1n)).map(integer),
  realNumber.map(real),
  text.map(string),
  host.map((bytes) => address(bytes)),
  fc.tuple(host, fc.nat(128)).map(([bytes, length]) => {
    const { bytes: full } = address(bytes);
    const v4 = full.subarray(0, 10).every((byte) => byte === 0) && full[10] === 255 && full[11] === 255;
    return subnet(full, v4 ? length % 33 : length);
  }),
  fc
    .tuple(fc.nat(65_535), fc.constantFrom(...PORT_PROTOCOLS))
    .map(([number, protocol]) => port(number, protocol)),
  // What JSON keeps of a timestamp: whole milliseconds.
  fc.bigInt(TIMESTAMP_MIN_NS / 1_000_000n, INTEGER_MAX / 1_000_000n).map((ms) => timestamp(ms * 1_000_000n)),
  fc.oneof(bits64, roundNs, fc.constantFrom(INTEGER_MIN, INTEGER_MAX)).map(timespan),
  text.map(enumValue),
);

function unique<T>(items: readonly T[], keyOf: (item: T) => Value): T[] {
  const out: T[] = [];
  for (const item of items) {
    if (!out.some((other) => compareValues(keyOf(item), keyOf(other)) === 0)) out.push(item);
  }
  return out;
}

function containers(leaf: fc.Arbitrary<Value>): fc.Arbitrary<Value> {
  return fc.letrec<{ value: Value }>((tie) => {
    const list = fc.array(tie("value"), { maxLength: 5 });
    const entry = fc.tuple(tie("value"), tie("value")).map(([key, value]) => ({ key, value }));
    return {
      value: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        leaf,
        list.map(vector),
        list.map((items) => set(unique(items, (item) => item))),
        fc.array(entry, { maxLength: 4 }).map((items) => table(unique(items, (item) => item.key))),
      ),
    };
  }).value;
}

/** Any value that JSON carries without change. */
export const jsonValue: fc.Arbitrary<Value> = containers(scalar);

/** Any value at all: also infinities, NaN, strings that are not UTF-8, single nanoseconds. */
export const anyValue: fc.Arbitrary<Value> = containers(
  fc.oneof(
    { weight: 4, arbitrary: scalar },
    { weight: 1, arbitrary: fc.constantFrom(Infinity, -Infinity, NaN).map(real) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }).map(string) },
    { weight: 1, arbitrary: fc.bigInt(TIMESTAMP_MIN_NS, INTEGER_MAX).map(timestamp) },
  ),
);

/** A scalar of each type. */
export const ONE_OF_EACH: readonly Value[] = [
  none(),
  boolean(true),
  count(COUNT_MAX),
  integer(INTEGER_MIN),
  real(-0),
  string('é\n"\\\u0000😀'),
  address(Uint8Array.of(192, 168, 0, 1)),
  subnet(Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 32),
  port(53, "udp"),
  timestamp(1_649_574_000_123_000_000n),
  timespan(-1_500_000_000n),
  enumValue("Notice::Weird"),
  set([count(2), count(1)]),
  table([{ key: vector([count(1), string("k")]), value: none() }]),
  vector([integer(1), count(1), real(1)]),
];
