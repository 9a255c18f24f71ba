/** The last events of a segment, without decoding them. */
import { CborReader, MAJOR } from "../data/cbor-reader.ts";
import { ENCODING, type Segment } from "./frame.ts";

const LF = 0x0a;

/** The segment with its last `count` events only; the segment itself when it has no more. */
export function tailOf(segment: Segment, count: number): Segment {
  const surplus = segment.count - count;
  if (surplus <= 0) return segment;
  const { payload, encoding } = segment;
  const from = encoding === ENCODING.json ? afterLines(payload, surplus) : afterItems(payload, surplus);
  return { ...segment, count, payload: payload.subarray(from) };
}

function afterLines(payload: Uint8Array, count: number): number {
  let at = 0;
  for (let i = 0; i < count; i++) at = payload.indexOf(LF, at) + 1;
  return at;
}

function afterItems(payload: Uint8Array, count: number): number {
  const reader = new CborReader(payload);
  let items = count;
  while (items > 0) {
    reader.head();
    items--;
    if (reader.major === MAJOR.bytes || reader.major === MAJOR.text) reader.bytes();
    else if (reader.major === MAJOR.array) items += reader.arraySize();
    else if (reader.major === MAJOR.map) items += 2 * reader.mapSize();
  }
  return payload.length - reader.left;
}
