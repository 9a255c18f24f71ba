/** History: what of the past a subscription begins with, where its topics are kept (PROTOCOL.md, rule 11). */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { position } from "./frame-fields.ts";
import type { Options, Position } from "./frame.ts";

export type History =
  /** Everything behind these places; streams that are not among them have none. */
  | { readonly type: "positions"; readonly positions: readonly Position[] }
  /** Everything since a time, ms since 1970. */
  | { readonly type: "since"; readonly sinceMs: number }
  /** The last events of each stream, so many. */
  | { readonly type: "last"; readonly events: number }
  | { readonly type: "lastPerTopic" };

/** The history in the options of a subscribe frame. Throws `invalid_data` naming the field. */
export function parseHistory(options: Options): History | undefined {
  const input = options["history"];
  if (input === undefined || input === null) return undefined;
  if (typeof input !== "object" || Array.isArray(input)) return wrong("history", "a map");
  const entries = Object.entries(input as Readonly<Record<string, unknown>>);
  const [entry] = entries;
  if (entries.length !== 1 || entry === undefined) return wrong("history", "a map with one key");
  const [key, value] = entry;
  switch (key) {
    case "positions":
      return { type: "positions", positions: positions(value) };
    case "sinceMs":
      return { type: "since", sinceMs: integer(value, key, 0, Number.MAX_SAFE_INTEGER) };
    case "last":
      return { type: "last", events: integer(value, key, 1, LIMITS.historyEventsMax) };
    case "lastPerTopic":
      return value === true ? { type: "lastPerTopic" } : wrong(`history.${key}`, "true");
    default:
      return wrong(`history.${key}`, "absent: positions, sinceMs, last and lastPerTopic are known");
  }
}

function positions(value: unknown): readonly Position[] {
  const max = LIMITS.retentionsMax * LIMITS.routersMax;
  if (!Array.isArray(value) || value.length === 0 || value.length > max) {
    return wrong("history.positions", `an array of 1 to ${max} positions`);
  }
  try {
    return value.map(position);
  } catch (cause) {
    throw new FabricError("invalid_data", "history.positions must hold positions", { cause });
  }
}

function integer(value: unknown, key: string, min: number, max: number): number {
  const n = typeof value === "bigint" ? Number(value) : value;
  return typeof n === "number" && Number.isSafeInteger(n) && n >= min && n <= max
    ? n
    : wrong(`history.${key}`, `an integer from ${min} to ${max}`);
}

function wrong(field: string, wanted: string): never {
  throw new FabricError("invalid_data", `${field} must be ${wanted}`);
}
