/** What `selvedge cluster check` tells of a layout that is valid. */
import type { LayoutView } from "./layout-view.ts";

/** Something that a valid layout makes true and that one should know. */
export interface LayoutFinding {
  readonly code:
    | "contradiction"
    | "order_per_router"
    | "no_logger_enabled"
    | "one_logger_enabled"
    | "no_manager"
    | "manager_beside_loggers"
    | "empty_pool";
  readonly message: string;
}

/** What is looked at. */
type Checked = Pick<LayoutView, "routers" | "loggers" | "nodes" | "pools" | "settings" | "contradiction">;

/** What to know about a layout; nothing for one router, two or more enabled loggers, and a manager. */
export function checkLayout(view: Checked): LayoutFinding[] {
  return [...checkDocument(view), ...checkRouters(view), ...checkLoggers(view), ...checkNodes(view)];
}

function checkDocument({ contradiction }: Checked): LayoutFinding[] {
  if (contradiction === undefined) return [];
  const message = `what was changed at run time of nodes, pools and stores is left out: ${contradiction}`;
  return [{ code: "contradiction", message }];
}

function checkRouters({ routers }: Checked): LayoutFinding[] {
  return routers.flatMap(({ name, prefix }) => {
    const parent = routers
      .filter((other) => other.prefix !== prefix && prefix.startsWith(other.prefix))
      .reduce<LayoutView["routers"][number] | undefined>(
        (a, b) => (a === undefined || b.prefix.length > a.prefix.length ? b : a),
        undefined,
      );
    if (parent === undefined) return [];
    const message =
      `router ${name} splits "${prefix}" from "${parent.prefix}" of router ${parent.name}: events of one ` +
      `publisher keep their order on each of the two, not across them (R9)`;
    return [{ code: "order_per_router" as const, message }];
  });
}

function checkLoggers({ loggers }: Checked): LayoutFinding[] {
  const enabled = loggers.filter((logger) => logger.enabled);
  if (enabled.length === 0) {
    return [
      {
        code: "no_logger_enabled",
        message: "no logger is enabled: log batches are refused, and shippers stop",
      },
    ];
  }
  if (enabled.length > 1) return [];
  const message = `only ${enabled[0]!.name} is enabled: log batches wait while it is out of reach`;
  return [{ code: "one_logger_enabled", message }];
}

function checkNodes({ nodes, pools, settings }: Checked): LayoutFinding[] {
  const findings: LayoutFinding[] = [];
  const isThere = (type: string) => nodes.some(({ nodeType }) => nodeType === type);
  const others = nodes.filter(({ nodeType }) => nodeType !== "LOGGER");
  if (others.length > 0 && !isThere("MANAGER")) {
    findings.push({ code: "no_manager", message: "there is no manager: nobody has the manager's topic" });
  }
  if (settings.managerIsLogger && isThere("MANAGER") && isThere("LOGGER")) {
    const message = "the manager is a logger beside other loggers: it gets a share of the logs";
    findings.push({ code: "manager_beside_loggers", message });
  }
  for (const { name, nodeType, nodes: members, source } of pools) {
    if (members.length > 0 || source === undefined) continue;
    const message = `pool ${name} is empty: publishes to it reach nobody (it wants ${nodeType} nodes)`;
    findings.push({ code: "empty_pool", message });
  }
  return findings;
}
