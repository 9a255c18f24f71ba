/** Writes CBOR (RFC 8949) in its core deterministic form: shortest heads, definite lengths; floats always of 8 bytes. */
import { MAJOR, SIMPLE } from "./cbor-reader.ts";

const FIRST_BYTES = 256;
const UINT32_END = 2n ** 32n;
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
    if (argument < 24) {
      this.#byte((major << 5) | argument);
    } else if (argument < 0x100) {
      this.#byte((major << 5) | 24);
      this.#byte(argument);
    } else if (argument < 0x10000) {
      this.#byte((major << 5) | 25);
      const at = this.#room(2);
      this.#view.setUint16(at, argument);
    } else {
      this.#byte((major << 5) | 26);
      const at = this.#room(4);
      this.#view.setUint32(at, argument);
    }
  }

  /** -2^64 to 2^64-1. */
  integer(value: bigint): void {
    const major = value < 0n ? MAJOR.negative : MAJOR.uint;
    const argument = value < 0n ? -1n - value : value;
    if (argument < UINT32_END) {
      this.#head(major, Number(argument));
    } else {
      this.#byte((major << 5) | 27);
      const at = this.#room(8);
      this.#view.setBigUint64(at, argument);
    }
  }

  bytes(value: Uint8Array): void {
    this.#head(MAJOR.bytes, value.length);
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
  }

  text(value: string): void {
    const start = this.#at;
    this.#head(MAJOR.text, value.length);
    const at = this.#room(value.length);
    for (let i = 0; i < value.length; i++) {
      const c = value.charCodeAt(i);
      if (c >= 0x80) return this.#wideText(start, value);
      this.#bytes[at + i] = c;
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
