/**
 * The event that the load generator sends: a canonical JSON v1 data-message of exactly 400 bytes with typed arguments.
 * Publisher, counter and send time stand at fixed offsets, so neither side of the generator parses JSON.
 */
import { nowUs } from "./clock.ts";
import type { PutByte, Template } from "./frame-ring.ts";

/** Bytes of every message. */
export const MESSAGE_BYTES = 400;

/** Counter and time both have ten digits, whatever their value. */
const DIGITS = 10;
const COUNTER_BASE = 1_000_000_000;
const TIME_BASE = 2_000_000_000;

/** The topic of a group of publishers and subscribers; `group` is 0 to 9, so that all topics are equally long. */
export function topicOf(group: number): string {
  return `zeek/bench/${group}`;
}

/** The canonical text of one event. `publisher` is 0 to 9. */
export function messageText(group: number, publisher: number): string {
  const value = (type: string, data: string | number) => `{"@data-type":"${type}","data":${data}}`;
  const text = (name: string) =>
    `{"type":"data-message","topic":"${topicOf(group)}","@data-type":"vector","data":[` +
    `${value("count", 1)},${value("count", 1)},{"@data-type":"vector","data":[${value("string", `"${name}"`)},` +
    `{"@data-type":"vector","data":[${value("address", `"192.0.2.1${publisher}"`)},` +
    `${value("count", COUNTER_BASE)},${value("count", TIME_BASE)}]}]}]}`;
  const missing = MESSAGE_BYTES - text("").length;
  return text("Bench::".padEnd(missing, "connection_established_"));
}

const SAMPLE = messageText(0, 0);
const PUBLISHER_AT = SAMPLE.indexOf("192.0.2.1") + 9;
const COUNTER_AT = SAMPLE.indexOf(String(COUNTER_BASE));
const TIME_AT = SAMPLE.indexOf(String(TIME_BASE));

/** The publisher's index in a received message. */
export function publisherOf(message: Buffer): number {
  return message[PUBLISHER_AT]! - 48;
}

/** The counter of a received message. */
export function counterOf(message: Buffer): number {
  return digitsAt(message, COUNTER_AT) - COUNTER_BASE;
}

/** How long ago a received message was sent by this process, microseconds. */
export function ageUs(message: Buffer): number {
  return nowUs() + TIME_BASE - digitsAt(message, TIME_AT);
}

function digitsAt(message: Buffer, at: number): number {
  let n = 0;
  for (let i = at; i < at + DIGITS; i++) n = n * 10 + message[i]! - 48;
  return n;
}

/** The messages of one publisher. */
export function messageTemplate(group: number, publisher: number): Template {
  return {
    type: "text",
    message: Buffer.from(messageText(group, publisher)),
    write(put, counter, us) {
      putDigits(put, COUNTER_AT, COUNTER_BASE + counter);
      putDigits(put, TIME_AT, TIME_BASE + us);
    },
  };
}

function putDigits(put: PutByte, at: number, value: number): void {
  let rest = value;
  for (let i = at + DIGITS - 1; i >= at; i--) {
    const quotient = Math.floor(rest / 10);
    put(i, 48 + rest - quotient * 10);
    rest = quotient;
  }
}
