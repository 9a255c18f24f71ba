/**
 * `Conn::summary`: what a worker raises of a connection that has ended, for the scripts that look at connections.
 * Arguments: originator, its port, responder, its port, state as in conn.log, service or "".
 */
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
