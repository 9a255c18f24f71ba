/**
 * Events in the two encodings of a segment (frame.ts), and from one to the other. JSON: canonical data messages joined
 * by LF. CBOR: a sequence of events, each `[name, [argument…]]` or `[name, [argument…], [[id, value]…]]` with a text
 * string as name, unsigned integers as ids, and values as in data/cbor-value.ts. The topic of a segment stands beside
 * its payload; the topics inside JSON lines repeat it.
 */
import { FabricError } from "../base/errors.ts";
import { CborReader } from "../data/cbor-reader.ts";
import { skipText, skipValue } from "../data/cbor-skip.ts";
import { readInteger, readText, readValue, readValues, writeValue } from "../data/cbor-value.ts";
import { CborWriter } from "../data/cbor-writer.ts";
import { count } from "../data/value.ts";
import { formatDataMessage, parseDataMessage } from "./data-message.ts";
import { isMetadataValue, type EventMetadata, type FabricEvent } from "./event.ts";
import { ENCODING, type Segment } from "./frame.ts";

const NO_METADATA: readonly EventMetadata[] = [];
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The CBOR sequence of events. Throws `invalid_data` for values nested too deeply. */
export function encodeEvents(events: Iterable<FabricEvent>): Uint8Array {
  const writer = new CborWriter();
  for (const event of events) writeEvent(writer, event);
  return writer.finish();
}

/** Appends an event to a sequence. Throws as `encodeEvents` does; what was written then must be taken back. */
export function writeEvent(writer: CborWriter, event: FabricEvent): void {
  writer.array(event.metadata.length > 0 ? 3 : 2);
  writer.text(event.name);
  writer.array(event.args.length);
  for (const argument of event.args) writeValue(writer, argument);
  if (event.metadata.length === 0) return;
  writer.array(event.metadata.length);
  for (const entry of event.metadata) {
    writer.array(2);
    writer.integer(count(entry.id).value);
    writeValue(writer, entry.value);
  }
}

/** The events of a CBOR sequence that holds exactly `count` of them. Throws `deserialization_failed`. */
export function decodeEvents(bytes: Uint8Array, count: number): FabricEvent[] {
  const reader = new CborReader(bytes);
  const out: FabricEvent[] = [];
  while (reader.left > 0 && out.length < count) out.push(readEvent(reader));
  if (reader.left > 0 || out.length !== count) reader.fail(`not ${count} events`);
  return out;
}

function readEvent(reader: CborReader): FabricEvent {
  const size = reader.array();
  if (size < 2 || size > 3) reader.fail("not an event");
  const name = readText(reader);
  const args = readValues(reader, reader.array(), 0);
  return { name, args, metadata: size === 3 ? readMetadata(reader) : NO_METADATA };
}

function readMetadata(reader: CborReader): readonly EventMetadata[] {
  const out: EventMetadata[] = [];
  for (let left = reader.array(); left > 0; left--) {
    if (reader.array() !== 2) reader.fail("metadata of another length");
    const id = readInteger(reader);
    const value = readValue(reader);
    if (id < 0n || !isMetadataValue(id, value)) reader.fail("not metadata");
    out.push({ id, value });
  }
  return out;
}

/**
 * Passes over a CBOR sequence, making nothing of it: throws `deserialization_failed` exactly when `decodeEvents` does,
 * at a fraction of its cost.
 */
export function assertEvents(bytes: Uint8Array, count: number): void {
  const reader = new CborReader(bytes);
  let events = 0;
  for (; reader.left > 0 && events < count; events++) skipEvent(reader);
  if (reader.left > 0 || events !== count) reader.fail(`not ${count} events`);
}

function skipEvent(reader: CborReader): void {
  const size = reader.array();
  if (size < 2 || size > 3) reader.fail("not an event");
  skipText(reader);
  for (let left = reader.array(); left > 0; left--) skipValue(reader);
  if (size === 3) readMetadata(reader);
}

/** Lines of data messages. Throws `deserialization_failed` for bytes that are not UTF-8. */
export function linesOf(payload: Uint8Array): string[] {
  try {
    return utf8.decode(payload).split("\n");
  } catch (cause) {
    throw new FabricError("deserialization_failed", "segment: not UTF-8", { cause });
  }
}

/** The payload of a JSON segment as that of a CBOR segment. Throws `deserialization_failed`. */
export function jsonToCbor(payload: Uint8Array): Uint8Array {
  return encodeEvents(linesOf(payload).map((line) => parseDataMessage(line).event));
}

export interface JsonLines {
  /** Canonical data messages, in order. */
  readonly lines: readonly string[];
  /** Events without a JSON form: infinite reals and NaN, nesting past `LIMITS.jsonNestingMax`, texts too large. */
  readonly dropped: number;
}

/** The lines for the events of a CBOR payload, under a topic as text. Throws `deserialization_failed`. */
export function cborToJson(topic: string, payload: Uint8Array, count: number): JsonLines {
  const lines: string[] = [];
  const events = decodeEvents(payload, count);
  for (const event of events) {
    try {
      lines.push(formatDataMessage(topic, event));
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
    }
  }
  return { lines, dropped: events.length - lines.length };
}

/** The events of a segment of either encoding. Throws `deserialization_failed`, also when the count is another. */
export function decodeSegment(segment: Segment): FabricEvent[] {
  if (segment.encoding === ENCODING.cbor) return decodeEvents(segment.payload, segment.count);
  const lines = linesOf(segment.payload);
  if (lines.length !== segment.count) {
    throw new FabricError("deserialization_failed", `segment: ${lines.length} events, not ${segment.count}`);
  }
  return lines.map((line) => parseDataMessage(line).event);
}
