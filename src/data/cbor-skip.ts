/**
 * Passes over values in CBOR without making them: takes exactly what `readValue` (cbor-value.ts) takes, and refuses
 * what it refuses. Sets and tables are read all the same, because they may hold no element twice, and so are subnets.
 */
import { LIMITS } from "../base/limits.ts";
import { MAJOR, SIMPLE, type CborReader } from "./cbor-reader.ts";
import { readContents } from "./cbor-value.ts";
import { ADDRESS_BYTES, PORT_MAX, PORT_PROTOCOLS, TIMESTAMP_MIN_NS, VALUE_TYPES } from "./value.ts";

const IPV4_BYTES = 4;

/** Passes over a value. `depth`: containers that are open around it. Throws `deserialization_failed`. */
export function skipValue(reader: CborReader, depth = 0): void {
  reader.head();
  skipBehindHead(reader, depth);
}

/** Passes over a text string. Throws `deserialization_failed`. */
export function skipText(reader: CborReader): void {
  reader.head();
  if (reader.major !== MAJOR.text) reader.fail("not text");
  reader.skipText();
}

function skipBehindHead(reader: CborReader, depth: number): void {
  switch (reader.major) {
    case MAJOR.uint:
      return;
    case MAJOR.text:
      return reader.skipText();
    case MAJOR.bytes:
      reader.skipBytes();
      return;
    case MAJOR.array:
      return skipTyped(reader, reader.arraySize(), depth);
    case MAJOR.simple:
      return skipSimple(reader);
    default:
      return reader.fail("not a value");
  }
}

function skipSimple(reader: CborReader): void {
  const { info } = reader;
  if (info === SIMPLE.null || info === SIMPLE.true || info === SIMPLE.false) return;
  if (info !== SIMPLE.double && info !== SIMPLE.single && info !== SIMPLE.half) reader.fail("not a float");
}

function skipTyped(reader: CborReader, size: number, depth: number): void {
  if (size === 0) reader.fail("a value of no type");
  if (depth >= LIMITS.valueNestingMax) reader.fail("nested too deeply");
  const items = size - 1;
  const type = VALUE_TYPES[skipInteger(reader)];
  switch (type) {
    case "vector":
      for (let i = 0; i < items; i++) skipValue(reader, depth + 1);
      return;
    case "set":
    case "table":
    case "subnet":
      readContents(reader, type, items, depth);
      return;
    case "port":
      if (items !== 2) reader.fail(`a value of ${items} items`);
      return skipPort(reader);
    case "integer":
    case "timespan":
    case "timestamp":
    case "address":
    case "enum-value":
      if (items !== 1) reader.fail(`a value of ${items} items`);
      return skipScalar(reader, type);
    default:
      return reader.fail("unknown type number");
  }
}

function skipScalar(
  reader: CborReader,
  type: "integer" | "timespan" | "timestamp" | "address" | "enum-value",
): void {
  switch (type) {
    case "enum-value":
      return skipText(reader);
    case "address":
      return skipAddress(reader);
    case "timestamp":
      return skipNanoseconds(reader);
    case "integer":
    case "timespan":
      skipInteger(reader);
      if (!reader.isSigned64) reader.fail("more than 64 bits");
  }
}

/** Passes over an integer, and gives it rounded. */
function skipInteger(reader: CborReader): number {
  reader.head();
  return reader.number();
}

function skipNanoseconds(reader: CborReader): void {
  const isNegative = skipInteger(reader) < 0;
  if (!reader.isSigned64) reader.fail("more than 64 bits");
  if (isNegative && reader.info === 27 && reader.integer() < TIMESTAMP_MIN_NS) reader.fail("too early");
}

function skipAddress(reader: CborReader): void {
  reader.head();
  if (reader.major !== MAJOR.bytes) reader.fail("not bytes");
  const size = reader.skipBytes();
  if (size !== IPV4_BYTES && size !== ADDRESS_BYTES) reader.fail("not an address");
}

function skipPort(reader: CborReader): void {
  const number = skipInteger(reader);
  if (number < 0 || number > PORT_MAX) reader.fail("not a port");
  if (PORT_PROTOCOLS[skipInteger(reader)] === undefined) reader.fail("unknown protocol");
}
