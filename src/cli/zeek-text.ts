/** Zeek's values on a command line: arguments such as `count:5` in, one line of text out. */
import { unreachable } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import { formatAddress, parseAddress } from "../data/address.ts";
import { formatReal, parseValue } from "../data/json.ts";
import { formatPort, parsePort } from "../data/port.ts";
import { formatSubnet, parseSubnet } from "../data/subnet.ts";
import { formatTimespan, formatTimestamp, parseTimespan, parseTimestamp } from "../data/time.ts";
import { boolean, count, enumValue, integer, none, real, string, type Value } from "../data/value.ts";
import { UsageError } from "./exit.ts";

const INTEGER = /^[+-]?[0-9]+$/;
const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/** What may stand before the colon: Zeek's type names, and Broker's where they differ. */
const PARSERS: Readonly<Record<string, (text: string) => Value>> = {
  bool: parseBoolean,
  boolean: parseBoolean,
  count: (text) => count(parseInteger(text)),
  int: (text) => integer(parseInteger(text)),
  integer: (text) => integer(parseInteger(text)),
  double: parseReal,
  real: parseReal,
  string: (text) => string(text),
  addr: parseAddress,
  address: parseAddress,
  subnet: parseSubnet,
  port: parsePort,
  time: parseTimestamp,
  timestamp: parseTimestamp,
  interval: parseTimespan,
  timespan: parseTimespan,
  enum: (text) => enumValue(text),
  none: () => none(),
};

/** The types that an argument may name, for help. */
export const ARGUMENT_TYPES = Object.keys(PARSERS);

/**
 * The value of one argument: `TYPE:TEXT` for a known type, Broker-typed JSON (`{"@data-type":…}`), and anything else as
 * a string. Throws UsageError for a text that its type does not allow.
 */
export function parseArgument(argument: string): Value {
  const colon = argument.indexOf(":");
  const type = argument.slice(0, Math.max(colon, 0));
  const isJson = argument.startsWith("{");
  const parser = Object.hasOwn(PARSERS, type) ? PARSERS[type] : undefined;
  if (!isJson && parser === undefined) return string(argument);
  try {
    return isJson ? parseValue(argument) : parser!(argument.slice(colon + 1));
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    throw new UsageError(`argument '${argument}': ${error.message}`);
  }
}

function refuse(message: string): never {
  throw new FabricError("invalid_data", message);
}

function parseBoolean(text: string): Value {
  if (text === "T" || text === "true") return boolean(true);
  return text === "F" || text === "false" ? boolean(false) : refuse("bool: must be T or F");
}

function parseInteger(text: string): bigint {
  return INTEGER.test(text) ? BigInt(text.replace(/^\+/, "")) : refuse("must be a whole number");
}

function parseReal(text: string): Value {
  const value = Number(text);
  return text.trim() === "" || Number.isNaN(value) ? refuse("double: must be a number") : real(value);
}

/** A value for people, in the way Zeek prints it; strings stand in quotes. */
export function formatForPeople(value: Value): string {
  switch (value.type) {
    case "none":
      return "<none>";
    case "boolean":
      return value.value ? "T" : "F";
    case "count":
    case "integer":
      return String(value.value);
    case "real":
      return Number.isFinite(value.value) ? formatReal(value.value) : String(value.value);
    case "string":
      return JSON.stringify(typeof value.value === "string" ? value.value : decoder.decode(value.value));
    case "address":
      return formatAddress(value.bytes);
    case "subnet":
      return formatSubnet(value);
    case "port":
      return formatPort(value);
    case "timestamp":
      return formatTimestamp(value.ns);
    case "timespan":
      return formatTimespan(value.ns);
    case "enum-value":
      return value.name;
    case "set":
      return `{${value.elements.map(formatForPeople).join(", ")}}`;
    case "table":
      return `{${value.entries.map((e) => `${formatForPeople(e.key)} = ${formatForPeople(e.value)}`).join(", ")}}`;
    case "vector":
      return `[${value.elements.map(formatForPeople).join(", ")}]`;
    default:
      return unreachable(value);
  }
}
