/** The id of an endpoint: 128 random bits for each life of it; others see them, as Broker's endpoint ids. */
import type { InstanceId } from "../protocol/frame.ts";
import { fromBytes } from "../protocol/topic.ts";
import { toHex } from "../sdk/hex.ts";

const ID_BYTES = 16;
/** Where the dashes of a UUID stand. */
const UUID = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;

/** A new id, as a byte string. */
export function newNodeId(): InstanceId {
  return fromBytes(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
}

/** The id as people see it, in the form of a UUID. */
export function nodeIdText(id: InstanceId): string {
  return toHex(id).replace(UUID, "$1-$2-$3-$4-$5");
}

/** The id in the options of a hello or a welcome; undefined for a peer that is no endpoint. */
export function nodeIdOption(value: unknown): InstanceId | undefined {
  return value instanceof Uint8Array && value.length === ID_BYTES ? fromBytes(value) : undefined;
}
