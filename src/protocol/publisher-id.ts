/**
 * Publisher ids: what others see of who published. Those of this fabric's own clients and those that a peering brings
 * are kept apart by their first bit, so that a peering can speak in no name of this fabric (R1, N-22).
 */
import type { InstanceId } from "./frame.ts";
import { fromBytes } from "./topic.ts";

const ID_BYTES = 16;
const ORIGIN_BIT = 0x80;

/** The id of a client of this fabric, from at least 16 bytes that nobody can guess, or that are a hash. */
export function localPublisherId(bytes: Uint8Array): InstanceId {
  return withFirst(bytes, bytes[0]! & ~ORIGIN_BIT);
}

/** The id of a publisher elsewhere. */
export function originPublisherId(bytes: Uint8Array): InstanceId {
  return withFirst(bytes, bytes[0]! | ORIGIN_BIT);
}

export function isOriginPublisherId(id: string): boolean {
  return (id.charCodeAt(0) & ORIGIN_BIT) !== 0;
}

function withFirst(bytes: Uint8Array, first: number): InstanceId {
  const id = bytes.slice(0, ID_BYTES);
  id[0] = first;
  return fromBytes(id);
}
