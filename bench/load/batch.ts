/**
 * The native load: publish frames of one CBOR segment with events of exactly 200 bytes. A frame is encoded once by the
 * real encoders; then only its number, the first event's counter and time and, with several topics, the topic change
 * in place. The bare relay is sent the same bytes.
 */
import { count, string, type Value } from "../../src/data/value.ts";
import { encodeFrame } from "../../src/protocol/frame-codec.ts";
import { ENCODING } from "../../src/protocol/frame.ts";
import { parseTopic } from "../../src/protocol/topic.ts";
import { encodeEvents } from "../../src/protocol/transcode.ts";
import { nowUs } from "./clock.ts";
import type { PutByte, Template } from "./frame-ring.ts";

/** Bytes of every event. */
export const EVENT_BYTES = 200;

/** What does not fit in fewer than four bytes keeps its width in CBOR, whatever the counter. */
const BASE = 2 ** 31;
/** Likewise for numbers of publishers, which take one byte behind their head. */
const PUBLISHER_BASE = 100;
const TOPIC_DIGITS = 5;
const COUNTER_MARK = BASE + 0x5a5a5a;
const TIME_MARK = BASE + 0x3c3c3c;
const NAME = "Bench::connection_established";

/** The prefix of all topics of a group of publishers and subscribers. */
export function groupPrefix(group: number): string {
  return `zeek/bench/${group}/`;
}

/** One topic of a group. */
export function batchTopic(group: number, topic: number): string {
  return groupPrefix(group) + String(topic).padStart(TOPIC_DIGITS, "0");
}

/** The arguments of an event: publisher, counter, time and text to fill it up. */
export function eventArgs(publisher: number, counter: number, us: number, filler: string) {
  return [
    count(PUBLISHER_BASE + publisher),
    count(BASE + counter),
    count(BASE + us),
    string(filler),
  ] as const;
}

const encodedEvent = (publisher: number, counter: number, us: number, filler: string) =>
  encodeEvents([{ name: NAME, args: eventArgs(publisher, counter, us, filler), metadata: [] }]);

/** Text that makes an event EVENT_BYTES long. Its own head has two bytes, as for any text of 24 to 255. */
export const FILLER = "x".repeat(EVENT_BYTES - encodedEvent(0, 0, 0, "x".repeat(24)).length + 24);
/** The name of every event. */
export const EVENT_NAME = NAME;

/** `events` events of one publisher, as the payload of a segment. */
export function batchPayload(publisher: number, events: number): Uint8Array {
  const first = encodedEvent(publisher, COUNTER_MARK - BASE, TIME_MARK - BASE, FILLER);
  const rest = encodedEvent(publisher, 0, 0, FILLER);
  return Buffer.concat([first, ...Array.from({ length: events - 1 }, () => rest)]);
}

/** The counter in an event's arguments. */
export function counterOfArgs(args: readonly Value[]): number {
  const counter = args[1];
  return counter?.type === "count" ? Number(counter.value) - BASE : -1;
}

const uint32 = (value: number) => Uint8Array.of(0x1a, value >>> 24, value >>> 16, value >>> 8, value);
const PAYLOAD = Buffer.from(batchPayload(0, 1));
const PUBLISHER_AT = PAYLOAD.indexOf(Uint8Array.of(0x18, PUBLISHER_BASE)) + 1;
const COUNTER_AT = PAYLOAD.indexOf(uint32(COUNTER_MARK)) + 1;
const TIME_AT = PAYLOAD.indexOf(uint32(TIME_MARK)) + 1;

/** The publisher's number in a payload. */
export function batchPublisher(payload: Uint8Array, from = 0): number {
  return payload[from + PUBLISHER_AT]! - PUBLISHER_BASE;
}

/** The counter of a payload's first event. */
export function batchCounter(payload: Uint8Array, from = 0): number {
  return uint32At(payload, from + COUNTER_AT);
}

/** How long ago a payload was sent by this process, microseconds. */
export function batchAgeUs(payload: Uint8Array, from = 0): number {
  return nowUs() - uint32At(payload, from + TIME_AT);
}

function uint32At(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) - (BASE | 0);
}

export interface BatchShape {
  readonly group: number;
  readonly publisher: number;
  /** Events in each frame. */
  readonly events: number;
  /** Topics that the frames go round. */
  readonly topics: number;
}

/** Writes the counter into a payload. */
export function setBatchCounter(payload: Uint8Array, counter: number): void {
  putUint32((at, byte) => (payload[at] = byte), COUNTER_AT, BASE + counter);
}

/** A publisher's frame, with the place of its payload in it. */
export interface BatchFrame extends Template {
  readonly payloadAt: number;
}

/** The publish frames of one publisher. */
export function batchFrame({ group, publisher, events, topics }: BatchShape): BatchFrame {
  const payload = batchPayload(publisher, events);
  const topic = batchTopic(group, 0);
  const message = Buffer.from(
    encodeFrame({
      type: "publish",
      seq: COUNTER_MARK,
      repeat: false,
      segments: [{ topic: parseTopic(topic), encoding: ENCODING.cbor, count: events, payload }],
    }),
  );
  const seqAt = message.indexOf(uint32(COUNTER_MARK)) + 1;
  const payloadAt = message.length - payload.length;
  const topicEnd = message.indexOf(topic) + topic.length;
  return {
    type: "binary",
    message,
    payloadAt,
    write(put, counter, us) {
      putUint32(put, seqAt, BASE + counter);
      putUint32(put, payloadAt + COUNTER_AT, BASE + counter);
      putUint32(put, payloadAt + TIME_AT, BASE + us);
      if (topics > 1) putDigits(put, topicEnd, counter % topics);
    },
  };
}

function putUint32(put: PutByte, at: number, value: number): void {
  for (let i = 0; i < 4; i++) put(at + i, (value >>> (24 - 8 * i)) & 0xff);
}

function putDigits(put: PutByte, end: number, value: number): void {
  let rest = value;
  for (let i = 1; i <= TOPIC_DIGITS; i++) {
    put(end - i, 48 + (rest % 10));
    rest = Math.floor(rest / 10);
  }
}
