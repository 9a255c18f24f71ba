/**
 * `Conn::summary`: what a worker raises of a connection that has ended, for the scripts that look at connections.
 * Arguments: originator, its port, responder, its port, state as in conn.log, service or "".
 */
import { address, port, string, type PortProtocol, type Value } from "../data/value.ts";
import type { ConnRecord } from "../flow/conn-lines.ts";
import type { EndPoint } from "../flow/five-tuple.ts";
import type { ArgumentType } from "../script/zeek.ts";

export const CONN_SUMMARY = "Conn::summary";
export const CONN_TYPES = [
  "address",
  "port",
  "address",
  "port",
  "string",
  "string",
] as const satisfies ArgumentType[];

/** States in which the responder answered: there was a connection. Source: Zeek's conn.log. */
const ESTABLISHED = new Set(["S1", "S2", "S3", "SF", "RSTO", "RSTR"]);
/** States in which the originator got nowhere. */
const FAILED = new Set(["S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR"]);

export const isEstablished = (state: string): boolean => ESTABLISHED.has(state);
export const isFailedAttempt = (state: string): boolean => FAILED.has(state);

const PROTOCOLS: ReadonlyMap<number, PortProtocol> = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
]);

/** The arguments of `Conn::summary` for a record of conn.log. */
export function connSummary({ flow, state, service }: ConnRecord): readonly Value[] {
  const protocol = PROTOCOLS.get(flow.protocol) ?? "?";
  const end = (point: EndPoint) => [address(point.address), port(point.port, protocol)];
  return [...end(flow.source), ...end(flow.destination), string(state), string(service)];
}
