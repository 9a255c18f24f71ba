/** Random identities. */
import type { InstanceId } from "../protocol/frame.ts";
import { fromBytes } from "../protocol/topic.ts";

const ENDPOINTS = { prefix: "", count: 0 };

/** 128 random bits. */
export function newInstanceId(): InstanceId {
  return fromBytes(crypto.getRandomValues(new Uint8Array(16)));
}

/** Names a connection: unique in the fabric, in the form that Zeek gives (spec: websocket-json.md §2.2). */
export function newEndpointId(kind: "websocket" | "native"): string {
  // Not at the top of the module: a Worker has no randomness while it starts.
  if (ENDPOINTS.prefix === "") ENDPOINTS.prefix = crypto.randomUUID();
  return `${ENDPOINTS.prefix}-${kind}-${++ENDPOINTS.count}`;
}
