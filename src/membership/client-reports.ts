/**
 * What the cluster is told of clients of Zeek's WebSocket API: Zeek's `Cluster::websocket_client_added` and
 * `websocket_client_lost`, and their lines in the cluster log (spec/websocket-json.md §9).
 */
import { count, none, port, string, vector, type Value } from "../data/value.ts";
import type { FabricEvent } from "../protocol/event.ts";

/** Zeek's `Cluster::EndpointInfo`. */
export interface ClientInfo {
  /** As the ack says it. */
  readonly id: string;
  /** Empty and 0 where the platform does not tell. */
  readonly address: string;
  readonly port: number;
  readonly applicationName: string | undefined;
}

export type ClientReport =
  | { readonly type: "added"; readonly client: ClientInfo; readonly subscriptions: readonly string[] }
  /** Code and reason of the close: 1000 for a plain one, 1006 when the socket vanished. */
  | { readonly type: "lost"; readonly client: ClientInfo; readonly code: number; readonly reason: string };

/** The event of a report. */
export function clientEvent(report: ClientReport): FabricEvent {
  const endpoint = endpointOf(report.client);
  if (report.type === "added") {
    const subscriptions = vector(sorted(report.subscriptions).map((prefix) => string(prefix)));
    return { name: "Cluster::websocket_client_added", args: [endpoint, subscriptions], metadata: [] };
  }
  const args = [endpoint, count(report.code), string(report.reason)];
  return { name: "Cluster::websocket_client_lost", args, metadata: [] };
}

/** The message of the cluster log. */
export function clientMessage(report: ClientReport): string {
  const { id, address, port: number, applicationName } = report.client;
  const application = applicationName === undefined ? "" : ` application_name=${applicationName}`;
  const client = `WebSocket client '${id}' (${address}:${number})${application}`;
  if (report.type === "added") return `${client} subscribed to [${sorted(report.subscriptions).join(", ")}]`;
  const why = report.reason === "" ? "" : ` and reason '${report.reason}'`;
  return `${client} gone with code ${report.code}${why}`;
}

function endpointOf({ id, address, port: number, applicationName }: ClientInfo): Value {
  const application = applicationName === undefined ? none() : string(applicationName);
  return vector([string(id), vector([string(address), port(number, "tcp")]), application]);
}

const encoder = new TextEncoder();

/** By bytes, each once. */
function sorted(prefixes: readonly string[]): readonly string[] {
  const entries = [...new Set(prefixes)].map((text) => ({ text, bytes: encoder.encode(text) }));
  return entries.toSorted((a, b) => compare(a.bytes, b.bytes)).map(({ text }) => text);
}

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
