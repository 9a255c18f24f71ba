/**
 * Reads CBOR (RFC 8949) piece by piece from any bytes: no indefinite lengths, and no length is believed before the
 * bytes for it are there. Every error is `deserialization_failed`.
 */
import { FabricError } from "../base/errors.ts";

/** Major types. */
export const MAJOR = {
  uint: 0,
  negative: 1,
  bytes: 2,
  text: 3,
  array: 4,
  map: 5,
  tag: 6,
  simple: 7,
} as const;
/** What the low five bits of the first byte mean for major type 7. */
export const SIMPLE = {
  false: 20,
  true: 21,
  null: 22,
  undefined: 23,
  half: 25,
  single: 26,
  double: 27,
} as const;

/** The high bits of four bytes. */
const NON_ASCII = 0x80808080;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class CborReader {
  /** Of the last head that was read: major type, low five bits. */
  major = 0;
  info = 0;
  /** Its argument; rounded when it has 8 bytes, which then stand right before what is read next. */
  #argument = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes that are not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Throws `deserialization_failed`. */
  fail(why: string): never {
    throw new FabricError("deserialization_failed", `CBOR: ${why} at byte ${this.#at}`);
  }

  /** Reads a head: what it introduces is read by the methods below. */
  head(): void {
    const first = this.#bytes[this.#skip(1)]!;
    this.major = first >> 5;
    this.info = first & 31;
    if (this.info < 24) this.#argument = this.info;
    else if (this.info === 24) this.#argument = this.#bytes[this.#skip(1)]!;
    else if (this.info === 25) this.#argument = this.#view.getUint16(this.#skip(2));
    else if (this.info === 26) this.#argument = this.#view.getUint32(this.#skip(4));
    else if (this.info === 27) this.#wideArgument();
    else this.fail("indefinite or reserved length");
  }

  #wideArgument(): void {
    const at = this.#skip(8);
    this.#argument = this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
  }

  #skip(count: number): number {
    if (count > this.left) this.fail("ends too early");
    const at = this.#at;
    this.#at += count;
    return at;
  }

  #size(unitBytes: number): number {
    if (this.#argument * unitBytes > this.left) this.fail("length beyond the end");
    return this.#argument;
  }

  /** The bytes behind the head of a byte or text string, a view. */
  bytes(): Uint8Array {
    const size = this.#size(1);
    return this.#bytes.subarray(this.#skip(size), this.#at);
  }

  /** The text behind the head of a text string. */
  text(): string {
    const bytes = this.bytes();
    try {
      return utf8.decode(bytes);
    } catch {
      return this.fail("text is not UTF-8");
    }
  }

  /** Passes over the bytes behind the head of a byte or text string; gives their number. */
  skipBytes(): number {
    const size = this.#size(1);
    this.#skip(size);
    return size;
  }

  /** Passes over the text behind the head of a text string, without making a string of ASCII. */
  skipText(): void {
    const size = this.#size(1);
    const view = this.#view;
    let at = this.#skip(size);
    const end = this.#at;
    let high = 0;
    for (; at + 16 <= end; at += 16) {
      high |= view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8) | view.getInt32(at + 12);
    }
    for (; at + 4 <= end; at += 4) high |= view.getInt32(at);
    for (; at < end; at++) high |= view.getInt8(at); // negative, so with all high bits, from 0x80 on
    if ((high & NON_ASCII) !== 0) this.#checkText(size);
  }

  /** Fails unless the `size` bytes read last are UTF-8. */
  #checkText(size: number): void {
    try {
      utf8.decode(this.#bytes.subarray(this.#at - size, this.#at));
    } catch {
      this.fail("text is not UTF-8");
    }
  }

  /** The number of items behind the head of an array. */
  arraySize(): number {
    return this.#size(1);
  }

  /** The number of pairs behind the head of a map. */
  mapSize(): number {
    return this.#size(2);
  }

  /** The number that the head of an integer stands for. */
  integer(): bigint {
    const magnitude = this.info === 27 ? this.#view.getBigUint64(this.#at - 8) : BigInt(this.#argument);
    if (this.major === MAJOR.uint) return magnitude;
    if (this.major === MAJOR.negative) return -1n - magnitude;
    return this.fail("not an integer");
  }

  /** The same, rounded past 2^53, without a bigint. */
  number(): number {
    if (this.major === MAJOR.uint) return this.#argument;
    if (this.major === MAJOR.negative) return -1 - this.#argument;
    return this.fail("not an integer");
  }

  /** Whether the integer of the head fits 64 bits with a sign. */
  get isSigned64(): boolean {
    return this.info !== 27 || this.#view.getUint32(this.#at - 8) < 2 ** 31;
  }

  /** The number that the head of a float stands for. */
  float(): number {
    const from = this.#at;
    if (this.info === SIMPLE.double) return this.#view.getFloat64(from - 8);
    if (this.info === SIMPLE.single) return this.#view.getFloat32(from - 4);
    if (this.info === SIMPLE.half) return half(this.#view.getUint16(from - 2));
    return this.fail("not a float");
  }

  /** Reads the head of an array and gives its number of items. */
  array(): number {
    this.head();
    if (this.major !== MAJOR.array) this.fail("not an array");
    return this.arraySize();
  }
}

/** An IEEE 754 binary16: 1 bit sign, 5 exponent, 10 mantissa. */
function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}
