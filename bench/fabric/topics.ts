/** One topic to many: each frame under the next of them, all to one subscriber of their common prefix. */
import { compare } from "../compare.ts";
import type { LoadProcess } from "../load/load-process.ts";
import { runRounds, targetOf } from "../load/rounds.ts";
import { startFabricServer, using } from "../server.ts";
import type { BenchOptions, BenchResult } from "../subject.ts";
import { FULL } from "./cases.ts";
import { WINDOW } from "./throughput.ts";

/** The last is past what the fabric's caches of topics hold. */
const COUNTS = [1, 100, 10_000];

/** Names of the sides. */
export const TOPIC_SIDES = COUNTS.map((count) => `${count} topic${count === 1 ? "" : "s"}`);

/** Runs the same load over the counts of topics, on a fabric each. */
export function topics(load: LoadProcess, options: BenchOptions): Promise<BenchResult> {
  const { seconds, pairs: rounds, print } = options;
  return using(
    COUNTS.map(() => startFabricServer),
    async (servers) => {
      const targets = servers.map((server, i) => ({
        ...targetOf(server, "native"),
        shape: { topics: COUNTS[i]! },
      }));
      const results = await runRounds(load, targets, FULL, { window: WINDOW, seconds, rounds });
      const sides = TOPIC_SIDES.map((name, i) => ({
        name,
        results: results.map((round) => round[i]!),
      }));
      return compare({ name: "topics", isTimed: false, sides, print });
    },
  );
}
