/** `GET /metrics`: figures of routers and loggers in Prometheus' text format 0.0.4. A scrape wakes them. */
import type { Grant } from "../protocol/grant.ts";
import { deployedLayout } from "../site/deployed.ts";
import { assertOperator } from "./auth.ts";
import type { FabricEnv } from "./env.ts";
import { ledgerMetrics } from "./ledger-metrics.ts";
import { readLedgers } from "./ledger-route.ts";
import { VERSION } from "./version.ts";

/** One metric: a name, what it counts, and its samples by their labels. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly samples: readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];
}

/** The text of metrics. */
export function formatMetrics(metrics: readonly Metric[]): string {
  return metrics
    .map(({ name, help, type, samples }) => {
      const lines = samples.map(([labels, value]) => {
        const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
        return `${name}{${pairs.join(",")}} ${value}\n`;
      });
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
    })
    .join("");
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** Answers with the figures of every router and logger of the layout. Throws `forbidden` for all but operators. */
export async function metricsOf(env: FabricEnv, grant: Grant): Promise<Response> {
  assertOperator(grant);
  const layout = deployedLayout(env.LAYOUT);
  const [ledgers, routers, loggers] = await Promise.all([
    readLedgers(env),
    Promise.all(layout.routers.map(async ({ name }) => env.ROUTER.getByName(name).stat())),
    Promise.all(layout.loggers.map(async ({ name }) => env.LOGGER.getByName(name).stat())),
  ]);
  type RouterFigure = Exclude<Extract<keyof (typeof routers)[number], string>, "router">;
  type LoggerFigure = Exclude<Extract<keyof (typeof loggers)[number], string>, "logger">;
  const router = (name: string, figure: RouterFigure, type: Metric["type"], help: string): Metric => ({
    name: `selvedge_router_${name}`,
    help,
    type,
    samples: routers.map((stat) => [{ router: stat.router }, stat[figure]]),
  });
  const logger = (name: string, figure: LoggerFigure, type: Metric["type"], help: string): Metric => ({
    name: `selvedge_logger_${name}`,
    help,
    type,
    samples: loggers.map((stat) => [{ logger: stat.logger }, Number(stat[figure])]),
  });
  const text = formatMetrics([
    { name: "selvedge_info", help: "Version.", type: "gauge", samples: [[{ version: VERSION }, 1]] },
    router("frames", "seq", "counter", "Frames sequenced in this incarnation of the router."),
    router(
      "incarnation",
      "incarnation",
      "gauge",
      "Incarnation of the router; it rises with each unclean start.",
    ),
    router("trunks", "trunks", "gauge", "Connections of sessions to the router."),
    ...ledgerMetrics(ledgers),
    logger("enabled", "enabled", "gauge", "Whether the logger takes new batches."),
    logger("writers", "writers", "gauge", "Writers whose position the logger remembers."),
    logger("buffered_batches", "bufferedBatches", "gauge", "Batches that R2 does not hold for certain."),
    logger("buffered_bytes", "bufferedBytes", "gauge", "Bytes of gzip of these batches."),
    logger(
      "planned_objects",
      "plannedObjects",
      "gauge",
      "Objects that are planned and not in R2 for certain.",
    ),
    logger("objects", "objects", "gauge", "Objects in R2."),
    logger("object_records", "objectRecords", "gauge", "Records in these objects."),
    logger("object_bytes", "objectBytes", "gauge", "Bytes of these objects."),
  ]);
  return new Response(text, { headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" } });
}
