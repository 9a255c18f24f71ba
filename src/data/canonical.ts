/**
 * Recognises the canonical text of a value (json.ts) in one pass over its characters, without building it. A position
 * that is returned stands behind the value; -1 means "not canonical, or not certain": the caller then parses and
 * formats. So what is accepted here must be exactly what formatting would give; what is refused costs only time.
 */
import { LIMITS } from "../base/limits.ts";
import { FabricError } from "../base/errors.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { formatReal, parseValue } from "./json.ts";
import { compareValues } from "./order.ts";
import { formatSubnet, parseSubnet } from "./subnet.ts";
import { daysInMonth } from "./time.ts";
import type { Value } from "./value.ts";

const NONE = '{"@data-type":"none","data":{}';
const BOOLEAN = '{"@data-type":"boolean","data":';
const COUNT = '{"@data-type":"count","data":';
const INTEGER = '{"@data-type":"integer","data":';
const REAL = '{"@data-type":"real","data":';
const STRING = '{"@data-type":"string","data":"';
const ADDRESS = '{"@data-type":"address","data":"';
const SUBNET = '{"@data-type":"subnet","data":"';
const PORT = '{"@data-type":"port","data":"';
const TIMESTAMP = '{"@data-type":"timestamp","data":"';
const TIMESPAN = '{"@data-type":"timespan","data":"';
const ENUM = '{"@data-type":"enum-value","data":"';
const SET = '{"@data-type":"set","data":[';
const TABLE = '{"@data-type":"table","data":[';
const VECTOR = '{"@data-type":"vector","data":[';
const KEY = '{"key":';
const VALUE = ',"value":';

/** Where the letter that tells types apart stands, from the beginning of a value. */
const LETTER = '{"@data-type":"'.length;

const [QUOTE, BACKSLASH, MINUS, DOT, SLASH, ZERO, ONE, NINE, COMMA, CLOSE_LIST, CLOSE] = [
  0x22, 0x5c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x39, 0x2c, 0x5d, 0x7d,
] as const;
const [A, B, C, D, E, F, I, M, N, P, R, S, T, U, V] = [
  0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x69, 0x6d, 0x6e, 0x70, 0x72, 0x73, 0x74, 0x75, 0x76,
] as const;

/** Digits that any 64-bit number may have. */
const SAFE_DIGITS = 18;
/** Significant digits that a double always keeps. */
const REAL_DIGITS = 15;

/** Behind the value that begins at `at`, or -1. `depth`: containers that are open around it. */
export function scanValue(text: string, at: number, depth: number): number {
  if (depth >= LIMITS.jsonNestingMax - 1) return -1;
  const end = scanOpen(text, at, depth);
  return end >= 0 && text.charCodeAt(end) === CLOSE ? end + 1 : -1;
}

/** As `scanValue`, but only to the closing brace. */
function scanOpen(text: string, at: number, depth: number): number {
  switch (text.charCodeAt(at + LETTER)) {
    case A:
      return text.startsWith(ADDRESS, at) ? scanAddress(text, at + ADDRESS.length) : -1;
    case B:
      return text.startsWith(BOOLEAN, at) ? scanBoolean(text, at + BOOLEAN.length) : -1;
    case C:
      return text.startsWith(COUNT, at) ? scanInteger(text, at + COUNT.length, "18446744073709551615") : -1;
    case E:
      return text.startsWith(ENUM, at) ? scanString(text, at + ENUM.length) : -1;
    case I:
      return text.startsWith(INTEGER, at) ? scanSigned(text, at + INTEGER.length) : -1;
    case N:
      return text.startsWith(NONE, at) ? at + NONE.length : -1;
    case P:
      return text.startsWith(PORT, at) ? scanPort(text, at + PORT.length) : -1;
    case R:
      return text.startsWith(REAL, at) ? scanReal(text, at + REAL.length) : -1;
    case S:
      if (text.startsWith(STRING, at)) return scanString(text, at + STRING.length);
      if (text.startsWith(SUBNET, at)) return scanSubnet(text, at + SUBNET.length);
      return text.startsWith(SET, at) ? scanElements(text, at + SET.length, depth + 2, true) : -1;
    case T:
      if (text.startsWith(TIMESTAMP, at)) return scanTimestamp(text, at + TIMESTAMP.length);
      if (text.startsWith(TIMESPAN, at)) return scanTimespan(text, at + TIMESPAN.length);
      return text.startsWith(TABLE, at) ? scanTable(text, at + TABLE.length, depth + 2) : -1;
    case V:
      return text.startsWith(VECTOR, at) ? scanElements(text, at + VECTOR.length, depth + 2, false) : -1;
    default:
      return -1;
  }
}

