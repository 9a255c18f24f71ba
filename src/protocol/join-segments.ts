/** Joins segments on their way into one frame: neighbours with one topic and encoding become one segment. */
import { ENCODING, type Segment } from "./frame.ts";

const LF = 0x0a;

/** The same events in the same order, in as few segments as their topics and encodings allow. */
export function joinSegments(segments: readonly Segment[]): readonly Segment[] {
  const out: Segment[] = [];
  for (let start = 0; start < segments.length;) {
    const first = segments[start]!;
    let end = start + 1;
    while (end < segments.length && isSameKind(segments[end]!, first)) end++;
    out.push(end === start + 1 ? first : joined(segments.slice(start, end)));
    start = end;
  }
  return out;
}

function isSameKind(a: Segment, b: Segment): boolean {
  return a.topic === b.topic && a.encoding === b.encoding;
}

/** CBOR payloads are sequences; those of JSON have an LF between their lines. */
function joined(run: readonly Segment[]): Segment {
  const first = run[0]!;
  const separator = first.encoding === ENCODING.json ? 1 : 0;
  let bytes = separator * (run.length - 1);
  let count = 0;
  for (const segment of run) {
    bytes += segment.payload.length;
    count += segment.count;
  }
  const payload = new Uint8Array(bytes);
  let at = 0;
  for (const segment of run) {
    if (at > 0 && separator > 0) payload[at++] = LF;
    payload.set(segment.payload, at);
    at += segment.payload.length;
  }
  return { ...first, count, payload };
}
