/** `selvedge node`: a node of the cluster in this process, with scripts. */
import { pathToFileURL } from "node:url";
import type { CAC } from "cac";
import { parseNodeType, type NodeType } from "../cluster/node.ts";
import { joinCluster } from "../node/join-cluster.ts";
import { scriptsIn } from "../node/script-file.ts";
import type { Script } from "../script/define.ts";
import type { ScriptReport } from "../script/effects.ts";
import { EXIT, UsageError, reportError } from "./exit.ts";
import { targetOf, type TargetOptions } from "./target.ts";
import { untilSignal } from "./until-signal.ts";

interface NodeOptions extends TargetOptions {
  readonly name?: string | number;
  readonly type?: string;
  readonly script?: string | readonly string[];
}

export function registerNode(cli: CAC): void {
  cli
    .command("node", "Run scripts as a node of the cluster, until a signal ends it")
    .option("--name <node>", "Name of the node, as the layout has it")
    .option("--type <type>", "Its type, where the layout does not say: WORKER, PROXY, …")
    .option("--script <file>", "File that exports scripts; may be given more than once")
    .example("selvedge node --name worker-1 --script scan.ts")
    .example("selvedge node --name manager --script relay.ts --script notices.ts --json   # logs as NDJSON")
    .action(node);
}

async function node(options: NodeOptions): Promise<number> {
  if (options.name === undefined) throw new UsageError("name the node: --name worker-1");
  const name = String(options.name);
  const files = [options.script ?? []].flat();
  if (files.length === 0) throw new UsageError("name a file of scripts: --script scan.ts");
  const nodeType = options.type === undefined ? undefined : typeOf(options.type);
  const scripts = (await Promise.all(files.map(readScripts))).flat();
  const { url, token } = targetOf(options);
  const json = options.json ?? false;
  const process_ = await joinCluster(url, {
    name,
    nodeType,
    scripts,
    token,
    report: (report) => console.error(`selvedge: ${formatReport(report)}`),
    ...(json ? { logged: (stream: string, line: string) => printRecord(stream, line) } : {}),
  });
  console.error(`selvedge: ${name} runs ${scripts.map((script) => script.name).join(", ")}`);
  const error = await Promise.race([process_.ended, untilSignal()]);
  if (error !== undefined) return reportError(error, json);
  await process_.close();
  return EXIT.ok;
}

async function readScripts(file: string): Promise<readonly Script[]> {
  return scriptsIn(await import(pathToFileURL(file).href), file);
}

function typeOf(text: string): NodeType {
  return parseNodeType(text.toUpperCase(), "--type");
}

/** The stream is part of the line, as in Zeek's JSON streaming logs. */
function printRecord(stream: string, line: string): void {
  const separator = line === "{}" ? "" : ",";
  process.stdout.write(`{"_path":${JSON.stringify(stream)}${separator}${line.slice(1)}\n`);
}

function formatReport({ level, script, event, message }: ScriptReport): string {
  const place = [script, event].filter((part) => part !== undefined).join(", ");
  return `${level}${place === "" ? "" : ` (${place})`}: ${message}`;
}