/** Elements and the bracket behind them; of a set in ascending order. */
export function scanElements(text: string, at: number, depth: number, ascending: boolean): number {
  if (text.charCodeAt(at) === CLOSE_LIST) return at + 1;
  let previous: Value | undefined;
  for (let from = at; ;) {
    const end = scanValue(text, from, depth);
    if (end < 0) return -1;
    const next = text.charCodeAt(end);
    if (ascending && (previous !== undefined || next === COMMA)) {
      const value = parseValue(text.slice(from, end));
      if (previous !== undefined && compareValues(previous, value) >= 0) return -1;
      previous = value;
    }
    if (next === CLOSE_LIST) return end + 1;
    if (next !== COMMA) return -1;
    from = end + 1;
  }
}

function scanTable(text: string, at: number, depth: number): number {
  if (text.charCodeAt(at) === CLOSE_LIST) return at + 1;
  let previous: Value | undefined;
  for (let from = at; ;) {
    if (!text.startsWith(KEY, from)) return -1;
    const keyFrom = from + KEY.length;
    const keyEnd = scanValue(text, keyFrom, depth + 1);
    if (keyEnd < 0 || !text.startsWith(VALUE, keyEnd)) return -1;
    const end = scanValue(text, keyEnd + VALUE.length, depth + 1);
    if (end < 0 || text.charCodeAt(end) !== CLOSE) return -1;
    const next = text.charCodeAt(end + 1);
    if (previous !== undefined || next === COMMA) {
      const key = parseValue(text.slice(keyFrom, keyEnd));
      if (previous !== undefined && compareValues(previous, key) >= 0) return -1;
      previous = key;
    }
    if (next === CLOSE_LIST) return end + 2;
    if (next !== COMMA) return -1;
    from = end + 2;
  }
}

/** Behind the quote that ends a string whose first character stands at `at`, or -1. */
export function scanString(text: string, at: number): number {
  for (let i = at; ; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) return i + 1;
    if (c >= 0xd800 && c <= 0xdfff) {
      const low = text.charCodeAt(++i);
      if (c > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) return -1;
    } else if (c === BACKSLASH) {
      i = scanEscape(text, i + 1);
      if (i < 0) return -1;
    } else if (!(c >= 0x20)) {
      return -1;
    }
  }
}

/** At the last character of a canonical escape whose letter stands at `at`, or -1. */
function scanEscape(text: string, at: number): number {
  switch (text.charCodeAt(at)) {
    case QUOTE:
    case BACKSLASH:
    case B:
    case F:
    case N:
    case R:
    case T:
      return at;
    case U: {
      if (text.charCodeAt(at + 1) !== ZERO || text.charCodeAt(at + 2) !== ZERO) return -1;
      const high = text.charCodeAt(at + 3);
      const low = text.charCodeAt(at + 4);
      if (high !== ZERO && high !== ONE) return -1;
      // \b \t \n \f \r have the short form.
      if (high === ZERO && (low === 0x38 || low === NINE || low === A || low === C || low === D)) return -1;
      return (low >= ZERO && low <= NINE) || (low >= A && low <= F) ? at + 4 : -1;
    }
    default:
      return -1;
  }
}

function isDigit(c: number): boolean {
  return c >= ZERO && c <= NINE;
}

/** Behind digits without a leading zero, or -1 when there are none. */
function scanDigits(text: string, at: number): number {
  if (text.charCodeAt(at) === ZERO) return isDigit(text.charCodeAt(at + 1)) ? -1 : at + 1;
  let i = at;
  while (isDigit(text.charCodeAt(i))) i++;
  return i > at ? i : -1;
}

function scanInteger(text: string, at: number, max: string): number {
  const end = scanDigits(text, at);
  if (end - at <= SAFE_DIGITS) return end;
  const digits = text.slice(at, end);
  return digits.length < max.length || (digits.length === max.length && digits <= max) ? end : -1;
}

function scanSigned(text: string, at: number): number {
  if (text.charCodeAt(at) !== MINUS) return scanInteger(text, at, "9223372036854775807");
  return text.charCodeAt(at + 1) === ZERO ? -1 : scanInteger(text, at + 1, "9223372036854775808");
}

function scanBoolean(text: string, at: number): number {
  if (text.startsWith("true", at)) return at + 4;
  return text.startsWith("false", at) ? at + 5 : -1;
}

