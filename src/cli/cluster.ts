/** `selvedge cluster show|check|apply|enable|disable`: the layout in force, and what operators change at run time. */
import type { CAC } from "cac";
import { checkLayout } from "../cluster/layout-check.ts";
import { EMPTY_DOCUMENT } from "../cluster/layout-document.ts";
import { viewLayout, type LayoutApplied, type LayoutView } from "../cluster/layout-view.ts";
import { formatDifference, formatView } from "./cluster-text.ts";
import { EXIT } from "./exit.ts";
import { readLayout } from "./layout-file.ts";
import { request, targetOf, type TargetOptions } from "./target.ts";

interface ApplyOptions extends TargetOptions {
  readonly dryRun?: boolean;
}

export function registerCluster(cli: CAC): void {
  cli
    .command("cluster show", "Print the layout in force, and where each setting comes from")
    .example("selvedge cluster show")
    .example("selvedge cluster show --json | jq .loggers")
    .action(show);
  cli
    .command("cluster apply [file]", "Put the nodes, pools and stores of a layout in force, without a deploy")
    .option("--dry-run", "Print what would change, and change nothing")
    .example("selvedge cluster apply layout.json --dry-run")
    .example("selvedge cluster apply < layout.json")
    .action(apply);
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
  tell(view, options);
  return EXIT.ok;
}

/** Applies a file, or standard input. Throws `invalid_layout` for what is no layout, before anything is asked. */
async function apply(file: string | undefined, options: ApplyOptions): Promise<number> {
  const { source } = await readLayout(file === undefined ? undefined : String(file));
  const path = options.dryRun ? "/v1/cluster?dry-run" : "/v1/cluster";
  const applied = (await (await request(targetOf(options), "PUT", path, source)).json()) as LayoutApplied;
  if (options.json) {
    console.log(JSON.stringify(applied));
    return EXIT.ok;
  }
  console.log(formatDifference(applied));
  tell(applied, options);
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
  const { routers, nodes, loggers, pools, stores } = view;
  const counts = Object.entries({ routers, nodes, loggers, pools, stores }).map(
    ([what, all]) => `${all.length} ${what}`,
  );
  console.log(`the layout is valid: ${counts.join(", ")}`);
  return EXIT.ok;
}

async function running(options: TargetOptions): Promise<LayoutView> {
  return (await (await request(targetOf(options), "GET", "/v1/cluster")).json()) as LayoutView;
}

/** What a change makes true; how routers split prefixes is not of its making. */
function tell(view: LayoutView, options: TargetOptions): void {
  if (options.json) return;
  for (const { code, message } of checkLayout(view)) {
    if (code !== "order_per_router") console.error(`selvedge: note: ${message}`);
  }
}

function print(view: LayoutView, options: TargetOptions): void {
  console.log(options.json ? JSON.stringify(view) : formatView(view));
}
