/** Frames about events for one node of a pool (PROTOCOL.md, "Pools"; rule 33). Shapes only. */
import type { ViewId } from "./member-frame.ts";
import type { Topic } from "./topic.ts";

/** Their type numbers, in those of frame.ts. */
export const POOL_FRAME = { publishPool: 11, poolEvents: 12, handled: 30, unhandled: 31 } as const;

/** How a node is chosen, on the wire. */
export const POOL_CHOICE = { hrw: 1, rr: 2, node: 3 } as const;

/**
 * `hrw`: the node that has the key, a value as in data/cbor-value.ts. `rr`: the node whose turn it is; each text has a
 * rotation of its own. `node`: the node of this name while it is alive, which its sender has chosen in turn; then the next one.
 */
export type PoolKey =
  | { readonly choice: "hrw"; readonly key: Uint8Array }
  | { readonly choice: "rr" | "node"; readonly key: string };

/** The view that a node was chosen in: one of Membership, through the pools with this digest. */
export interface PoolViewRef extends ViewId {
  readonly pools: number;
}

/** Events that go together to one node. */
interface PoolPayload {
  /** Of the publisher: no other one of the same instance has it. */
  readonly id: number;
  /** Events in `payload`. */
  readonly count: number;
  /** A CBOR sequence of events. */
  readonly payload: Uint8Array;
}

/** The same on their way to the node that was chosen. */
export interface PoolEvent extends PoolPayload {
  /** What the node subscribes to, byte for byte. */
  readonly topic: Topic;
}

export type PoolFrame =
  /** A peer publishes to one node of a pool. Answered once, by `handled` or `unhandled`. */
  | ({
      readonly type: "publishPool";
      /** Sent before, and not answered. */
      readonly repeat: boolean;
      readonly pool: string;
    } & PoolKey &
      PoolPayload)
  /** A session sends what it has chosen nodes for. */
  | {
      readonly type: "poolEvents";
      /** The choice may have been made before: where an earlier one of the same event is still under way, it holds. */
      readonly repeat: boolean;
      readonly view: PoolViewRef;
      readonly events: readonly PoolEvent[];
    }
  /** These are handled. `by`: to a peer the name of the node, to a session its topic as text. */
  | { readonly type: "handled"; readonly done: readonly { readonly id: number; readonly by: string }[] }
  /** Nobody has said that it handled this one. */
  | { readonly type: "unhandled"; readonly id: number; readonly code: string; readonly message: string };

export type PublishPoolFrame = Extract<PoolFrame, { type: "publishPool" }>;
export type PoolEventsFrame = Extract<PoolFrame, { type: "poolEvents" }>;
