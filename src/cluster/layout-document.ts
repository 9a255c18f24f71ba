/**
 * The run-time part of the layout: what operators change without a deploy, as one small document (rules.md 34). It is
 * laid over the deployed layout. The router table is not in it (rules.md 8).
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { flag, integer, name, record } from "./layout-fields.ts";
import { parseLoggers, type Layout, type LoggerEntry } from "./layout.ts";

export interface LayoutDocument {
  /** Rises with each change; 0 before the first. */
  readonly epoch: number;
  /** Loggers that were enabled or disabled at run time. */
  readonly loggers: readonly LoggerEntry[];
}

/** What an operator asks for. */
export interface LayoutChange extends LoggerEntry {
  readonly type: "logger";
}

/** The document before the first change. */
export const EMPTY_DOCUMENT: LayoutDocument = { epoch: 0, loggers: [] };

/** A document from storage or an answer. Throws `invalid_layout` naming the field. */
export function parseLayoutDocument(input: unknown): LayoutDocument {
  const root = record(input, "document");
  return { epoch: integer(root["epoch"], "epoch", 0), loggers: parseLoggers(root["loggers"]) };
}

/** A change from a call. Throws `invalid_layout` naming the field. */
export function parseLayoutChange(input: unknown): LayoutChange {
  const root = record(input, "change");
  if (root["type"] !== "logger") throw new FabricError("invalid_layout", 'change.type must be "logger"');
  return {
    type: "logger",
    name: name(root["name"], "change.name"),
    enabled: flag(root["enabled"], "change.enabled"),
  };
}

/**
 * The document after a change: the very same when nothing changes. An override that says what the deployed layout says
 * is not kept, so the deployment decides again; nor is one of a logger that is gone, which bounds their number. Throws
 * `unknown_logger` when the layout does not name it.
 */
export function changeDocument(
  document: LayoutDocument,
  { name: changed, enabled }: LayoutChange,
  deployed: Layout,
): LayoutDocument {
  const entry = deployed.loggers.find((logger) => logger.name === changed);
  if (entry === undefined) {
    throw new FabricError("unknown_logger", `the layout has no logger ${changed}`);
  }
  const override = entry.enabled === enabled ? undefined : enabled;
  if (loggerOverride(document, changed) === override) return document;
  const loggers = deployed.loggers.flatMap(({ name: logger }) => {
    const value = logger === changed ? override : loggerOverride(document, logger);
    return value === undefined ? [] : [{ name: logger, enabled: value }];
  });
  return { epoch: document.epoch + 1, loggers };
}

/** What the document says about a logger, or undefined. */
export function loggerOverride(document: LayoutDocument, logger: string): boolean | undefined {
  return document.loggers.find((entry) => entry.name === logger)?.enabled;
}

/** The layout in force. Overrides of loggers that the deployed layout does not name say nothing. */
export function mergeLayout(deployed: Layout, document: LayoutDocument): Layout {
  if (document.loggers.length === 0) return deployed;
  const loggers = deployed.loggers.map(({ name: logger, enabled }) => ({
    name: logger,
    enabled: loggerOverride(document, logger) ?? enabled,
  }));
  return { ...deployed, loggers };
}

const NOT_ASCII = /[\u0080-\uffff]/g;

/**
 * JSON in ASCII alone, because a call's argument travels in a header. Throws `too_large` past
 * `LIMITS.layoutDocumentBytesMax`.
 */
export function formatCall(argument: unknown): string {
  const escaped = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const text = JSON.stringify(argument).replaceAll(NOT_ASCII, escaped);
  assertSmall(text);
  return text;
}

/** What `formatCall` was given. Throws `too_large`, and `invalid_layout` for what is no JSON in ASCII. */
export function parseCall(text: unknown): unknown {
  if (typeof text !== "string") throw new FabricError("invalid_layout", "a call takes one text");
  assertSmall(text);
  if (text.search(NOT_ASCII) >= 0) throw new FabricError("invalid_layout", "a call is ASCII");
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FabricError("invalid_layout", "a call is JSON", { cause });
  }
}

function assertSmall(text: string): void {
  const max = LIMITS.layoutDocumentBytesMax;
  if (text.length > max) {
    throw new FabricError("too_large", `the document has ${text.length} bytes, at most ${max} are allowed`);
  }
}
