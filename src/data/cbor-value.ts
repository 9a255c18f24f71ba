/**
 * Values as CBOR, with the same bytes for the same value everywhere. What CBOR can tell apart by itself stands as it
 * is; every other type is an array that begins with Broker's type number (VALUE_TYPES):
 *
 *     none        null
 *     boolean     false, true
 *     count       unsigned integer
 *     integer     [3, integer]
 *     real        float of 8 bytes (NaN always 7ff8000000000000)
 *     string      text string; a byte string when it is not UTF-8
 *     address     [6, byte string of 16 bytes, or of 4 for IPv4]
 *     subnet      [7, address bytes as above, length in the family of the address]
 *     port        [8, number, protocol: 0 ?, 1 tcp, 2 udp, 3 icmp]
 *     timestamp   [9, integer: nanoseconds since 1970]
 *     timespan    [10, integer: nanoseconds]
 *     enum-value  [11, text string]
 *     set         [12, element…] in Broker's total order
 *     table       [13, key, value, key, value…] by key in Broker's total order
 *     vector      [14, element…]
 *
 * Heads are the shortest, lengths definite; there are no tags and no maps. A reader also takes longer heads, floats of
 * 2 and 4 bytes, and sets and tables in any order, but no equal elements or keys. Nesting is bounded by
 * `LIMITS.valueNestingMax`.
 */
import { unreachable } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { CborReader, MAJOR, SIMPLE } from "./cbor-reader.ts";
import { CborWriter } from "./cbor-writer.ts";
import { set, table } from "./order.ts";
import {
  address,
  boolean,
  count,
  enumValue,
  integer,
  isIPv4,
  none,
  port,
  PORT_PROTOCOLS,
  real,
  string,
  subnet,
  timespan,
  timestamp,
  VALUE_TYPES,
  vector,
  type TableEntry,
  type Value,
  type ValueType,
} from "./value.ts";

const IPV4_BYTES = 4;

/** The bytes of a value. Throws `invalid_data` past `LIMITS.valueNestingMax`. */
export function encodeValue(value: Value): Uint8Array {
  const writer = new CborWriter();
  writeValue(writer, value);
  return writer.finish();
}

/** The value of bytes that hold exactly one. Throws `deserialization_failed`. */
export function decodeValue(bytes: Uint8Array): Value {
  const reader = new CborReader(bytes);
  const value = readValue(reader);
  if (reader.left > 0) reader.fail("bytes after the value");
  return value;
}

/** Appends a value. `depth`: containers that are open around it. Throws as `encodeValue` does. */
export function writeValue(writer: CborWriter, value: Value, depth = 0): void {
  switch (value.type) {
    case "none":
      return writer.null();
    case "boolean":
      return writer.boolean(value.value);
    case "count":
      return writer.integer(value.value);
    case "real":
      return writer.float(value.value);
    case "string":
      return typeof value.value === "string" ? writer.text(value.value) : writer.bytes(value.value);
    case "set":
    case "vector":
      writeHead(writer, value, value.elements.length, depth);
      for (const element of value.elements) writeValue(writer, element, depth + 1);
      return;
    case "table":
      writeHead(writer, value, 2 * value.entries.length, depth);
      for (const entry of value.entries) {
        writeValue(writer, entry.key, depth + 1);
        writeValue(writer, entry.value, depth + 1);
      }
      return;
    default:
      return writeTyped(writer, value);
  }
}

function writeHead(writer: CborWriter, value: Value, items: number, depth: number): void {
  if (depth >= LIMITS.valueNestingMax) {
    throw new FabricError("invalid_data", `value: nested deeper than ${LIMITS.valueNestingMax} levels`);
  }
  writeType(writer, value, items);
}

function writeType(writer: CborWriter, value: Value, items: number): void {
  writer.array(items + 1);
  writer.integer(BigInt(VALUE_TYPES.indexOf(value.type)));
}

type Typed = Extract<
  Value,
  { type: "integer" | "address" | "subnet" | "port" | "timestamp" | "timespan" | "enum-value" }
>;

function writeTyped(writer: CborWriter, value: Typed): void {
  switch (value.type) {
    case "integer":
      writeType(writer, value, 1);
      return writer.integer(value.value);
    case "address":
      writeType(writer, value, 1);
      return writer.bytes(shortest(value.bytes));
    case "subnet":
      writeType(writer, value, 2);
      writer.bytes(shortest(value.network));
      return writer.integer(BigInt(value.length));
    case "port":
      writeType(writer, value, 2);
      writer.integer(BigInt(value.number));
      return writer.integer(BigInt(PORT_PROTOCOLS.indexOf(value.protocol)));
    case "timestamp":
    case "timespan":
      writeType(writer, value, 1);
      return writer.integer(value.ns);
    case "enum-value":
      writeType(writer, value, 1);
      return writer.text(value.name);
    default:
      return unreachable(value);
  }
}

