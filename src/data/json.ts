/**
 * Broker-typed JSON (JSON v1, spec/websocket-json.md §8): every value is `{"@data-type":T,"data":D}`. Reading is
 * exact and lenient only where the specification is; writing gives the one canonical text of a value.
 */
import { unreachable } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { JsonNumber, JsonObject, parseJson, type JsonNode } from "./json-text.ts";
import { set, table } from "./order.ts";
import { formatPort, parsePort } from "./port.ts";
import { formatSubnet, parseSubnet } from "./subnet.ts";
import { formatTimespan, formatTimestamp, parseTimespan, parseTimestamp } from "./time.ts";
import {
  boolean,
  count,
  enumValue,
  integer,
  none,
  real,
  string,
  vector,
  type TableEntry,
  type Value,
  type VectorValue,
} from "./value.ts";

const INTEGER_LITERAL = /^-?[0-9]+$/;
/** Digits of the largest 64-bit number, and a sign. */
const INTEGER_LITERAL_MAX = 21;
const NS_PER_MS = 1_000_000n;
const lossy = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

function refuse(why: string): never {
  throw new FabricError("deserialization_failed", why);
}

/** Parses the JSON text of one value. Throws `deserialization_failed` or, for a bad range or form, `invalid_data`. */
export function parseValue(text: string): Value {
  return valueOf(parseJson(text));
}

/** The value that a JSON tree stands for. Throws as `parseValue` does. */
export function valueOf(node: JsonNode | undefined): Value {
  if (!(node instanceof JsonObject)) return refuse("value: not an object");
  const data = node.data;
  switch (node.dataType) {
    case "none":
      return none();
    case "boolean":
      return typeof data === "boolean" ? boolean(data) : refuse("boolean: not true or false");
    case "count":
      return count(integerOf(data, "count"));
    case "integer":
      return integer(integerOf(data, "integer"));
    case "real":
      return real(realOf(data));
    case "string":
      return string(textOf(data, "string"));
    case "address":
      return parseAddress(textOf(data, "address"));
    case "subnet":
      return parseSubnet(textOf(data, "subnet"));
    case "port":
      return parsePort(textOf(data, "port"));
    case "timestamp":
      return parseTimestamp(textOf(data, "timestamp"));
    case "timespan":
      return parseTimespan(textOf(data, "timespan"));
    case "enum-value":
      return enumValue(textOf(data, "enum-value"));
    case "vector":
      return vectorOf(data);
    case "set":
      return set(listOf(data, "set").map(valueOf));
    case "table":
      return table(listOf(data, "table").map(entryOf));
    default:
      return refuse("value: @data-type is missing or unknown");
  }
}

function vectorOf(data: JsonNode | undefined): VectorValue {
  return vector(listOf(data, "vector").map(valueOf));
}

function entryOf(node: JsonNode): TableEntry {
  if (!(node instanceof JsonObject)) return refuse("table: an entry is not an object");
  return { key: valueOf(node.key), value: valueOf(node.value) };
}

function listOf(data: JsonNode | undefined, type: string): JsonNode[] {
  return Array.isArray(data) ? data : refuse(`${type}: not an array`);
}

function textOf(data: JsonNode | undefined, type: string): string {
  return typeof data === "string" ? data : refuse(`${type}: not a string`);
}

function integerOf(data: JsonNode | undefined, type: string): bigint {
  if (!(data instanceof JsonNumber)) return refuse(`${type}: not a number`);
  const text = data.text;
  if (text.length > INTEGER_LITERAL_MAX || !INTEGER_LITERAL.test(text)) {
    return refuse(`${type}: not an integer of 64 bits`);
  }
  return BigInt(text);
}

/** Also takes an integer literal, because JavaScript and Go write 1.0 as 1 (§8.2). */
function realOf(data: JsonNode | undefined): number {
  if (!(data instanceof JsonNumber)) return refuse("real: not a number");
  const value = Number(data.text);
  return Number.isFinite(value) ? value : refuse("real: too large for a double");
}

/**
 * The canonical text of a value. JSON has no bytes that are not UTF-8 (they become U+FFFD) and this form no time below
 * the millisecond. Throws `invalid_data` for reals that JSON cannot carry, for elements or keys that become equal, and
 * for nesting past `LIMITS.jsonNestingMax`, `too_large` past `LIMITS.eventBytesMax`.
 */
