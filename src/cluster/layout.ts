/**
 * The layout of a deployment: routers and loggers (nodes, pools and stores come with the cluster). The router table is
 * part of the deployment and never changes while it runs (rules.md 8); what does is in layout-document.ts.
 * `parseLayout` is the only way in.
 */
import { LIMITS } from "../base/limits.ts";
import { parsePrefix, type Prefix } from "../protocol/topic.ts";
import { parseRetention, type Retention } from "./retention.ts";
import { assertUnique, flag, integer, invalid, list, name, record, text } from "./layout-fields.ts";

/** One TopicRouter: it owns the topics whose longest matching prefix in the table is `prefix`. */
interface RouterEntry {
  readonly name: string;
  readonly prefix: Prefix;
}

/** One LogWriter. A disabled one takes no new batches, but repeats and reads go on. */
export interface LoggerEntry {
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
  /** What routers keep for readers that come back; the longest matching prefix decides, without one nothing is kept. */
  readonly retention: readonly Retention[];
}

/** A layout from what src/site/layout.ts or the LAYOUT variable holds. Throws `invalid_layout` naming the field. */
export function parseLayout(input: unknown): Layout {
  const root = record(input, "layout");
  const table = root["routers"] ?? [{ name: "main", prefix: "" }];
  const routers = list(table, "routers", LIMITS.routersMax).map((item, i) => {
    const entry = record(item, `routers[${i}]`);
    return {
      name: name(entry["name"], `routers[${i}].name`),
      prefix: parsePrefix(text(entry["prefix"], `routers[${i}].prefix`)),
    };
  });
  assertUnique(
    routers.map((r) => r.name),
    "router names",
  );
  assertUnique(
    routers.map((r) => r.prefix),
    "router prefixes",
  );
  if (!routers.some((r) => r.prefix === ""))
    invalid(`routers must hold one with the prefix "", for all other topics`);
  return {
    routers: routers.toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1)),
    loggers: parseLoggers(root["loggers"] ?? []),
    jsonReader: allowance(root["jsonReader"] ?? {}),
    retention: parseRetention(root["retention"] ?? []),
  };
}

/** Loggers with unique names; enabled unless they say otherwise. Throws `invalid_layout`. */
export function parseLoggers(input: unknown): readonly LoggerEntry[] {
  const loggers = list(input, "loggers", LIMITS.loggersMax).map((item, i) => {
    const entry = record(item, `loggers[${i}]`);
    return {
      name: name(entry["name"], `loggers[${i}].name`),
      enabled: flag(entry["enabled"] ?? true, `loggers[${i}].enabled`),
    };
  });
  assertUnique(
    loggers.map((l) => l.name),
    "logger names",
  );
  return loggers;
}

function allowance(v: unknown): ReaderAllowance {
  const entry = record(v, "jsonReader");
  return {
    bytesPerSecond: integer(
      entry["bytesPerSecond"] ?? LIMITS.readerBytesPerSecond,
      "jsonReader.bytesPerSecond",
      1,
    ),
    burstBytes: integer(entry["burstBytes"] ?? LIMITS.readerBurstBytes, "jsonReader.burstBytes", 1),
  };
}
