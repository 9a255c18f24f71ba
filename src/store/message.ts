/**
 * What clients and a master say to each other, as values. Keys, values and batches are bytes already, so their frames
 * are a head and a copy. A client is whoever writes or asks; it may have a clone besides.
 */
import type { ErrorCode } from "../base/errors.ts";
import type { InstanceId } from "../protocol/frame.ts";
import type { CommandResult, Encoded, QueryAnswer, StoreCommand, StoreQuery } from "./command.ts";

/** Where a clone stands: it shows what a master of this epoch had done up to `seq` (rule 24). */
export interface StorePosition {
  readonly epoch: number;
  readonly seq: number;
}

/** From a client to its master. */
export type ToMaster =
  /** The first message of a trunk (rule 1). `instance`: the publisher id, by which others know the client. */
  | { readonly type: "open"; readonly instance: InstanceId; readonly connection: number }
  /**
   * Commands with consecutive numbers from `number` on. The client has, or does not want, the results of all below
   * `first`. `ageMs`: sent again; how long ago the first of them was sent for the first time, or longer.
   */
  | {
      readonly type: "commands";
      readonly first: number;
      readonly number: number;
      readonly ageMs: number | undefined;
      readonly commands: readonly StoreCommand[];
    }
  | { readonly type: "query"; readonly id: number; readonly query: StoreQuery }
  /**
   * The client has a clone that stands at `position`, or nowhere, and takes so many bytes of the stream that it asks
   * for. The number of a stream is the client's, ever higher on a trunk; a new stream ends the one before.
   */
  | {
      readonly type: "attach";
      readonly stream: number;
      readonly position: StorePosition | undefined;
      readonly grantedBytes: number;
    }
  /** All that the clone will take of this stream, from its beginning on. */
  | { readonly type: "credit"; readonly stream: number; readonly grantedBytes: number }
  | { readonly type: "detach" };

/**
 * One message of the stream to a clone; they are numbered from 0 on. It begins with `attached`. `rows` are of a
 * snapshot; `reset`: the first of one that replaces everything, otherwise it stands for the changes since the clone's
 * position. Nothing of snapshots, nor of deltas behind them, is to be shown before `synced`. Deltas come in order,
 * without gaps, from the position or the base of the last snapshot on.
 */
export type StreamMessage =
  | { readonly type: "attached"; readonly epoch: number }
  | {
      readonly type: "rows";
      readonly reset: boolean;
      /** Deltas that come behind the snapshot begin after this. */
      readonly base: number;
      readonly erased: readonly Encoded[];
      readonly rows: readonly { readonly key: Encoded; readonly value: Encoded }[];
    }
  /** A batch of changes as in change.ts; those up to where the clone stands already are to be skipped. */
  | { readonly type: "deltas"; readonly batch: Uint8Array }
  /** The clone has everything up to `seq`. */
  | { readonly type: "synced"; readonly seq: number };

/** What a row takes in a message besides its key and value, bytes. */
const ROW_OVERHEAD_BYTES = 16;

/** What a message counts for in the credit of its stream, bytes. */
export function creditBytes(message: StreamMessage): number {
  if (message.type === "deltas") return message.batch.length;
  if (message.type !== "rows") return 0;
  let bytes = ROW_OVERHEAD_BYTES;
  for (const key of message.erased) bytes += ROW_OVERHEAD_BYTES + key.length;
  for (const { key, value } of message.rows) bytes += ROW_OVERHEAD_BYTES + key.length + value.length;
  return bytes;
}

/** A result with the number of its command. */
export type NumberedResult = CommandResult & { readonly number: number };

/** From a master to a client. */
export type ToClient =
  /** There is a master on this trunk: clones attach, unanswered commands come again. */
  | { readonly type: "master"; readonly epoch: number; readonly seq: number }
  /** `durable`: stored, or else only accepted (rule 25). */
  | { readonly type: "results"; readonly durable: boolean; readonly results: readonly NumberedResult[] }
  /** Commands were missed: they are to be sent again from `number` on. */
  | { readonly type: "expected"; readonly number: number }
  | { readonly type: "answer"; readonly id: number; readonly answer: QueryAnswer }
  | {
      readonly type: "stream";
      readonly stream: number;
      readonly index: number;
      readonly message: StreamMessage;
    }
  /** The trunk ends with it. */
  | { readonly type: "error"; readonly code: ErrorCode; readonly message: string };

/** What a master wants done, in this order, when the turn is committed. An error is the last message of its trunk. */
export interface StoreEffect {
  readonly trunk: string;
  readonly message: ToClient;
}