export function formatValue(value: Value): string {
  const writer = new JsonWriter();
  writer.value(value);
  // What a set lost may change the order of its elements: reading sorts them anew.
  return writer.hasLossySet ? formatValue(parseValue(writer.text)) : writer.text;
}

/** The canonical text of a JSON string. */
export function formatJsonString(text: string): string {
  return JSON.stringify(text.toWellFormed());
}

/** C's `%f` where that reads back as the same number, else the shortest text that does. Throws `invalid_data`. */
export function formatReal(value: number): string {
  if (!Number.isFinite(value)) throw new FabricError("invalid_data", "real: JSON has no infinity and no NaN");
  const magnitude = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const text = sign + (magnitude < 1e21 ? magnitude.toFixed(6) : `${BigInt(magnitude)}.000000`);
  return Number(text) === value ? text : String(value);
}

/** Appends text; the bounds hold while it grows, because a canonical text can be longer than its source. */
class JsonWriter {
  text = "";
  /** Whether an element of a set or a key lost something. */
  hasLossySet = false;
  #depth = 0;
  /** Sets and keys that are open. */
  #sorted = 0;

  /** Appends one value. Throws as `formatValue` does. */
  value(value: Value): void {
    if (++this.#depth > LIMITS.jsonNestingMax)
      throw new FabricError("invalid_data", "JSON: nested too deeply");
    this.text += `{"@data-type":"${value.type}","data":`;
    this.#data(value);
    this.text += "}";
    this.#depth--;
    if (this.text.length > LIMITS.eventBytesMax) {
      throw new FabricError("too_large", `JSON: more than ${LIMITS.eventBytesMax} characters`);
    }
  }

  #data(value: Value): void {
    switch (value.type) {
      case "none":
        this.#list("{", "}", [], () => undefined);
        return;
      case "vector":
        this.#list("[", "]", value.elements, (element) => this.value(element));
        return;
      case "set":
        this.#sorted++;
        this.#list("[", "]", value.elements, (element) => this.value(element));
        this.#sorted--;
        return;
      case "table":
        this.#list("[", "]", value.entries, (entry) => this.#entry(entry));
        return;
      default:
        this.text += scalarText(value);
        if (this.#sorted > 0 && isLossy(value)) this.hasLossySet = true;
    }
  }

  #entry(entry: TableEntry): void {
    this.#depth++;
    this.text += '{"key":';
    this.#sorted++;
    this.value(entry.key);
    this.#sorted--;
    this.text += ',"value":';
    this.value(entry.value);
    this.text += "}";
    this.#depth--;
  }

  #list<T>(open: string, close: string, items: readonly T[], write: (item: T) => void): void {
    if (++this.#depth > LIMITS.jsonNestingMax)
      throw new FabricError("invalid_data", "JSON: nested too deeply");
    this.text += open;
    for (let i = 0; i < items.length; i++) {
      if (i > 0) this.text += ",";
      write(items[i]!);
    }
    this.text += close;
    this.#depth--;
  }
}

type Scalar = Exclude<Value, { readonly type: "none" | "vector" | "set" | "table" }>;

/** Whether the text of a value stands for another value. */
function isLossy(value: Scalar): boolean {
  if (value.type === "timestamp") return value.ns % NS_PER_MS !== 0n;
  return value.type === "string" && typeof value.value !== "string";
}

function scalarText(value: Scalar): string {
  switch (value.type) {
    case "boolean":
    case "count":
    case "integer":
      return String(value.value);
    case "real":
      return formatReal(value.value);
    case "string":
      return formatJsonString(typeof value.value === "string" ? value.value : lossy.decode(value.value));
    case "enum-value":
      return formatJsonString(value.name);
    case "address":
      return `"${formatAddress(value.bytes)}"`;
    case "subnet":
      return `"${formatSubnet(value)}"`;
    case "port":
      return `"${formatPort(value)}"`;
    case "timestamp":
      return `"${formatTimestamp(value.ns)}"`;
    case "timespan":
      return `"${formatTimespan(value.ns)}"`;
    default:
      return unreachable(value);
  }
}
