/** The load process: the bench forks it, so that the generator's work is on another core than the server's. */
import type { LoadPlan } from "./plan.ts";
import { runLoad } from "./run.ts";

process.on("message", (plan: LoadPlan) => {
  runLoad(plan).then(
    (results) => process.send?.({ results }),
    (error: unknown) =>
      process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
