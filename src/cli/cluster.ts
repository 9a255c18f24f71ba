/** `selvedge cluster show|enable|disable|check`: the layout in force, and what operators change of it at run time. */
import type { CAC } from "cac";
import { EMPTY_DOCUMENT } from "../cluster/layout-document.ts";
import { checkLayout, viewLayout, type LayoutSource, type LayoutView } from "../cluster/layout-view.ts";
import { EXIT } from "./exit.ts";
import { readLayout } from "./layout-file.ts";
import { formatTable } from "./table.ts";
import { request, targetOf, type TargetOptions } from "./target.ts";

const SOURCES: Readonly<Record<LayoutSource, string>> = {
  site: "src/site/layout.ts",
  variable: "LAYOUT variable",
  operator: "changed at run time",
};

export function registerCluster(cli: CAC): void {
  cli
    .command("cluster show", "Print the layout in force, and where each setting comes from")
    .example("selvedge cluster show")
    .example("selvedge cluster show --json | jq .loggers")
    .action(show);
  cli
    .command("cluster enable <logger>", "Let a logger take new batches again, without a deploy")
    .example("selvedge cluster enable logger-1")
    .action(async (logger: string, options: TargetOptions) => change(logger, true, options));
  cli
    .command("cluster disable <logger>", "Let a logger take no new batches, without a deploy")
    .example("selvedge cluster disable logger-1")
    .action(async (logger: string, options: TargetOptions) => change(logger, false, options));
  cli
    .command(
      "cluster check [file]",
      "Check a layout (JSON, or a module like src/site/layout.ts) or the running one",
    )
    .example("selvedge cluster check layout.json")
    .example("selvedge cluster check src/site/layout.ts")
    .action(check);
}

async function show(options: TargetOptions): Promise<number> {
  print(await running(options), options);
  return EXIT.ok;
}

async function change(logger: string, enabled: boolean, options: TargetOptions): Promise<number> {
  const path = `/v1/cluster/loggers/${encodeURIComponent(String(logger))}`;
  const response = await request(targetOf(options), "PUT", path, { enabled });
  const view = (await response.json()) as LayoutView;
  print(view, options);
  const told = checkLayout(view).filter(({ code }) => code !== "order_per_router");
  if (!options.json) for (const { message } of told) console.error(`selvedge: note: ${message}`);
  return EXIT.ok;
}

/** Prints what to know about the layout. Throws `invalid_layout` for a file that is none. */
async function check(file: string | undefined, options: TargetOptions): Promise<number> {
  const view =
    file === undefined
      ? await running(options)
      : viewLayout((await readLayout(String(file))).layout, "site", EMPTY_DOCUMENT);
  const findings = checkLayout(view);
  if (options.json) {
    console.log(JSON.stringify({ valid: true, findings }));
    return EXIT.ok;
  }
  for (const { message } of findings) console.log(`note: ${message}`);
  const counts = `${view.routers.length} routers, ${view.loggers.length} loggers`;
  console.log(`the layout is valid: ${counts}`);
  return EXIT.ok;
}

async function running(options: TargetOptions): Promise<LayoutView> {
  return (await (await request(targetOf(options), "GET", "/v1/cluster")).json()) as LayoutView;
}

function print(view: LayoutView, options: TargetOptions): void {
  if (options.json) {
    console.log(JSON.stringify(view));
    return;
  }
  const { epoch, routers, loggers, jsonReader } = view;
  const allowance = `${jsonReader.bytesPerSecond} bytes/s, burst ${jsonReader.burstBytes} bytes`;
  const rows = [
    ...routers.map((r) => ["router", r.name, `prefix "${r.prefix}"`, SOURCES[r.source]]),
    ...loggers.map((l) => ["logger", l.name, l.enabled ? "enabled" : "disabled", SOURCES[l.source]]),
    ["JSON v1 readers", "", allowance, SOURCES[jsonReader.source]],
  ];
  console.log(formatTable(["what", "name", "setting", "from"], rows));
  console.log(`epoch ${epoch}: changes at run time since the fabric was made`);
}
