/**
 * How a request says where its reply is awaited: one entry of the event's metadata, so that it passes through every
 * encoding, and through Zeek.
 */
import type { EventMetadata } from "../protocol/event.ts";
import { string } from "../data/value.ts";

/** The metadata id of the reply topic. Ids from 200 on belong to users of Zeek's metadata; this one is ours. */
const REPLY_TO_ID = 5_737n;

/** Where replies go, unless the client was told another place. What follows it is random. */
export const REPLY_PREFIX = "selvedge/reply/";

/** The metadata of a request. */
export function replyToMetadata(topic: string): EventMetadata {
  return { id: REPLY_TO_ID, value: string(topic) };
}

/** The reply topic that metadata names, if any. */
export function replyTopicOf(metadata: readonly EventMetadata[]): string | undefined {
  const value = metadata.find(({ id }) => id === REPLY_TO_ID)?.value;
  return value?.type === "string" && typeof value.value === "string" ? value.value : undefined;
}
