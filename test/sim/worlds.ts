/** The worlds that `npm run sim` knows: each runs one seed, throws `Violation`, and answers the faults by kind. */
import type { WorldOptions } from "./kit/world.ts";
import { runFabricWorld } from "./fabric-world.ts";
import { runLogsWorld } from "./logs-world.ts";

export const WORLDS: Readonly<Record<string, (options: WorldOptions) => ReadonlyMap<string, number>>> = {
  logs: runLogsWorld,
  fabric: runFabricWorld,
};
