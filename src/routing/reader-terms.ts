/** The terms on which a reader is served: policy, window and queue, within the bounds of the deployment. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Options } from "../protocol/frame.ts";
import { parseOverflow, type Overflow } from "../protocol/overflow.ts";

/** How a reader wants to be served: what its hello says, within the bounds of the deployment. */
export interface ReaderTerms {
  readonly overflow: Overflow;
  readonly windowBytes: number;
  readonly queueBytes: number;
  /** Whether it takes each stream by itself, and so can be sent again what is kept. */
  readonly resume: boolean;
}

/** The terms in a hello's options. Throws `invalid_message` naming the option. */
export function parseTerms(options: Options): ReaderTerms {
  return {
    overflow: parseOverflow(options["overflow"]),
    windowBytes: bounded(options["window"], "window", LIMITS.readerWindowBytes, LIMITS.readerWindowBytesMax),
    queueBytes: bounded(options["queue"], "queue", LIMITS.readerQueueBytes, LIMITS.readerQueueBytesMax),
    resume: options["resume"] === true,
  };
}

function bounded(value: unknown, name: string, fallback: number, max: number): number {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
    throw new FabricError("invalid_message", `${name} must be a positive integer of bytes`);
  }
  return Math.min(value, max);
}
