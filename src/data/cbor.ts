/**
 * CBOR, the internal and native wire form. The only import of cbor-x: the build without code generation, because the
 * default one throws inside a request once the Worker has started; records off, because they are not plain CBOR.
 */
import { Encoder } from "cbor-x/index-no-eval";
import { FabricError } from "../base/errors.ts";

const codec = new Encoder({
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  structuredClone: false,
});

/** Encodes one item made of null, booleans, numbers, bigints, strings, Uint8Arrays, arrays and plain objects. */
export function encodeItem(item: unknown): Uint8Array {
  return codec.encode(item);
}

/** Decodes exactly one item; byte strings are views into `bytes`. Throws `deserialization_failed`. */
export function decodeItem(bytes: Uint8Array): unknown {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    throw new FabricError("deserialization_failed", "frame is not CBOR", { cause });
  }
}
