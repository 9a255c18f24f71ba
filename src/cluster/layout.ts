/**
 * The layout of a deployment: routers and loggers (nodes, pools and stores come with the cluster). It is part of the
 * deployment (rules.md 8), never changed while it runs. `parseLayout` is the only way in.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { parsePrefix, type Prefix } from "../protocol/topic.ts";

/** One TopicRouter: it owns the topics whose longest matching prefix in the table is `prefix`. */
interface RouterEntry {
  readonly name: string;
  readonly prefix: Prefix;
}

/** One LogWriter. A disabled one takes no new batches, but repeats and reads go on. */
interface LoggerEntry {
  readonly name: string;
  readonly enabled: boolean;
}

/** What a JSON v1 reader may be sent: it cannot say how fast it reads (rules.md 14). */
interface ReaderAllowance {
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
}

export interface Layout {
  /** Sorted by prefix; exactly one has the empty prefix. */
  readonly routers: readonly RouterEntry[];
  readonly loggers: readonly LoggerEntry[];
  readonly jsonReader: ReaderAllowance;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** A layout from what src/site/layout.ts or the LAYOUT variable holds. Throws `invalid_layout` naming the field. */
export function parseLayout(input: unknown): Layout {
  const root = record(input, "layout");
  const routers = list(root["routers"] ?? [{ name: "main", prefix: "" }], "routers").map((item, i) => {
    const entry = record(item, `routers[${i}]`);
    return {
      name: name(entry["name"], `routers[${i}].name`),
      prefix: parsePrefix(text(entry["prefix"], `routers[${i}].prefix`)),
    };
  });
  const loggers = list(root["loggers"] ?? [], "loggers").map((item, i) => {
    const entry = record(item, `loggers[${i}]`);
    const enabled = entry["enabled"] ?? true;
    if (typeof enabled !== "boolean") invalid(`loggers[${i}].enabled must be true or false`);
    return { name: name(entry["name"], `loggers[${i}].name`), enabled };
  });
  if (routers.length > LIMITS.routersMax)
    invalid(`${routers.length} routers, at most ${LIMITS.routersMax} are allowed`);
  unique(
    routers.map((r) => r.name),
    "router names",
  );
  unique(
    routers.map((r) => r.prefix),
    "router prefixes",
  );
  unique(
    loggers.map((l) => l.name),
    "logger names",
  );
  if (!routers.some((r) => r.prefix === ""))
    invalid(`routers must hold one with the prefix "", for all other topics`);
  return {
    routers: routers.toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1)),
    loggers,
    jsonReader: allowance(root["jsonReader"] ?? {}),
  };
}

function allowance(v: unknown): ReaderAllowance {
  const entry = record(v, "jsonReader");
  return {
    bytesPerSecond: positive(
      entry["bytesPerSecond"] ?? LIMITS.readerBytesPerSecond,
      "jsonReader.bytesPerSecond",
    ),
    burstBytes: positive(entry["burstBytes"] ?? LIMITS.readerBurstBytes, "jsonReader.burstBytes"),
  };
}

function positive(v: unknown, field: string): number {
  return typeof v === "number" && Number.isSafeInteger(v) && v > 0
    ? v
    : invalid(`${field} must be a positive integer`);
}

function invalid(message: string): never {
  throw new FabricError("invalid_layout", message);
}

function record(v: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof v !== "object" || v === null || Array.isArray(v)) return invalid(`${field} must be an object`);
  return v as Record<string, unknown>;
}

function list(v: unknown, field: string): readonly unknown[] {
  return Array.isArray(v) ? (v as unknown[]) : invalid(`${field} must be an array`);
}

function text(v: unknown, field: string): string {
  return typeof v === "string" ? v : invalid(`${field} must be a string`);
}

function name(v: unknown, field: string): string {
  const s = text(v, field);
  return NAME.test(s) ? s : invalid(`${field} must match ${NAME.source}`);
}

function unique(all: readonly string[], what: string): void {
  if (new Set(all).size !== all.length) invalid(`${what} must be unique`);
}
