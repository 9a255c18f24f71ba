/** What a session of either kind needs to publish to nodes of pools: a chooser, and news for it. */
import { LIMITS } from "../base/limits.ts";
import type { Layout } from "../cluster/layout.ts";
import type { FabricEnv } from "./env.ts";
import { currentLayout } from "./layout-copy.ts";
import { isolatePools } from "./membership-link.ts";
import { poolCounts } from "./pool-counts.ts";
import { SessionPools } from "../membership/pool-chooser.ts";

/** @param changed The pools may have changed. */
export function sessionPools(
  layout: Layout,
  env: FabricEnv,
  ctx: Pick<ExecutionContext, "waitUntil">,
  changed: () => void,
): SessionPools {
  isolatePools.use(layout);
  let askedMs = Date.now();
  const refresh = () => {
    const nowMs = Date.now();
    if (nowMs - askedMs < LIMITS.layoutCacheMs) return;
    askedMs = nowMs;
    const taken = (newest: Layout) => {
      isolatePools.use(newest);
      changed();
    };
    // One that contradicts itself leaves the pools as they are.
    currentLayout(env, ctx).then(taken, () => {});
  };
  return new SessionPools(isolatePools, { refresh, emptied: (pool) => poolCounts.emptied(pool, env, ctx) });
}
