/** Connections of a file as the events that a worker raises of what it sees. */
import { createInterface } from "node:readline";
import { ConnLines } from "../flow/conn-lines.ts";
import type { ClusterProcess } from "../node/join-cluster.ts";
import { CONN_SUMMARY, connSummary } from "../policy/conn.ts";
import { openLog } from "./open-log.ts";

/** Events that are raised before what they brought about must be acknowledged. */
const AT_ONCE = 200;

/** How many lines were connections, and how many could not be read. */
export interface Fed {
  readonly connections: number;
  readonly broken: number;
}

/**
 * Raises `Conn::summary` for each connection of a conn.log (TSV or JSON, `.gz` too; `-`: standard input), as fast as the fabric takes what the
 * scripts make of it. Resolves when the last one is handled. Rejects when the file cannot be read, and when the node ends.
 */
export async function feed(node: Pick<ClusterProcess, "raise" | "flush">, file: string): Promise<Fed> {
  const lines = new ConnLines();
  let connections = 0;
  let broken = 0;
  for await (const line of createInterface({
    input: file === "-" ? process.stdin : openLog(file),
    crlfDelay: Infinity,
  })) {
    const read = lines.read(line);
    if (read.type === "broken") broken++;
    if (read.type !== "record") continue;
    node.raise(CONN_SUMMARY, ...connSummary(read));
    if (++connections % AT_ONCE === 0) await node.flush();
  }
  await node.flush();
  return { connections, broken };
}
