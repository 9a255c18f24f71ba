/** What a log writer needs of a connection. Clients and `selvedge ship` make one of a client; tests make one in memory. */
import type { LoggerChoice } from "../logs/shipper.ts";
import type { FabricError } from "../base/errors.ts";
import type { FrameOf, LogBatchFrame } from "../protocol/frame.ts";

/** How long to try to reach a fabric that was never reached, ms: a wrong URL is more likely than a restart. */
export const FIRST_PATIENCE_MS = 10_000;

/** What the connection tells. It connects again by itself after `lost`. */
export interface LogLinkEvents {
  welcome(loggers: readonly LoggerChoice[]): void;
  /** There is no connection, for this reason if it is known. */
  lost(reason?: string): void;
  logAck(frame: FrameOf<"logAck">): void;
  logRefused(frame: FrameOf<"logRefused">): void;
  /** It has ended for good. */
  closed(error: FabricError | undefined): void;
}

export interface LogLink {
  /** Sends a frame; without a connection the frame is dropped, and `welcome` comes later. */
  send(frame: LogBatchFrame | FrameOf<"logResume">): void;
  close(): void;
}

/** Starts to connect. */
export type OpenLogLink = (events: LogLinkEvents) => LogLink;
