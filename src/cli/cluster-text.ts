/** The layout and its changes as text for people. */
import type { LayoutApplied, LayoutSource, LayoutView } from "../cluster/layout-view.ts";
import { formatTable } from "./table.ts";

const SOURCES: Readonly<Record<LayoutSource, string>> = {
  site: "src/site/layout.ts",
  variable: "LAYOUT variable",
  operator: "changed at run time",
};

/** Every part of the layout, a line each, with where it comes from. */
export function formatView(view: LayoutView): string {
  const { epoch, routers, loggers, jsonReader, nodes, pools, stores } = view;
  const allowance = `${jsonReader.bytesPerSecond} bytes/s, burst ${jsonReader.burstBytes} bytes`;
  const isLogger = new Set(loggers.map(({ name }) => name));
  const rows = [
    ...routers.map((r) => ["router", r.name, `prefix "${r.prefix}"`, SOURCES[r.source]]),
    ...loggers.map((l) => ["logger", l.name, l.enabled ? "enabled" : "disabled", SOURCES[l.source]]),
    ...nodes
      .filter(({ name, nodeType }) => nodeType !== "LOGGER" || !isLogger.has(name))
      .map((n) => [n.nodeType.toLowerCase(), n.name, n.place, SOURCES[n.source]]),
    ...pools.map((p) => [
      "pool",
      p.name,
      poolText(p),
      p.source === undefined ? "built in" : SOURCES[p.source],
    ]),
    ...stores.map((s) => [
      "store",
      s.name,
      `${s.backend}, at ${s.masterNode ?? "the manager"}`,
      SOURCES[s.source],
    ]),
    ["JSON v1 readers", "", allowance, SOURCES[jsonReader.source]],
  ];
  return `${formatTable(["what", "name", "setting", "from"], rows)}\nepoch ${epoch}: changes at run time since the fabric was made`;
}

/** Members that are named in full. */
const NAMED_MAX = 4;

function poolText({ topic, nodeType, nodes, maxNodes, exclusive }: LayoutView["pools"][number]): string {
  const named = nodes.length > NAMED_MAX ? `${nodes.slice(0, NAMED_MAX).join(" ")} …` : nodes.join(" ");
  const bounds = [maxNodes === undefined ? "" : `, at most ${maxNodes}`, exclusive ? ", exclusive" : ""].join(
    "",
  );
  return `${nodes.length} of ${nodeType}${bounds} under ${topic}${named === "" ? "" : `: ${named}`}`;
}

const SIGNS = { added: "+", removed: "-", changed: "~" } as const;

/** What changed, or would. */
export function formatDifference({ difference, applied, epoch }: LayoutApplied): string {
  if (difference.length === 0) return `nothing differs (epoch ${epoch})`;
  const lines = difference.map(({ section, name, change, fields }) => {
    const detail = fields.length === 0 ? "" : ` (${fields.join(", ")})`;
    return `${SIGNS[change]} ${section.slice(0, -1)} ${name}${detail}`;
  });
  const end = applied ? `in force, epoch ${epoch}` : "nothing was changed: a dry run";
  return [...lines, end].join("\n");
}
