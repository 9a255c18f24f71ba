/** The loss ledgers as metrics: one for each count, labelled with its router; sessions are those of one isolate. */
import type { RouterLedgerView } from "../routing/ledger.ts";
import type { LedgerView } from "./ledger-route.ts";
import type { Metric } from "./metrics.ts";
import { poolCounts } from "./pool-counts.ts";

type RouterCount = keyof RouterLedgerView["publishers"] | keyof RouterLedgerView["readers"];

const ROUTER_COUNTS = {
  received: ["counter", "Events in publishes that came to the router."],
  published: ["counter", "Events sequenced."],
  repeats: ["counter", "Events that were sequenced before, and so not again."],
  refused: ["counter", "Events for one node of a pool that found nobody there."],
  held: ["gauge", "Events that wait to be sequenced."],
  offered: ["counter", "Events that matched live readers, once for each."],
  replayed: ["counter", "Events sent from what is kept."],
  delivered: ["counter", "Events that readers have acknowledged."],
  inFlight: ["gauge", "Events sent and not acknowledged."],
  queued: ["gauge", "Events that wait for the credit of readers."],
  withdrawn: ["counter", "Events left to what is kept."],
  unaccounted: [
    "gauge",
    "Events on their way when a reader or the router was cut off: at most so many are lost.",
  ],
} as const satisfies Record<RouterCount, readonly [Metric["type"], string]>;

/** Metrics of all ledgers. */
export function ledgerMetrics({ routers, sessions }: LedgerView): readonly Metric[] {
  const counts = Object.entries(ROUTER_COUNTS).map(([name, [type, help]]): Metric => {
    const of = (router: RouterLedgerView) =>
      ({ ...router.publishers, ...router.readers })[name as RouterCount];
    return {
      name: `selvedge_router_${snake(name)}_events${type === "counter" ? "_total" : ""}`,
      help,
      type,
      samples: routers.map((router) => [{ router: router.router }, of(router)]),
    };
  });
  return [
    ...counts,
    {
      name: "selvedge_router_dropped_events_total",
      help: "Events that readers did not get, by reason.",
      type: "counter",
      samples: byReason(routers, "dropped"),
    },
    {
      name: "selvedge_router_gaps_total",
      help: "Gap notices sent to readers, by reason.",
      type: "counter",
      samples: byReason(routers, "gaps"),
    },
    {
      name: "selvedge_router_ledger_balanced",
      help: "Whether the router's loss ledger balances.",
      type: "gauge",
      samples: routers.map(({ router, problems }) => [{ router }, Number(problems.length === 0)]),
    },
    poolCounts.metric(sessions.isolate),
    {
      name: "selvedge_sessions",
      help: "Open sessions of the isolate that answers.",
      type: "gauge",
      samples: [[{ isolate: sessions.isolate }, sessions.open]],
    },
    {
      name: "selvedge_sessions_events",
      help: "Events of the sessions of the isolate that answers, by side and what became of them.",
      type: "gauge",
      samples: (["publishers", "readers", "dropped"] as const).flatMap((side) =>
        Object.entries(sessions[side]).map(
          ([count, events]) => [{ isolate: sessions.isolate, side, count }, events] as const,
        ),
      ),
    },
  ];
}

function byReason(routers: readonly RouterLedgerView[], side: "dropped" | "gaps"): Metric["samples"] {
  return routers.flatMap((router) =>
    Object.entries(router[side]).map(
      ([reason, count]) => [{ router: router.router, reason }, count] as const,
    ),
  );
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