function shortest(bytes: Uint8Array): Uint8Array {
  return isIPv4(bytes) ? bytes.subarray(bytes.length - IPV4_BYTES) : bytes;
}

/** Reads a value. `depth`: containers that are open around it. Throws `deserialization_failed`. */
export function readValue(reader: CborReader, depth = 0): Value {
  reader.head();
  switch (reader.major) {
    case MAJOR.uint:
      return count(reader.integer());
    case MAJOR.text:
      return string(reader.text());
    case MAJOR.bytes:
      return string(reader.bytes());
    case MAJOR.array:
      return readTyped(reader, reader.arraySize(), depth);
    case MAJOR.simple:
      return readSimple(reader);
    default:
      return reader.fail("not a value");
  }
}

function readSimple(reader: CborReader): Value {
  switch (reader.info) {
    case SIMPLE.null:
      return none();
    case SIMPLE.true:
      return boolean(true);
    case SIMPLE.false:
      return boolean(false);
    default:
      return real(reader.float());
  }
}

function readTyped(reader: CborReader, size: number, depth: number): Value {
  const type = size === 0 ? undefined : VALUE_TYPES[readNumber(reader)];
  return readContents(reader, type, size - 1, depth);
}

/** Reads the items behind the type number of a value. Throws as `readValue` does. */
export function readContents(
  reader: CborReader,
  type: ValueType | undefined,
  items: number,
  depth: number,
): Value {
  if (depth >= LIMITS.valueNestingMax) reader.fail("nested too deeply");
  try {
    switch (type) {
      case "vector":
        return vector(readValues(reader, items, depth + 1));
      case "set":
        return set(readValues(reader, items, depth + 1));
      case "table":
        return table(readEntries(reader, items, depth + 1));
      case "subnet":
        expectItems(reader, items, 2);
        return subnet(readBytes(reader), readNumber(reader));
      case "port":
        expectItems(reader, items, 2);
        return port(
          readNumber(reader),
          PORT_PROTOCOLS[readNumber(reader)] ?? reader.fail("unknown protocol"),
        );
      default:
        expectItems(reader, items, 1);
        return readScalar(reader, type);
    }
  } catch (cause) {
    if (!(cause instanceof FabricError) || cause.code === "deserialization_failed") throw cause;
    throw new FabricError("deserialization_failed", cause.message, { cause });
  }
}

function readScalar(reader: CborReader, type: ValueType | undefined): Value {
  switch (type) {
    case "integer":
      return integer(readInteger(reader));
    case "address":
      return address(readBytes(reader));
    case "timestamp":
      return timestamp(readInteger(reader));
    case "timespan":
      return timespan(readInteger(reader));
    case "enum-value":
      return enumValue(readText(reader));
    case undefined:
    case "none":
    case "boolean":
    case "count":
    case "real":
    case "string":
    case "subnet":
    case "port":
    case "set":
    case "table":
    case "vector":
      return reader.fail("unknown type number");
    default:
      return unreachable(type);
  }
}

function expectItems(reader: CborReader, items: number, expected: number): void {
  if (items !== expected) reader.fail(`a value of ${items} items`);
}

/** Reads so many values. */
export function readValues(reader: CborReader, items: number, depth: number): Value[] {
  const out: Value[] = [];
  for (let i = 0; i < items; i++) out.push(readValue(reader, depth));
  return out;
}

function readEntries(reader: CborReader, items: number, depth: number): TableEntry[] {
  if (items % 2 !== 0) reader.fail("a key without a value");
  const out: TableEntry[] = [];
  for (let i = 0; i < items; i += 2) {
    out.push({ key: readValue(reader, depth), value: readValue(reader, depth) });
  }
  return out;
}

/** Reads an integer of up to 64 bits. */
export function readInteger(reader: CborReader): bigint {
  reader.head();
  return reader.integer();
}

function readNumber(reader: CborReader): number {
  return Number(readInteger(reader));
}

/** Reads a text string. */
export function readText(reader: CborReader): string {
  reader.head();
  if (reader.major !== MAJOR.text) reader.fail("not text");
  return reader.text();
}

function readBytes(reader: CborReader): Uint8Array {
  reader.head();
  if (reader.major !== MAJOR.bytes) reader.fail("not bytes");
  return reader.bytes();
}
