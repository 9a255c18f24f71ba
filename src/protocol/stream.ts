/**
 * Streams: what a router keeps apart for its readers. Topics that are not kept are the stream with the router's own
 * name; each prefix with retention is a stream more. Each has its own positions, `prev` and repeats. Readers
 * take ids as they are; only sessions and routers look into them. A router's name holds no "+" (src/cluster/layout.ts).
 */
import type { Prefix } from "./topic.ts";

/** The stream of the topics that a router keeps under a prefix. */
export function keptStream(router: string, prefix: Prefix): string {
  return `${router}+${prefix}`;
}

/** The router of a stream. */
export function routerOf(stream: string): string {
  const end = stream.indexOf("+");
  return end < 0 ? stream : stream.slice(0, end);
}

/** Whether the stream is one of topics that are kept. */
export function isKept(stream: string): boolean {
  return stream.includes("+");
}

/** Whether the stream may hold topics under a prefix. */
export function mayHold(stream: string, prefix: Prefix): boolean {
  const kept = stream.slice(stream.indexOf("+") + 1);
  return kept.startsWith(prefix) || prefix.startsWith(kept);
}
