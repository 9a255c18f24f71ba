/** What the bench asks of the load process and what it answers: plain data over the fork's channel. */
import type { DialectName } from "./dialects.ts";

/** A server under load. */
export interface LoadTarget {
  /** What its clients speak: see dialects.ts. */
  readonly dialect: DialectName;
  /** Origin of the server's own socket, `http://127.0.0.1:PORT`. */
  readonly origin: string;
  /** Process id of the server, whose CPU time and memory are read. */
  readonly pid: number;
  /** What is different from the plan's shape at this target. */
  readonly shape?: Partial<LoadShape>;
  /** Instead of the plan's window: a server of single events would take too long to empty the same. */
  readonly window?: number;
  /** Path that answers with figures of the server as JSON: asked before the measured slices and after them. */
  readonly probe?: string;
}

/** Who publishes and who subscribes. */
export interface LoadShape {
  /** Groups of publishers and subscribers, at most 10; each group has a topic of its own. */
  readonly groups: number;
  /** Publishers and subscribers of each group: every subscriber takes all events of its group. */
  readonly publishers: number;
  readonly subscribers: number;
  /** Frames (or events, where a client sends events) per second of each publisher; 0: as many as the window allows. */
  readonly rate: number;
  /** Events in a frame, for dialects of frames; by default 1. */
  readonly events?: number;
  /** Topics that each group's native publishers go round; by default 1. */
  readonly topics?: number;
  /** Connections that are open, and subscribed, beside the load, and get nothing. */
  readonly idle?: number;
}

/**
 * One pair of runs. The connections to all targets are opened first and closed last; between, the targets are loaded in
 * turn, in short slices (A B, B A, A B …), so that a machine whose speed changes within seconds treats them alike.
 */
export interface LoadPlan {
  readonly targets: readonly LoadTarget[];
  readonly shape: LoadShape;
  /** Events that a publisher may have sent beyond what its slowest subscriber has received. */
  readonly window: number;
  readonly warmupMs: number;
  readonly sliceMs: number;
  readonly slices: number;
}

export interface SliceCost {
  /** Events delivered. */
  readonly events: number;
  readonly serverSeconds: number;
}

/** What was measured at one target. */
export interface LoadResult {
  /** Events delivered in the measured slices, and per second of them. */
  readonly delivered: number;
  readonly perSecond: number;
  /** Over the whole run, warm-up included: events that did not arrive, and events out of order or repeated. */
  readonly lost: number;
  readonly disordered: number;
  /** Code and reason of connections that the server ended. */
  readonly closed: readonly string[];
  /** CPU of the server per delivered event, microseconds. */
  readonly serverUsPerEvent: number;
  /** What each measured slice cost the server, in order. */
  readonly slices: readonly SliceCost[];
  /** Cores in use, server and generator. */
  readonly serverCores: number;
  readonly loadCores: number;
  /** Publish to delivery, milliseconds; only with a rate. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Resident memory of the server: before load, after it, and its highest since it started, MiB. */
  readonly rssIdleMiB: number;
  readonly rssMiB: number;
  readonly rssPeakMiB: number;
  /** Memory that the idle connections took, each, KiB, and cores that the server used beside nothing else; 0 without any. */
  readonly idlePeerKiB: number;
  readonly idleCores: number;
  /** What the target's probe answered before and after. */
  readonly probed?: readonly [before: unknown, after: unknown];
}
