/** The id of one life of a node, in the form that Broker gives its endpoints. */
import type { InstanceId } from "../protocol/frame.ts";
import { toBytes } from "../protocol/topic.ts";

/** Of a native peer: its publisher id (R1), which its owner knows too, as a UUID is written. */
export function nodeIdOf(publisher: InstanceId): string {
  const hex = Array.from(toBytes(publisher), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
