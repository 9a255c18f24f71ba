/**
 * The event that the load generator sends: a canonical JSON v1 data-message of exactly 400 bytes with typed arguments.
 * Publisher, counter and send time stand at fixed offsets, so neither side of the generator parses JSON.
 */

/** Bytes of every message. */
export const MESSAGE_BYTES = 400;

/** Counter and time both have ten digits, whatever their value. */
const DIGITS = 10;
const COUNTER_BASE = 1_000_000_000;
const TIME_BASE = 2_000_000_000;
const MASK = [0x37, 0xfa, 0x21, 0x3d] as const;
const FRAME_HEADER_BYTES = 8;

/** Bytes of a message as a client's WebSocket frame: header, length, mask and payload. */
export const FRAME_BYTES = FRAME_HEADER_BYTES + MESSAGE_BYTES;

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
  return nowUs() - digitsAt(message, TIME_AT);
}

function digitsAt(message: Buffer, at: number): number {
  let n = 0;
  for (let i = at; i < at + DIGITS; i++) n = n * 10 + message[i]! - 48;
  return n;
}

/** Microseconds since this process started, from TIME_BASE. */
function nowUs(): number {
  return TIME_BASE + Math.round(performance.now() * 1000);
}

/**
 * Frames of one publisher, ready for its socket: a ring that is filled once with masked frames, in which only counter
 * and time change. A slot is used again after `frames` sends, so at most `frames` may be in flight.
 */
export class FrameRing {
  readonly #bytes: Buffer;
  readonly #frames: number;
  #next = 0;

  constructor(group: number, publisher: number, frames: number) {
    const message = Buffer.from(messageText(group, publisher));
    const frame = Buffer.alloc(FRAME_BYTES);
    frame.writeUInt16BE(0x81fe, 0); // final text frame; masked, 16-bit length
    frame.writeUInt16BE(MESSAGE_BYTES, 2);
    for (let i = 0; i < 4; i++) frame[4 + i] = MASK[i]!;
    for (let i = 0; i < MESSAGE_BYTES; i++) frame[FRAME_HEADER_BYTES + i] = message[i]! ^ MASK[i & 3]!;
    this.#bytes = Buffer.concat(Array.from({ length: frames }, () => frame));
    this.#frames = frames;
  }

  /** How many frames were taken so far; also the counter of the next one. */
  get taken(): number {
    return this.#next;
  }

  /** The next frames, at most `count`, fewer where the ring's end comes first. All carry the same send time. */
  take(count: number): Buffer {
    const first = this.#next % this.#frames;
    const n = Math.min(count, this.#frames - first);
    const us = nowUs();
    for (let i = 0; i < n; i++) {
      const at = (first + i) * FRAME_BYTES + FRAME_HEADER_BYTES;
      this.#write(at, COUNTER_AT, COUNTER_BASE + this.#next + i);
      this.#write(at, TIME_AT, us);
    }
    this.#next += n;
    return this.#bytes.subarray(first * FRAME_BYTES, (first + n) * FRAME_BYTES);
  }

  #write(frameAt: number, at: number, value: number): void {
    let rest = value;
    for (let i = at + DIGITS - 1; i >= at; i--) {
      const quotient = Math.floor(rest / 10);
      this.#bytes[frameAt + i] = (48 + rest - quotient * 10) ^ MASK[i & 3]!;
      rest = quotient;
    }
  }
}
