/** Writes CBOR (RFC 8949) in its core deterministic form: shortest heads, definite lengths; floats always of 8 bytes. */
import { MAJOR, SIMPLE } from "./cbor-reader.ts";

const FIRST_BYTES = 256;
const UINT32_END = 2 ** 32;
/** From here on the platform's encoder is faster than a loop, its call included. */
const LONG_TEXT = 24;
const encoder = new TextEncoder();

export class CborWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#at;
  }

  /** Takes back what was written behind the first `length` bytes. */
  rewind(length: number): void {
    this.#at = length;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  /** A part of it, which holds until more is written. */
  view(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(start, end);
  }

  #room(count: number): number {
    const at = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#at, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  #byte(byte: number): void {
    const at = this.#room(1);
    this.#bytes[at] = byte;
  }

  #head(major: number, argument: number): void {
    const type = major << 5;
    if (argument < 24) {
      this.#byte(type | argument);
    } else if (argument < 0x100) {
      const at = this.#room(2);
      this.#bytes[at] = type | 24;
      this.#bytes[at + 1] = argument;
    } else if (argument < 0x10000) {
      const at = this.#room(3);
      this.#bytes[at] = type | 25;
      this.#view.setUint16(at + 1, argument);
    } else {
      const at = this.#room(5);
      this.#bytes[at] = type | 26;
      this.#view.setUint32(at + 1, argument);
    }
  }

  /** -2^64 to 2^64-1. */
  integer(value: bigint): void {
    const rounded = Number(value);
    if (rounded >= 0 && rounded < UINT32_END) return this.#head(MAJOR.uint, rounded);
    if (rounded < 0 && rounded >= -UINT32_END) return this.#head(MAJOR.negative, -1 - rounded);
    const isNegative = rounded < 0;
    const at = this.#room(9);
    this.#bytes[at] = ((isNegative ? MAJOR.negative : MAJOR.uint) << 5) | 27;
    this.#view.setBigUint64(at + 1, isNegative ? -1n - value : value);
  }

  bytes(value: Uint8Array): void {
    this.#head(MAJOR.bytes, value.length);
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
  }

  text(value: string): void {
    const start = this.#at;
    const { length } = value;
    this.#head(MAJOR.text, length);
    const at = this.#room(length);
    const bytes = this.#bytes;
    if (length >= LONG_TEXT) {
      // Has no room for a character of more than one byte, so it reads less of such a text.
      const { read } = encoder.encodeInto(value, bytes.subarray(at, at + length));
      if (read < length) this.#wideText(start, value);
      return;
    }
    for (let i = 0; i < length; i++) {
      const c = value.charCodeAt(i);
      if (c >= 0x80) return this.#wideText(start, value);
      bytes[at + i] = c;
    }
  }

  /** Text whose bytes are more than its characters, written over what stands from `start` on. */
  #wideText(start: number, value: string): void {
    this.#at = start;
    const utf8 = encoder.encode(value);
    this.#head(MAJOR.text, utf8.length);
    const at = this.#room(utf8.length);
    this.#bytes.set(utf8, at);
  }

  /** The items follow. */
  array(count: number): void {
    this.#head(MAJOR.array, count);
  }

  null(): void {
    this.#byte((MAJOR.simple << 5) | SIMPLE.null);
  }

  boolean(value: boolean): void {
    this.#byte((MAJOR.simple << 5) | (value ? SIMPLE.true : SIMPLE.false));
  }

  /** A double; every NaN is the same quiet one. */
  float(value: number): void {
    this.#byte((MAJOR.simple << 5) | SIMPLE.double);
    const at = this.#room(8);
    if (Number.isNaN(value)) this.#view.setBigUint64(at, 0x7ff8_0000_0000_0000n);
    else this.#view.setFloat64(at, value);
  }
}
