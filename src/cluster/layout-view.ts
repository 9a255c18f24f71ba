/** The layout as people and programs look at it: where each setting comes from, and what to know about it. */
import { textOf } from "../protocol/topic.ts";
import { loggerOverride, type LayoutDocument } from "./layout-document.ts";
import type { Layout } from "./layout.ts";

/** src/site/layout.ts, the LAYOUT variable, or a change at run time. */
export type LayoutSource = "site" | "variable" | "operator";

/** The answer of `GET /v1/cluster`. */
export interface LayoutView {
  /** Of the run-time part; rises with each change. */
  readonly epoch: number;
  readonly routers: readonly {
    readonly name: string;
    readonly prefix: string;
    readonly source: LayoutSource;
  }[];
  readonly loggers: readonly {
    readonly name: string;
    readonly enabled: boolean;
    /** What the deployment says. */
    readonly deployed: boolean;
    readonly source: LayoutSource;
  }[];
  readonly jsonReader: {
    readonly bytesPerSecond: number;
    readonly burstBytes: number;
    readonly source: LayoutSource;
  };
}

/** The merged layout; `source` is where the deployed one comes from. */
export function viewLayout(
  deployed: Layout,
  source: Exclude<LayoutSource, "operator">,
  document: LayoutDocument,
): LayoutView {
  return {
    epoch: document.epoch,
    routers: deployed.routers.map(({ name, prefix }) => ({ name, prefix: textOf(prefix), source })),
    loggers: deployed.loggers.map(({ name, enabled }) => {
      const override = loggerOverride(document, name);
      return {
        name,
        enabled: override ?? enabled,
        deployed: enabled,
        source: override === undefined ? source : "operator",
      };
    }),
    jsonReader: { ...deployed.jsonReader, source },
  };
}

/** Something that a valid layout makes true and that one should know. */
export interface LayoutFinding {
  readonly code: "order_per_router" | "no_logger_enabled" | "one_logger_enabled";
  readonly message: string;
}

/** What to know about a layout; nothing for one router and two or more enabled loggers. */
export function checkLayout({ routers, loggers }: Pick<LayoutView, "routers" | "loggers">): LayoutFinding[] {
  const findings: LayoutFinding[] = [];
  for (const { name, prefix } of routers) {
    const parent = routers
      .filter((other) => other.prefix !== prefix && prefix.startsWith(other.prefix))
      .reduce((a, b) => (a === undefined || b.prefix.length > a.prefix.length ? b : a), NONE);
    if (parent === undefined) continue;
    findings.push({
      code: "order_per_router",
      message:
        `router ${name} splits "${prefix}" from "${parent.prefix}" of router ${parent.name}: events of one ` +
        `publisher keep their order on each of the two, not across them (R9)`,
    });
  }
  const enabled = loggers.filter((logger) => logger.enabled);
  if (enabled.length === 0) {
    findings.push({
      code: "no_logger_enabled",
      message: "no logger is enabled: log batches are refused, and shippers stop",
    });
  } else if (enabled.length === 1) {
    findings.push({
      code: "one_logger_enabled",
      message: `only ${enabled[0]!.name} is enabled: log batches wait while it is out of reach`,
    });
  }
  return findings;
}

const NONE: LayoutView["routers"][number] | undefined = undefined;
