/**
 * An event, and the value it is on the wire (spec/websocket-json.md §7):
 * `vector[count 1, count 1, vector[string NAME, vector ARGS, (vector METADATA)?]]`, metadata entries
 * `vector[count ID, VALUE]`.
 */
import { count, string, vector, type CountValue, type Value, type VectorValue } from "../data/value.ts";

export interface EventMetadata {
  /** 1 is the network timestamp; up to 199 belong to Zeek, 200 and above to users. */
  readonly id: bigint;
  readonly value: Value;
}

export interface FabricEvent {
  /** A Zeek identifier with its module where it has one. */
  readonly name: string;
  readonly args: readonly Value[];
  /** In the order the publisher gave; empty means that the wire carries none. */
  readonly metadata: readonly EventMetadata[];
}

/** The metadata id whose value must be a timestamp. */
const NETWORK_TIMESTAMP_ID = 1n;

const NO_METADATA: readonly EventMetadata[] = [];
const ONE = 1n;

/** The value of an event. */
export function eventToValue(event: FabricEvent): VectorValue {
  const body: Value[] = [string(event.name), vector(event.args)];
  if (event.metadata.length > 0) {
    body.push(vector(event.metadata.map((entry) => vector([count(entry.id), entry.value]))));
  }
  return vector([count(ONE), count(ONE), vector(body)]);
}

/** The event that a value stands for, or undefined when it is none. Elements behind those it knows are ignored. */
export function eventFromValue(value: Value): FabricEvent | undefined {
  if (value.type !== "vector") return undefined;
  const [format, kind, body] = value.elements;
  if (!isOne(format) || !isOne(kind) || body?.type !== "vector") return undefined;
  const [name, args, entries] = body.elements;
  if (name?.type !== "string" || typeof name.value !== "string" || args?.type !== "vector") return undefined;
  const metadata = entries === undefined ? NO_METADATA : metadataFromValue(entries);
  return metadata && { name: name.value, args: args.elements, metadata };
}

function isOne(value: Value | undefined): value is CountValue {
  return value?.type === "count" && value.value === ONE;
}

function metadataFromValue(value: Value): readonly EventMetadata[] | undefined {
  if (value.type !== "vector") return undefined;
  const out: EventMetadata[] = [];
  for (const entry of value.elements) {
    if (entry.type !== "vector" || entry.elements.length !== 2) return undefined;
    const [id, item] = entry.elements as [Value, Value];
    if (id.type !== "count" || !isMetadataValue(id.value, item)) return undefined;
    out.push({ id: id.value, value: item });
  }
  return out;
}

/** Whether metadata of this id may have this value. */
export function isMetadataValue(id: bigint, value: Value): boolean {
  return id !== NETWORK_TIMESTAMP_ID || value.type === "timestamp";
}
