/** The worlds that `npm run sim` knows: each runs one seed, throws `Violation`, and answers what it brought about. */
import type { Tally, WorldOptions } from "./kit/world.ts";
import { runClusterWorld } from "./cluster-world.ts";
import { runFabricWorld } from "./fabric-world.ts";
import { runLogsWorld } from "./logs-world.ts";

export const WORLDS: Readonly<Record<string, (options: WorldOptions) => Tally>> = {
  logs: runLogsWorld,
  fabric: runFabricWorld,
  cluster: runClusterWorld,
};