/** Six decimals and few digits are canonical for certain; other texts are formatted and compared. */
function scanReal(text: string, at: number): number {
  const whole = text.charCodeAt(at) === MINUS ? at + 1 : at;
  const dot = scanDigits(text, whole);
  if (dot >= 0 && text.charCodeAt(dot) === DOT) {
    let i = dot + 1;
    while (isDigit(text.charCodeAt(i))) i++;
    if (i - dot === 7 && i - whole - 1 <= REAL_DIGITS && text.charCodeAt(i) === CLOSE) return i;
  }
  const end = text.indexOf("}", at);
  return end >= 0 && isSame(text.slice(at, end), (literal) => formatReal(Number(literal))) ? end : -1;
}

/** Whether the text is its own canonical form. */
function isSame(text: string, canonical: (text: string) => string): boolean {
  try {
    return canonical(text) === text;
  } catch (error) {
    if (error instanceof FabricError) return false;
    throw error;
  }
}

/** Behind the quote of a dotted IPv4 address, or -1. */
function scanIPv4(text: string, at: number): number {
  let i = at;
  for (let octet = 0; octet < 4; octet++) {
    if (octet > 0 && text.charCodeAt(i++) !== DOT) return -1;
    const end = scanDigits(text, i);
    if (end < 0 || end - i > 3 || (end - i === 3 && text.slice(i, end) > "255")) return -1;
    i = end;
  }
  return i;
}

function scanAddress(text: string, at: number): number {
  const end = scanIPv4(text, at);
  if (end >= 0) return text.charCodeAt(end) === QUOTE ? end + 1 : -1;
  return scanQuoted(text, at, (part) => formatAddress(parseAddress(part).bytes));
}

function scanSubnet(text: string, at: number): number {
  return scanQuoted(text, at, (part) => formatSubnet(parseSubnet(part)));
}

function scanQuoted(text: string, at: number, canonical: (text: string) => string): number {
  const end = text.indexOf('"', at);
  return end >= 0 && isSame(text.slice(at, end), canonical) ? end + 1 : -1;
}

function scanPort(text: string, at: number): number {
  const end = scanDigits(text, at);
  if (end < 0 || end - at > 5 || (end - at === 5 && text.slice(at, end) > "65535")) return -1;
  if (text.charCodeAt(end) !== SLASH) return -1;
  if (text.startsWith('tcp"', end + 1) || text.startsWith('udp"', end + 1)) return end + 5;
  if (text.startsWith('icmp"', end + 1)) return end + 6;
  return text.startsWith('?"', end + 1) ? end + 3 : -1;
}

function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO;
  const ones = text.charCodeAt(at + 1) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

const SEPARATORS = "    -  -  T  :  :  .   ";

/** `YYYY-MM-DDThh:mm:ss.mmm"` of the years that lie in the 64-bit range as a whole. */
function scanTimestamp(text: string, at: number): number {
  for (let i = 4; i < 20; i += 3) if (text.charCodeAt(at + i) !== SEPARATORS.charCodeAt(i)) return -1;
  const year = twoDigits(text, at) * 100 + twoDigits(text, at + 2);
  const month = twoDigits(text, at + 5);
  const day = twoDigits(text, at + 8);
  if (year < 1678 || year > 2261 || twoDigits(text, at + 2) < 0) return -1;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return -1;
  const hour = twoDigits(text, at + 11);
  const minute = twoDigits(text, at + 14);
  const second = twoDigits(text, at + 17);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return -1;
  if (twoDigits(text, at + 20) < 0 || !isDigit(text.charCodeAt(at + 22))) return -1;
  return text.charCodeAt(at + 23) === QUOTE ? at + 24 : -1;
}

/** An integer with the largest exact unit: before `ms us ns` it is no multiple of 1,000. */
function scanTimespan(text: string, at: number): number {
  const digits = text.charCodeAt(at) === MINUS ? at + 1 : at;
  const end = scanDigits(text, digits);
  const count = end - digits;
  // Seconds have at most 10 digits; a number that may be out of range is left to the exact reader.
  if (end < 0 || (digits > at && text.charCodeAt(digits) === ZERO)) return -1;
  const unit = text.charCodeAt(end);
  if (unit === S) return count <= 9 && text.charCodeAt(end + 1) === QUOTE ? end + 2 : -1;
  const digitsMax = unit === M ? 12 : unit === U ? 15 : unit === N ? SAFE_DIGITS : 0;
  if (count > digitsMax || !text.startsWith('s"', end + 1)) return -1;
  const isMultiple =
    text.charCodeAt(end - 1) === ZERO &&
    (count < 2 || text.charCodeAt(end - 2) === ZERO) &&
    (count < 3 || text.charCodeAt(end - 3) === ZERO);
  return isMultiple ? -1 : end + 3;
}
