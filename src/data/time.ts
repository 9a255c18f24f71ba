/**
 * The text of timestamps and timespans (spec/websocket-json.md §8.5, §8.6). Pure arithmetic on the proleptic Gregorian
 * calendar: no clock, no time zones but the offset that a text names.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { timespan, timestamp, type TimespanValue, type TimestampValue } from "./value.ts";

const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;
const MS_PER_DAY = 86_400_000;
const DAYS_PER_ERA = 146_097;
/** Days from 0000-03-01 to 1970-01-01. */
const EPOCH_DAYS = 719_468;

const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d)(?::?(\d\d))?)?$/;
const TIMESPAN = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?(ns|us|ms|s|min|h|d)$/;
const UNIT_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: NS_PER_MS,
  s: NS_PER_S,
  min: 60n * NS_PER_S,
  h: 3_600n * NS_PER_S,
  d: 86_400n * NS_PER_S,
};

function refuse(type: "timestamp" | "timespan", why: string): never {
  throw new FabricError("invalid_data", `${type}: ${why}`, { details: { type } });
}

/** Days of a month, 1 to 12. */
export function daysInMonth(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
}

/** Days since 1970-01-01 of a civil date; years begin in March so that leap days come last. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const yearOfEra = y - era * 400;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * DAYS_PER_ERA + dayOfEra - EPOCH_DAYS;
}

/** `YYYY-MM-DD` of days since 1970-01-01. */
function formatDay(days: number): string {
  const shifted = days + EPOCH_DAYS;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

function pad(n: number, width: number): string {
  return String(n).padStart(width, "0");
}

/** A timestamp from ISO 8601 text; no zone means UTC. Throws `invalid_data`. */
export function parseTimestamp(text: string): TimestampValue {
  const m = TIMESTAMP.exec(text);
  if (m === null) return refuse("timestamp", "must be YYYY-MM-DDThh:mm:ss, a fraction, a zone");
  const [year, month, day] = [Number(m[1]), Number(m[2]), Number(m[3])];
  const [hour, minute, second] = [Number(m[4]), Number(m[5]), Number(m[6])];
  const zoneHour = Number(m[9] ?? 0);
  const zoneMinute = Number(m[10] ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
    return refuse("timestamp", "there is no such day");
  }
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) {
    return refuse("timestamp", "there is no such time of day");
  }
  const zone = (m[8] === "-" ? -1 : 1) * (zoneHour * 60 + zoneMinute);
  const seconds = daysFromCivil(year, month, day) * 86_400 + (hour * 60 + minute - zone) * 60 + second;
  return timestamp(BigInt(seconds) * NS_PER_S + BigInt((m[7] ?? "").padEnd(9, "0")));
}

/** The canonical text of a timestamp: UTC, three decimals, the digits after them cut off. */
export function formatTimestamp(ns: bigint): string {
  const ms = Number((ns - (((ns % NS_PER_MS) + NS_PER_MS) % NS_PER_MS)) / NS_PER_MS);
  const days = Math.floor(ms / MS_PER_DAY);
  const rest = ms - days * MS_PER_DAY;
  const hour = pad(Math.floor(rest / 3_600_000), 2);
  const minute = pad(Math.floor(rest / 60_000) % 60, 2);
  const second = pad(Math.floor(rest / 1000) % 60, 2);
  return `${formatDay(days)}T${hour}:${minute}:${second}.${pad(rest % 1000, 3)}`;
}

/** A timespan from a decimal number and `ns us ms s min h d`, rounded toward zero. Throws `invalid_data`. */
export function parseTimespan(text: string): TimespanValue {
  const m = text.length > LIMITS.timespanTextMax ? null : TIMESPAN.exec(text);
  if (m === null) return refuse("timespan", "must be a number and one of ns, us, ms, s, min, h, d");
  const fraction = m[3] ?? "";
  const power = Number(m[4] ?? 0) - fraction.length;
  let ns = BigInt(m[2]! + fraction) * UNIT_NS[m[5]!]!;
  ns = power >= 0 ? ns * 10n ** BigInt(power) : ns / 10n ** BigInt(-power);
  return timespan(m[1] === "-" ? -ns : ns);
}

/** The canonical text of a timespan: an integer with the largest of `s ms us ns` that is exact. */
export function formatTimespan(ns: bigint): string {
  if (ns % NS_PER_S === 0n) return `${ns / NS_PER_S}s`;
  if (ns % NS_PER_MS === 0n) return `${ns / NS_PER_MS}ms`;
  if (ns % 1_000n === 0n) return `${ns / 1_000n}us`;
  return `${ns}ns`;
}
