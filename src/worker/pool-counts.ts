/** Choices that found a pool empty, counted by isolate, and told to Membership, which warns the cluster log. */
import { LIMITS } from "../base/limits.ts";
import { MEMBERSHIP_NAME } from "../membership/heartbeat.ts";
import type { FabricEnv } from "./env.ts";
import type { Metric } from "./metrics.ts";

interface Emptied {
  choices: number;
  toldMs: number;
}

class PoolCounts {
  readonly #pools = new Map<string, Emptied>();

  /** A choice found no live node. Membership hears of it at most once in `LIMITS.poolWarnMs`. */
  emptied(pool: string, env: Pick<FabricEnv, "MEMBERSHIP">, ctx: Pick<ExecutionContext, "waitUntil">): void {
    let emptied = this.#pools.get(pool);
    if (emptied === undefined) {
      emptied = { choices: 0, toldMs: -Infinity };
      this.#pools.set(pool, emptied);
    }
    emptied.choices++;
    const nowMs = Date.now();
    if (nowMs - emptied.toldMs < LIMITS.poolWarnMs) return;
    emptied.toldMs = nowMs;
    ctx.waitUntil(tell(pool, env));
  }

  /** The counter, for `GET /metrics`. */
  metric(isolate: string): Metric {
    return {
      name: "selvedge_pool_empty_choices_total",
      help: "Choices of the isolate that answers that found no live node in a pool.",
      type: "counter",
      samples: Array.from(this.#pools, ([pool, { choices }]) => [{ isolate, pool }, choices] as const),
    };
  }
}

export const poolCounts = new PoolCounts();

/** A warning that does not get through is lost: the publisher is told all the same. */
async function tell(pool: string, env: Pick<FabricEnv, "MEMBERSHIP">): Promise<void> {
  try {
    await env.MEMBERSHIP.getByName(MEMBERSHIP_NAME).poolEmpty(pool);
  } catch (error) {
    // oxlint-disable-next-line no-console -- the log of a Worker
    console.error(JSON.stringify({ event: "pool_warning_failed", pool, error: String(error) }));
  }
}
