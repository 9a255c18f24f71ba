/** What a client may be told when it connects. */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Options } from "../protocol/frame.ts";
import type { Overflow } from "../protocol/overflow.ts";

export interface ConnectOptions {
  /** Bearer token; an open fabric needs none. */
  readonly token?: string | undefined;
  /** Name and type of the node that this client is. */
  readonly name?: string | undefined;
  readonly nodeType?: string | undefined;
  /**
   * Bytes of events that one router may send this client before it has consumed them, and so what a reader that stops
   * costs here; by default `LIMITS.readerWindowBytes`. JSON v1 has no such window.
   */
  readonly windowBytes?: number | undefined;
  /** What the fabric does when this client falls behind: `drop_oldest` (the default), `drop_newest`, `block`, `disconnect`. */
  readonly overflow?: Overflow | undefined;
  /** Bytes that may wait in the fabric for this client when it is behind; by default `LIMITS.readerQueueBytes`. */
  readonly queueBytes?: number | undefined;
  /** Where replies to requests come, by default `selvedge/reply/`; what follows is random. A token must grant it. */
  readonly replyPrefix?: string | undefined;
  /** Ends the client, also while it connects. */
  readonly signal?: AbortSignal | undefined;
}

/** The window in the options. Throws `invalid_data` for what is no number of bytes within the bounds. */
export function windowOf({ windowBytes = LIMITS.readerWindowBytes }: ConnectOptions): number {
  return bytes(windowBytes, "windowBytes", LIMITS.readerWindowBytesMax);
}

/** The options of a hello. Throws like `windowOf`. */
export function helloOf({ name, nodeType, overflow, queueBytes }: ConnectOptions): Options {
  return {
    client: "selvedge-sdk",
    ...(name === undefined ? {} : { name }),
    ...(nodeType === undefined ? {} : { nodeType }),
    ...(overflow === undefined ? {} : { overflow }),
    ...(queueBytes === undefined
      ? {}
      : { queue: bytes(queueBytes, "queueBytes", LIMITS.readerQueueBytesMax) }),
  };
}

function bytes(value: number, name: string, max: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw new FabricError("invalid_data", `${name} must be a whole number from 1 to ${max}`);
}
