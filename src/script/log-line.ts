/** Records of scripts as lines of Zeek's JSON logs. Source: Zeek's threading/formatters/JSON.cc. */
import { FabricError } from "../base/errors.ts";
import { formatAddress } from "../data/address.ts";
import { formatJsonString } from "../data/json.ts";
import { formatSubnet } from "../data/subnet.ts";
import type { Value } from "../data/value.ts";
import { utf8OrEscaped } from "../logs/tsv.ts";
import { fromBytes } from "../protocol/topic.ts";
import { toValue, type Argument } from "../sdk/values.ts";

export type LogRecord = Readonly<Record<string, Argument>>;

const NS_PER_S = 1_000_000_000n;
const MICROSECOND_DIGITS = 6;

/**
 * The line of a record, without newline: fields in their order, those that are not set left out; times and durations in
 * seconds, ports as numbers. Throws `invalid_data` for what is no value, and for a table, which no log can hold.
 */
export function logLine(record: LogRecord): string {
  const members: string[] = [];
  for (const [field, argument] of Object.entries(record)) {
    const value = toValue(argument);
    if (value.type !== "none") members.push(`${formatJsonString(field)}:${jsonOf(value)}`);
  }
  return `{${members.join(",")}}`;
}

function jsonOf(value: Value): string {
  switch (value.type) {
    case "none":
      return "null";
    case "boolean":
      return String(value.value);
    case "count":
    case "integer":
      return value.value.toString();
    case "real":
      return Number.isFinite(value.value) ? String(value.value) : "null";
    case "string":
      return formatJsonString(
        typeof value.value === "string" ? value.value : utf8OrEscaped(fromBytes(value.value)),
      );
    case "address":
      return formatJsonString(formatAddress(value.bytes));
    case "subnet":
      return formatJsonString(formatSubnet(value));
    case "port":
      return String(value.number);
    case "timestamp":
    case "timespan":
      return seconds(value.ns);
    case "enum-value":
      return formatJsonString(value.name);
    case "set":
    case "vector":
      return `[${value.elements.map(jsonOf).join(",")}]`;
    case "table":
      throw new FabricError("invalid_data", "a table cannot be logged");
  }
}

/** Six digits behind the point, as Zeek writes times. */
function seconds(ns: bigint): string {
  const sign = ns < 0n ? "-" : "";
  const abs = ns < 0n ? -ns : ns;
  const fraction = (abs % NS_PER_S).toString().padStart(9, "0").slice(0, MICROSECOND_DIGITS);
  return `${sign}${abs / NS_PER_S}.${fraction}`;
}
