import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { formatTimespan, formatTimestamp, parseTimespan, parseTimestamp } from "../../../src/data/time.ts";
import { INTEGER_MAX, INTEGER_MIN, TIMESTAMP_MIN_NS } from "../../../src/data/value.ts";

const refused = expect.objectContaining({ code: "invalid_data" });

describe("timestamps (§8.5)", () => {
  test.each([
    ["1970-01-01T01:42:42", "1970-01-01T01:42:42.000"],
    ["2023-04-18T14:13:14.123456789Z", "2023-04-18T14:13:14.123"],
    ["2023-04-18T16:13:14+02:00", "2023-04-18T14:13:14.000"],
    ["2023-04-18T16:13:14+0230", "2023-04-18T13:43:14.000"],
    ["2023-04-18T16:13:14-08", "2023-04-19T00:13:14.000"],
    ["2024-02-29T00:00:00.1", "2024-02-29T00:00:00.100"],
    ["2000-02-29T23:59:59.999999999", "2000-02-29T23:59:59.999"],
    ["1969-12-31T23:59:59.999999", "1969-12-31T23:59:59.999"],
  ])("%s is %s", (text, expected) => expect(formatTimestamp(parseTimestamp(text).ns)).toBe(expected));

  test.each([
    "1900-02-29T00:00:00",
    "2100-02-29T00:00:00",
    "2014-04-31T00:00:00",
    "2014-07-09T10:16:44.1234567890",
    "2014-07-09T10:16:44+1",
    "2014-07-09T10:16:44+24:00",
    "2014-07-09T10:16:44+02:60",
    "2014-07-09T10:16:44Z ",
    "2014-7-09T10:16:44",
    "+2014-07-09T10:16:44",
    "2014-07-09T10:16",
    "2014-07-09T10:16:44,5",
    "0000-00-00T00:00:00",
    "2262-04-11T23:47:16.854775808",
    "1677-09-21T00:12:43.145",
  ])("%s is refused", (text) => expect(() => parseTimestamp(text)).toThrow(refused));

  test("all nanoseconds are kept", () => {
    expect(parseTimestamp("2262-04-11T23:47:16.854775807").ns).toBe(INTEGER_MAX);
    expect(parseTimestamp("1970-01-01T00:00:00.000000001").ns).toBe(1n);
  });

  test("the calendar is that of ECMAScript", () => {
    const ms = fc.bigInt(TIMESTAMP_MIN_NS / 1_000_000n, INTEGER_MAX / 1_000_000n);
    fc.assert(
      fc.property(ms, fc.bigInt(0n, 999_999n), (n, rest) => {
        const iso = new Date(Number(n)).toISOString();
        expect(`${formatTimestamp(n * 1_000_000n + rest)}Z`).toBe(iso);
        expect(parseTimestamp(iso).ns).toBe(n * 1_000_000n);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("timespans (§8.6)", () => {
  test.each([
    ["0d", "0s"],
    ["-0s", "0s"],
    ["1d", "86400s"],
    ["+2min", "120s"],
    ["1500.5ms", "1500500us"],
    ["1.5us", "1500ns"],
    ["0.9ns", "0s"],
    ["-0.9ns", "0s"],
    ["-1.9ns", "-1ns"],
    ["1e3ms", "1s"],
    ["1.5E-3s", "1500us"],
    ["1e-30d", "0s"],
    ["0e99d", "0s"],
    ["9223372036854775807ns", "9223372036854775807ns"],
    ["-9223372036854775808ns", "-9223372036854775808ns"],
    ["106751d", "9223286400s"],
  ])("%s is %s", (text, expected) => expect(formatTimespan(parseTimespan(text).ns)).toBe(expected));

  test.each([
    "9223372036854775808ns",
    "-9223372036854775809ns",
    "106752d",
    "1e99d",
    "1e9999s",
    "1.s",
    ".5s",
    "1.5",
    "1_0s",
    "--1s",
    "1sec",
    "1 s",
    " 1s",
    "1s ",
    "1h30min",
    "0x1s",
    "nans",
  ])("%s is refused", (text) => expect(() => parseTimespan(text)).toThrow(refused));

  test("the text has at most timespanTextMax characters", () => {
    const padded = (length: number) => "1s".padStart(length, "0");
    expect(parseTimespan(padded(LIMITS.timespanTextMax)).ns).toBe(1_000_000_000n);
    expect(() => parseTimespan(padded(LIMITS.timespanTextMax + 1))).toThrow(refused);
  });

  test("every timespan reads back", () => {
    fc.assert(
      fc.property(fc.bigInt(INTEGER_MIN, INTEGER_MAX), (ns) => {
        expect(parseTimespan(formatTimespan(ns)).ns).toBe(ns);
      }),
    );
  });
});
