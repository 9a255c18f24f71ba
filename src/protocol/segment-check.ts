/** Checks what a native peer publishes: readers are sent it as it stands, or rely on it when they transcode. */
import { FabricError } from "../base/errors.ts";
import { DataMessageScanner } from "./data-message.ts";
import { ENCODING, type Segment } from "./frame.ts";
import { textOf } from "./topic.ts";
import { assertEvents, linesOf } from "./transcode.ts";

/**
 * Throws `invalid_message` unless a JSON payload is `count` canonical data messages of the segment's topic, LF between;
 * `deserialization_failed` unless that is UTF-8, or a CBOR payload is a sequence of `count` events.
 */
export function assertSegment(segment: Segment): void {
  if (segment.encoding === ENCODING.json) assertJsonSegment(segment);
  else assertEvents(segment.payload, segment.count);
}

function assertJsonSegment(segment: Segment): void {
  const topic = textOf(segment.topic);
  const lines = linesOf(segment.payload);
  if (lines.length !== segment.count) {
    throw new FabricError(
      "invalid_message",
      `a segment says ${segment.count} events and holds ${lines.length}`,
    );
  }
  const scanner = new DataMessageScanner();
  for (const line of lines) {
    if (scanner.scan(line) !== "ok" || scanner.canonical !== line || scanner.topic !== topic) {
      throw new FabricError(
        "invalid_message",
        "a JSON segment holds a line that is no canonical message of its topic",
      );
    }
  }
}
