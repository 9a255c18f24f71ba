/** For tests that plant a defect in the world of events: makers of broken routers, and the seeds that notice. */
import type { StoredRouter } from "../../../src/routing/router-state.ts";
import { Router } from "../../../src/routing/router.ts";
import { runFabricWorld, type FabricParts } from "../fabric-world.ts";
import { failureOf } from "../kit/shrink.ts";
import { Violation } from "../kit/world.ts";
import type { MakeRouter } from "./router-host.ts";

const ENOUGH = 3;

/** The first seeds of `seeds` that fail with a plant, and what they say; each seed gets a plant of its own. */
export function caught(
  plant: (seed: number) => FabricParts,
  seeds: number,
): { readonly seed: number; readonly message: string }[] {
  const out: { seed: number; message: string }[] = [];
  for (let seed = 1; seed <= seeds && out.length < ENOUGH; seed++) {
    const failure = failureOf((options) => runFabricWorld(options, plant(seed)), { seed });
    if (failure === undefined) continue;
    if (!(failure instanceof Violation)) throw new Error(`seed ${seed} breaks`, { cause: failure });
    out.push({ seed, message: failure.message });
  }
  return out;
}

/** A router that starts from something else than what was stored. */
export const startingFrom =
  (change: (stored: StoredRouter) => StoredRouter): MakeRouter =>
  (options, stored, live, nowMs) =>
    new Router(options, change(stored), live, nowMs);
