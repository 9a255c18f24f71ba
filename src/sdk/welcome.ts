/** What the fabric says of itself when it takes a connection. */
import { parseLogging, type Logging } from "../cluster/log-routes.ts";
import type { FrameOf, InstanceId } from "../protocol/frame.ts";
import { fromBytes } from "../protocol/topic.ts";

/** A logger of the fabric's layout. */
export interface LoggerInfo {
  readonly name: string;
  readonly enabled: boolean;
}

/** What the fabric said when it took the connection. */
export interface Welcome {
  /** Name of this connection, unique in the fabric. */
  readonly endpoint: string;
  /** Version of the server. */
  readonly server: string;
  readonly loggers: readonly LoggerInfo[];
  /** Which topics log records have. */
  readonly logging: Logging;
  /** What other peers see as the publisher of this client's events; undefined where the server does not say. */
  readonly publisher: InstanceId | undefined;
}

/** Reads a welcome frame; what is missing in it is empty here. */
export function welcomeOf(frame: FrameOf<"welcome">): Welcome {
  const { server, loggers, logging, publisher } = frame.options;
  return {
    endpoint: frame.endpoint,
    server: typeof server === "string" ? server : "",
    loggers: Array.isArray(loggers) ? loggers.filter(isLogger) : [],
    logging: parseLogging(logging),
    publisher: publisher instanceof Uint8Array ? fromBytes(publisher) : undefined,
  };
}

function isLogger(item: unknown): item is LoggerInfo {
  const logger = item as Partial<LoggerInfo> | null;
  return typeof logger?.name === "string" && typeof logger.enabled === "boolean";
}
