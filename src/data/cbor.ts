/**
 * CBOR, the internal and native wire form. Decoded by cbor-x, whose only import this is: the build without code generation, because the
 * default one throws inside a request once the Worker has started; records off, because they are not plain CBOR.
 */
import { Decoder } from "cbor-x/index-no-eval";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { writeItem } from "./cbor-item.ts";
import { CborReader, MAJOR, SIMPLE } from "./cbor-reader.ts";

const codec = new Decoder({
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  structuredClone: false,
});

/** Encodes one item made of null, booleans, numbers, bigints, strings, Uint8Arrays, arrays and plain objects. */
export function encodeItem(item: unknown): Uint8Array {
  return writeItem(item);
}

/**
 * Decodes exactly one item of these kinds; byte strings are views into `bytes`. Throws `deserialization_failed` for
 * anything else: tags, indefinite lengths, maps with keys other than text, nesting past `LIMITS.valueNestingMax`,
 * lengths beyond the end, bytes after the item. Memory is in proportion to the bytes.
 */
export function decodeItem(bytes: Uint8Array): unknown {
  const reader = new CborReader(bytes);
  checkItem(reader, 0);
  if (reader.left > 0) reader.fail("bytes after the item");
  try {
    return codec.decode(bytes);
  } catch (cause) {
    throw new FabricError("deserialization_failed", "CBOR: not an item of the fabric", { cause });
  }
}

/** The decoder itself believes lengths and takes extensions, so the structure is checked before it runs. */
function checkItem(reader: CborReader, depth: number): void {
  reader.head();
  switch (reader.major) {
    case MAJOR.uint:
    case MAJOR.negative:
      return;
    case MAJOR.bytes:
      reader.bytes();
      return;
    case MAJOR.text:
      reader.text();
      return;
    case MAJOR.simple:
      if (reader.info < SIMPLE.false || reader.info === 24) reader.fail("unknown simple value");
      return;
    case MAJOR.array:
    case MAJOR.map:
      if (depth >= LIMITS.valueNestingMax) reader.fail("nested too deeply");
      return checkItems(reader, depth + 1);
    default:
      return reader.fail("a tag");
  }
}

function checkItems(reader: CborReader, depth: number): void {
  const isMap = reader.major === MAJOR.map;
  const size = isMap ? reader.mapSize() : reader.arraySize();
  for (let i = 0; i < size; i++) {
    if (isMap) checkKey(reader);
    checkItem(reader, depth);
  }
}

function checkKey(reader: CborReader): void {
  reader.head();
  if (reader.major !== MAJOR.text) reader.fail("a key that is not text");
  reader.text();
}
