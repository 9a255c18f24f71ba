/**
 * Writes what frames are made of: null, booleans, numbers, bigints, strings, byte strings, arrays and plain objects.
 * The bytes are those of cbor-x with records off (maps have heads of 16 bits, integers from 2^32 on are floats unless
 * they are bigints), but the item is measured first: one allocation of the right size, one copy of every payload.
 */
import { FabricError } from "../base/errors.ts";
import { MAJOR, SIMPLE } from "./cbor-reader.ts";

const UINT32_END = 2 ** 32;
const UINT64_END = 2n ** 64n;
const MAP16 = (MAJOR.map << 5) | 25;
const MAP_BYTES = 3;
const WIDE_BYTES = 9;
const encoder = new TextEncoder();

/** The bytes of an item, a buffer of their own. Throws `invalid_data` for anything else than it is made of. */
export function writeItem(item: unknown): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeOf(item));
  new ItemWriter(bytes).write(item);
  return bytes;
}

function refuse(item: unknown): never {
  throw new FabricError("invalid_data", `CBOR: a ${typeof item} is no item of the fabric`);
}

function headSize(argument: number): number {
  return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x10000 ? 3 : 5;
}

/** Whether a number is written as an integer. */
function isShort(value: number): boolean {
  return Number.isInteger(value) && value >= -UINT32_END && value < UINT32_END;
}

function sizeOf(item: unknown): number {
  switch (typeof item) {
    case "number":
      return isShort(item) ? headSize(item < 0 ? -1 - item : item) : WIDE_BYTES;
    case "string": {
      const size = textSize(item);
      return headSize(size) + size;
    }
    case "bigint":
      return WIDE_BYTES;
    case "boolean":
    case "undefined":
      return 1;
    case "object":
      return item === null ? 1 : sizeOfObject(item);
    default:
      return refuse(item);
  }
}

function sizeOfObject(item: object): number {
  if (item instanceof Uint8Array) return headSize(item.length) + item.length;
  if (Array.isArray(item)) {
    let size = headSize(item.length);
    for (const element of item as readonly unknown[]) size += sizeOf(element);
    return size;
  }
  let size = MAP_BYTES;
  for (const [key, value] of Object.entries(item)) size += sizeOf(key) + sizeOf(value);
  return size;
}

/** Bytes of a text in UTF-8; a lone surrogate takes those of U+FFFD. */
function textSize(text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) >= 0x80) return encoder.encode(text).length;
  }
  return text.length;
}

class ItemWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  write(item: unknown): void {
    switch (typeof item) {
      case "number":
        return this.#number(item);
      case "string":
        return this.#text(item);
      case "bigint":
        return this.#bigint(item);
      case "boolean":
        return this.#simple(item ? SIMPLE.true : SIMPLE.false);
      case "undefined":
        return this.#simple(SIMPLE.undefined);
      default:
        return item === null ? this.#simple(SIMPLE.null) : this.#object(item as object);
    }
  }

  #object(item: object): void {
    if (item instanceof Uint8Array) {
      this.#head(MAJOR.bytes, item.length);
      this.#bytes.set(item, this.#at);
      this.#at += item.length;
    } else if (Array.isArray(item)) {
      this.#head(MAJOR.array, item.length);
      for (const element of item as readonly unknown[]) this.write(element);
    } else {
      this.#map(Object.entries(item));
    }
  }

  #map(entries: readonly (readonly [string, unknown])[]): void {
    if (entries.length > 0xffff) refuse("map of so many entries");
    this.#bytes[this.#at] = MAP16;
    this.#view.setUint16(this.#at + 1, entries.length);
    this.#at += MAP_BYTES;
    for (const [key, value] of entries) {
      this.#text(key);
      this.write(value);
    }
  }

  #simple(info: number): void {
    this.#bytes[this.#at++] = (MAJOR.simple << 5) | info;
  }

  #number(value: number): void {
    if (!isShort(value)) {
      this.#bytes[this.#at] = (MAJOR.simple << 5) | SIMPLE.double;
      this.#view.setFloat64(this.#at + 1, value);
      this.#at += WIDE_BYTES;
    } else if (value < 0) this.#head(MAJOR.negative, -1 - value);
    else this.#head(MAJOR.uint, value);
  }

  #bigint(value: bigint): void {
    const magnitude = value < 0n ? -1n - value : value;
    if (magnitude >= UINT64_END) refuse(value);
    this.#bytes[this.#at] = ((value < 0n ? MAJOR.negative : MAJOR.uint) << 5) | 27;
    this.#view.setBigUint64(this.#at + 1, magnitude);
    this.#at += WIDE_BYTES;
  }

  #text(text: string): void {
    const size = textSize(text);
    this.#head(MAJOR.text, size);
    if (size !== text.length) encoder.encodeInto(text, this.#bytes.subarray(this.#at));
    else for (let i = 0; i < size; i++) this.#bytes[this.#at + i] = text.charCodeAt(i);
    this.#at += size;
  }

  #head(major: number, argument: number): void {
    const at = this.#at;
    if (argument < 24) {
      this.#bytes[at] = (major << 5) | argument;
    } else if (argument < 0x100) {
      this.#bytes[at] = (major << 5) | 24;
      this.#bytes[at + 1] = argument;
    } else if (argument < 0x10000) {
      this.#bytes[at] = (major << 5) | 25;
      this.#view.setUint16(at + 1, argument);
    } else {
      this.#bytes[at] = (major << 5) | 26;
      this.#view.setUint32(at + 1, argument);
    }
    this.#at = at + headSize(argument);
  }
}
