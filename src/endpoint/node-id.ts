/**
 * The id of an endpoint: 128 random bits for each life of it, as 32 hexadecimal digits. Others see it, as Broker's
 * endpoint ids. (Digits and not bytes, because texts are decoded many times faster than strings that are no UTF-8.)
 */
import type { Brand } from "../base/brand.ts";
import type { InstanceId } from "../protocol/frame.ts";
import { fromBytes, toBytes } from "../protocol/topic.ts";
import { toHex } from "../sdk/hex.ts";

export type NodeId = Brand<string, "NodeId">;

const ID_BYTES = 16;
const ID_DIGITS = 2 * ID_BYTES;
const HEX = /^[0-9a-f]*$/;

/** 128 random bits, as a byte string. */
export function newInstance(): InstanceId {
  return fromBytes(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
}

/** The id that stands for a publisher. */
export function nodeIdOf(instance: InstanceId): NodeId {
  return toHex(instance) as NodeId;
}

/** The id as people see it, in the form of a UUID. */
export function nodeIdText(id: NodeId): string {
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;
}

/** The option of a hello or a welcome that says who is there. */
export function nodeOption(instance: InstanceId): Uint8Array {
  return toBytes(instance);
}

/** The id in that option; undefined for a peer that is no endpoint. */
export function parseNodeOption(value: unknown): NodeId | undefined {
  return value instanceof Uint8Array && value.length === ID_BYTES ? nodeIdOf(fromBytes(value)) : undefined;
}

/** The ids in a text of nothing else; undefined where that is not so. Cost: the length of the text. */
export function parseNodeIds(text: string): readonly NodeId[] | undefined {
  if (text.length % ID_DIGITS !== 0 || !HEX.test(text)) return undefined;
  const ids: NodeId[] = [];
  for (let at = 0; at < text.length; at += ID_DIGITS) ids.push(text.slice(at, at + ID_DIGITS) as NodeId);
  return ids;
}
