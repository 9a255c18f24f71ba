/** A load process of the bench of joins: its share of the nodes, and its watchers. */
import { openNode } from "./node.ts";
import type { JoinPlan, JoinResult } from "./plan.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Open = Awaited<ReturnType<typeof openNode>>;

const POLL_MS = 20;

process.on("message", (plan: JoinPlan) => {
  run(plan).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));

/** Answers when all are joined and all has been seen, or at `endMs`; the nodes stay until the process ends. */
async function run(plan: JoinPlan): Promise<JoinResult> {
  const numbers: number[] = [];
  for (let n = plan.first; n < plan.nodes; n += plan.step) numbers.push(n);
  const tookMs: number[] = [];
  const closed: string[] = [];
  const sum: Mutable<Omit<JoinResult, "tookMs" | "closed" | "watchers">> = {
    joined: 0,
    lastJoinedMs: 0,
    seen: 0,
    lastSeenMs: 0,
    frames: 0,
    bytes: 0,
    departures: 0,
  };
  const open = (name: string | undefined, watches: boolean): Promise<Open> => {
    let hasSeen = false;
    return openNode(plan.origin, name, watches, {
      joined: (ms) => {
        sum.joined++;
        sum.lastJoinedMs = Date.now();
        tookMs.push(ms);
      },
      viewed: (view, bytes, departures) => {
        sum.frames++;
        sum.bytes += bytes;
        sum.departures += departures;
        if (hasSeen || view.nodes < plan.nodes) return;
        hasSeen = true;
        sum.seen++;
        sum.lastSeenMs = Date.now();
      },
      closed: (why) => void closed.push(why),
    });
  };
  for (let i = 0; i < plan.watchers; i++) await open(undefined, true);
  const opening = numbers.map(async (n) => {
    await until(plan.startMs + (plan.overMs * n) / plan.nodes);
    await open(`worker-${n + 1}`, false).catch((error: unknown) => closed.push(String(error)));
  });
  await Promise.all(opening);
  while (Date.now() < plan.endMs && (sum.joined < numbers.length || sum.seen < plan.watchers)) {
    await until(Date.now() + POLL_MS);
  }
  return { ...sum, tookMs, closed, watchers: plan.watchers };
}

function until(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms - Date.now())));
}
