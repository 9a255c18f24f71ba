/** `selvedge node`: a node of the cluster in this process, with scripts. */
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { CAC } from "cac";
import { FabricError } from "../base/errors.ts";
import { parseNodeType, type NodeType } from "../cluster/node.ts";
import { retryIntervalMs } from "../cluster/retry-interval.ts";
import { joinCluster, type ClusterProcess } from "../node/join-cluster.ts";
import { scriptsIn } from "../node/script-file.ts";
import type { Script } from "../script/define.ts";
import type { ScriptReport } from "../script/effects.ts";
import { EXIT, UsageError, reportError } from "./exit.ts";
import { feed } from "./feed.ts";
import { targetOf, type TargetOptions } from "./target.ts";
import { untilSignal } from "./until-signal.ts";

interface NodeOptions extends TargetOptions {
  readonly name?: string | number;
  readonly type?: string;
  readonly script?: string | readonly string[];
  readonly feed?: string | readonly string[];
}

/** Zeek's default of how long a node waits between tries to connect, ms. */
const RETRY_MS = 1_000;

export function registerNode(cli: CAC): void {
  cli
    .command("node", "Run scripts as a node of the cluster, until a signal ends it")
    .option("--name <node>", "Name of the node, as the layout has it (CLUSTER_NODE)")
    .option("--type <type>", "Its type, where the layout does not say: WORKER, PROXY, …")
    .option("--script <file>", "File that exports scripts; may be given more than once")
    .option(
      "--feed <file>",
      "A conn.log: Conn::summary is raised for each connection; may be given more than once",
    )
    .example("selvedge node --name worker-1 --script scan.ts")
    .example("tail -F conn.log | selvedge node --name worker-1 --script src/policy/shipped.ts --feed=-")
    .example("selvedge node --name manager --script relay.ts --script notices.ts --json   # logs as NDJSON")
    .action(node);
}

async function node(options: NodeOptions): Promise<number> {
  const name = String(options.name ?? process.env["CLUSTER_NODE"] ?? "");
  if (name === "") throw new UsageError("name the node: --name worker-1, or CLUSTER_NODE");
  const files = [options.script ?? []].flat();
  if (files.length === 0) throw new UsageError("name a file of scripts: --script scan.ts");
  const nodeType = options.type === undefined ? undefined : typeOf(options.type);
  const scripts = (await Promise.all(files.map(readScripts))).flat();
  const { url, token } = targetOf(options);
  const json = options.json ?? false;
  const stopped = untilSignal();
  const process_ = await joined(stopped, async () =>
    joinCluster(url, {
      name,
      nodeType,
      scripts,
      token,
      report: (report) => console.error(`selvedge: ${formatReport(report)}`),
      ...(json ? { logged: (stream: string, line: string) => printRecord(stream, line) } : {}),
    }),
  );
  if (process_ === undefined) return EXIT.ok;
  console.error(`selvedge: ${name} runs ${scripts.map((script) => script.name).join(", ")}`);
  const feeding = feedAll(process_, name, [options.feed ?? []].flat());
  const error = await Promise.race([process_.ended, stopped, feeding.then(async () => stopped)]);
  if (error !== undefined) return reportError(error, json);
  await process_.close();
  return EXIT.ok;
}

/**
 * Joins, again and again while nothing answers: nodes may be started before the fabric. Undefined when a signal came
 * first. `ZEEK_DEFAULT_CONNECT_RETRY` is the wait between tries, in seconds; 0: one try.
 */
async function joined(
  stopped: Promise<unknown>,
  join: () => Promise<ClusterProcess>,
): Promise<ClusterProcess | undefined> {
  const waitMs = retryIntervalMs(RETRY_MS, process.env);
  for (let isTold = false; ; isTold = true) {
    try {
      return await join();
    } catch (error) {
      if (!(error instanceof FabricError) || error.code !== "unavailable" || waitMs === 0) throw error;
      if (!isTold) console.error(`selvedge: ${error.message} It is tried again.`);
    }
    const isStopped = await Promise.race([sleep(waitMs).then(() => false), stopped.then(() => true)]);
    if (isStopped) return undefined;
  }
}

async function feedAll(node: ClusterProcess, name: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const { connections, broken } = await feed(node, file);
    const rest = broken === 0 ? "" : `; ${broken} lines could not be read`;
    console.error(`selvedge: ${name} has fed ${connections} connections of ${file}${rest}`);
  }
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
