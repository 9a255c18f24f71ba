/**
 * The trunk between a router and a node that the fabric runs: the frames of any trunk, by calls, because an object that
 * holds a WebSocket of its own cannot sleep. Shapes of the calls.
 */
import type { NodeTrunk } from "./router-nodes.ts";

/** A frame of a router for a node; null for the end of the trunk. Numbers of one router rise and never come twice. */
export interface Push {
  readonly number: number;
  /** That of the trunk's hello: the node ignores what is for an older one. */
  readonly connection: number;
  readonly frame: Uint8Array | null;
}

export interface PushAnswer {
  /** Everything up to this number is taken, and its effects are durable. */
  readonly taken: number;
  /** What the node has to say to the router, on this connection. */
  readonly connection: number;
  readonly frames: readonly Uint8Array[];
}

/** What a router calls of a node. */
export interface NodeCalls {
  /** Wakes the node: it runs and subscribes. */
  attach(): Promise<void>;
  push(router: string, pushes: readonly Push[]): Promise<PushAnswer>;
}

/** What a node calls of a router. */
export interface RouterCalls {
  /** Resolves when what the frames brought about is durable. */
  nodeFrames(trunk: NodeTrunk, frames: readonly Uint8Array[]): Promise<void>;
}
