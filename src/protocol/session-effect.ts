/** What a session asks of its driver. */
import type { FrameOf, InstanceId, LogBatchFrame } from "./frame.ts";
import type { Prefix } from "./topic.ts";

/** What the driver does for the session. */
export type SessionEffect =
  /** Text messages to the peer, in order. */
  | { readonly type: "sendTexts"; readonly texts: readonly string[] }
  | { readonly type: "sendBytes"; readonly bytes: Uint8Array }
  | { readonly type: "close"; readonly code: number; readonly reason: string }
  | { readonly type: "openTrunk"; readonly router: string }
  | { readonly type: "sendTrunk"; readonly router: string; readonly bytes: Uint8Array }
  | { readonly type: "closeTrunk"; readonly router: string }
  /** For the log path, which is not an engine's: it inflates. */
  | { readonly type: "log"; readonly frame: LogBatchFrame | FrameOf<"logResume"> }
  /** For the trunk to Membership, which is not the engine's either; with who the peer is. */
  | {
      readonly type: "member";
      readonly frame: FrameOf<"join"> | FrameOf<"watch">;
      readonly instance: InstanceId;
      readonly connection: number;
    }
  /** From now on the session needs the view of who is there, to choose nodes of pools; with who the peer is. */
  | { readonly type: "needView"; readonly instance: InstanceId; readonly connection: number }
  /** The subscriptions of a JSON v1 client are in force; the ack follows. */
  | { readonly type: "acked"; readonly prefixes: readonly Prefix[] }
  /** The session is over and holds nothing any more. */
  | { readonly type: "done" };
