/**
 * What travels with an event from endpoint to endpoint, so that it passes each of them once: who published it, its
 * number at the first endpoint, and the endpoints that it has passed. It stands in the event's metadata: so batches may
 * be joined, split and filtered on the way. Nothing outside of this file knows how it is written.
 */
import { LIMITS } from "../base/limits.ts";
import { count, string, vector, type Value } from "../data/value.ts";
import type { EventMetadata, FabricEvent } from "../protocol/event.ts";
import { parseNodeIds, type NodeId } from "./node-id.ts";

/** The metadata id. Ids from 200 on belong to users of Zeek's metadata; this one is ours. */
const ORIGIN_ID = 5_738n;

export interface Origin {
  /** Who published it: an endpoint, or a client of one. */
  readonly publisher: NodeId;
  /** Its number among the events that the first endpoint of the path has taken in. */
  readonly number: bigint;
  /** The endpoints that it has passed, in order; the first one is where it came in. */
  readonly path: readonly NodeId[];
}

/** Where an event comes from; undefined when it has passed no endpoint, or says nonsense. */
export function originOf(event: FabricEvent): Origin | undefined {
  const value = event.metadata.find(({ id }) => id === ORIGIN_ID)?.value;
  if (value?.type !== "vector") return undefined;
  const [who, number, passed] = value.elements;
  const publisher = idsOf(who);
  const path = idsOf(passed);
  if (publisher?.length !== 1 || number?.type !== "count" || path === undefined || path.length === 0)
    return undefined;
  return { publisher: publisher[0]!, number: number.value, path };
}

/** The event as it goes on. */
export function withOrigin(event: FabricEvent, { publisher, number, path }: Origin): FabricEvent {
  const value = vector([string(publisher), count(number), string(path.join(""))]);
  return { ...event, metadata: [...others(event), { id: ORIGIN_ID, value }] };
}

/** The event as it was published. */
export function withoutOrigin(event: FabricEvent): FabricEvent {
  return { ...event, metadata: others(event) };
}

/** What tells an event from all others, whatever way it came. */
export function keyOf({ path, number }: Origin): string {
  return `${path[0]!}${number}`;
}

/** Whether an event may go on from here: it has not come too far. */
export function mayPass(origin: Origin): boolean {
  return origin.path.length < LIMITS.hopsMax;
}

function others(event: FabricEvent): readonly EventMetadata[] {
  return event.metadata.filter(({ id }) => id !== ORIGIN_ID);
}

function idsOf(value: Value | undefined): readonly NodeId[] | undefined {
  return value?.type === "string" && typeof value.value === "string" ? parseNodeIds(value.value) : undefined;
}
