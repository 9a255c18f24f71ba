/** What one pair of runs loads, and what comes of it. */
import type { LoadPlan, LoadResult, LoadTarget } from "../load/plan.ts";
import type { Server } from "../server.ts";
import type { Case } from "./cases.ts";

/**
 * Frames on their way from all publishers together: enough that a server always finds work (64 leave it idle between
 * them in 1→1), few enough that workerd goes on accepting connections.
 */
const IN_FLIGHT_FRAMES = 256;
const SLICE_MS = 250;
const WARMUP_MS = 500;

/** One pair: what was measured at the fabric and at the relay in the same seconds. */
export interface Pair {
  readonly fabric: LoadResult;
  readonly relay: LoadResult;
}

/** A server as the load process sees it. */
export const targetOf = (server: Server, dialect: LoadTarget["dialect"]): LoadTarget => ({
  dialect,
  origin: server.origin,
  pid: server.pid,
});

/** How often and how long a case loads each server within one pair. */
export function planOf(subject: Case, targets: readonly LoadTarget[], seconds: number): LoadPlan {
  const slices = Math.max(1, Math.round((seconds * 1000) / SLICE_MS));
  return {
    targets,
    shape: subject.shape,
    window: IN_FLIGHT_FRAMES / (subject.shape.groups * subject.shape.publishers),
    warmupMs: WARMUP_MS,
    sliceMs: SLICE_MS,
    slices,
  };
}
