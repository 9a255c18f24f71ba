/** Identities: random ones, and what others may see of them. */
import { createHash } from "node:crypto";
import type { InstanceId } from "../protocol/frame.ts";
import { localPublisherId } from "../protocol/publisher-id.ts";
import { toBytes } from "../protocol/topic.ts";

const ENDPOINTS = { prefix: "", count: 0 };

const ID_BYTES = 16;

/** 128 random bits, but for one: it may be a publisher id. */
export function newInstanceId(): InstanceId {
  return localPublisherId(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
}

/** What others see of a native client's instance (R1): one way, and the same for each of its connections. */
export function publisherOf(instance: InstanceId): InstanceId {
  const hash = createHash("sha256").update("fabric publisher").update(toBytes(instance)).digest();
  return localPublisherId(hash);
}

/** Names a connection: unique in the fabric, in the form that Zeek gives (spec: websocket-json.md §2.2). */
export function newEndpointId(kind: "websocket" | "native"): string {
  // Not at the top of the module: a Worker has no randomness while it starts.
  if (ENDPOINTS.prefix === "") ENDPOINTS.prefix = crypto.randomUUID();
  return `${ENDPOINTS.prefix}-${kind}-${++ENDPOINTS.count}`;
}
