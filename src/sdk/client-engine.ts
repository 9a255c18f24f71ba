/**
 * What the shell (client.ts) asks of a protocol engine, and what engines ask of the shell. Two implement it: engine.ts
 * (native) and json-engine.ts (JSON v1). Both are pure: input and the time in, effects out.
 */
import type { FabricError } from "../base/errors.ts";
import type { FabricEvent } from "../protocol/event.ts";
import type { FrameOf, Gap, LogBatchFrame, Position, Segment } from "../protocol/frame.ts";
import type { Prefix, Topic } from "../protocol/topic.ts";
import type { ClientStatus, ConnectorEffect } from "./connector.ts";
import type { Delivery } from "./credit-ledger.ts";
import type { EventRun } from "./event-run.ts";
import type { History } from "./history.ts";
import type { EventRange } from "./publisher.ts";
import type { Welcome } from "./welcome.ts";

/** What the shell does for an engine, in order. */
export type ClientEffect =
  | ConnectorEffect
  | { readonly type: "send"; readonly connection: number; readonly message: Uint8Array | string }
  /** A peer of the right kind is there. */
  | { readonly type: "opened" }
  /** The connection stands: what the peer said of itself. */
  | { readonly type: "welcome"; readonly welcome: Welcome }
  /** This change of subscriptions is in force. */
  | { readonly type: "subscribed"; readonly id: number }
  | { readonly type: "refused"; readonly id: number; readonly error: FabricError }
  /** Events. The shell holds the delivery once; `taken` is to be called when it has been released by all. */
  | { readonly type: "delivery"; readonly delivery: Delivery; readonly runs: readonly EventRun[] }
  /** These publishes have got as far as the protocol tells. */
  | {
      readonly type: "published";
      readonly range: EventRange;
      readonly means: PublishMeans;
      readonly receivers: number | undefined;
    }
  | {
      readonly type: "publishRefused";
      /** Undefined where the peer does not say which it was. */
      readonly range: EventRange | undefined;
      readonly topics: readonly Topic[];
      readonly error: FabricError;
    }
  /** Every publish up to this number has its answer. */
  | { readonly type: "settled"; readonly upTo: number }
  | { readonly type: "gap"; readonly gap: Gap }
  | { readonly type: "recovered"; readonly position: Position; readonly complete: boolean }
  | { readonly type: "logAck"; readonly frame: FrameOf<"logAck"> }
  | { readonly type: "logRefused"; readonly frame: FrameOf<"logRefused"> }
  | { readonly type: "member"; readonly frame: MemberAnswer }
  /** The client has ended: by `close`, or by an error that trying again cannot mend. */
  | { readonly type: "closed"; readonly error: FabricError | undefined };

/** What a client says about nodes, and to those of pools; `ping` is its sign of life. */
export type MemberRequest = FrameOf<"join" | "watch" | "ping" | "publishPool">;

/** What it hears: an error is that of its join. */
export type MemberAnswer = FrameOf<"joined" | "view" | "error" | "handled" | "unhandled">;

/** The id of a client's join: a connection speaks for one node. Changes of subscriptions have lower ones. */
export const JOIN_ID = 2 ** 32 - 1;

/**
 * What the end of a publish means. `sequenced`: the event has its place in the order of its router, and is stored
 * where its topic is kept (rule 10). `sent`: it was handed to the connection (JSON v1 has no acknowledgement).
 */
export type PublishMeans = "sequenced" | "sent";

export interface ClientEngine {
  readonly status: ClientStatus;
  /** When `tick` is due, or undefined. */
  readonly deadlineMs: number | undefined;
  /** Number of the event published last, and of the last one before the first that waits for its answer. */
  readonly pushed: number;
  readonly settled: number;
  /** Events that have come and that nobody has taken, bytes. */
  readonly heldBytes: number;

  /** Takes the effects gathered since the last call. */
  drain(): readonly ClientEffect[];
  /** Makes the first connection. */
  start(nowMs: number): void;
  /** The socket of this connection is open. */
  connected(connection: number, nowMs: number): void;
  /** A message came on it. */
  received(connection: number, message: Uint8Array | string, nowMs: number): void;
  /** It is gone, or could not be opened; `error` is what the shell knows of the reason. */
  disconnected(connection: number, nowMs: number, error?: FabricError): void;
  tick(nowMs: number): void;
  /** Ends the client. What is not acknowledged is lost. */
  close(): void;

  /** Adds prefixes. The change is in force when `subscribed` names the id that this returns. */
  subscribe(prefixes: readonly Prefix[], history?: History): number;
  /** Takes prefixes away that no other subscription wants. In force as with `subscribe`. */
  unsubscribe(prefixes: readonly Prefix[]): number;
  /**
   * Publishes an event with the next `flush`; `wantsReceipt` when its readers are to be counted, where the protocol can.
   * Throws `publisher_too_fast`, `invalid_data` or `too_large`.
   */
  publish(topic: Topic, event: FabricEvent, wantsReceipt?: boolean): void;
  /** Publishes a canonical JSON v1 message with the next `flush`. Throws like `publish`. */
  publishText(topic: Topic, text: string): void;
  /** Publishes segments with the next `flush`. Throws like `publish`. */
  publishSegments(segments: readonly Segment[]): void;
  /** Sends what has gathered. To be called in the macrotask after a publish or a change of subscriptions. */
  flush(nowMs: number): void;
  /** Some delivery has been released by all its holders. */
  taken(nowMs: number): void;
  /** Sends a frame of the log path; false without a connection: then it is to be sent again after `welcome`. */
  sendLog(frame: LogBatchFrame | FrameOf<"logResume">): boolean;
  /** Sends a frame about nodes; false without a native connection: then it is to be sent again after `welcome`. */
  sendMember(frame: MemberRequest): boolean;
}
