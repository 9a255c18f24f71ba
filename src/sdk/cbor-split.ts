/**
 * Finds the items of a CBOR sequence without decoding them: heads are read, what they introduce is stepped over. So an
 * event costs its decoding only when somebody reads it.
 */
import { FabricError } from "../base/errors.ts";
import { MAJOR } from "../data/cbor-reader.ts";

function fail(why: string): never {
  throw new FabricError("deserialization_failed", `CBOR: ${why}`);
}

/** Where each item ends. Throws `deserialization_failed` unless all are arrays and the last one is whole. */
export function itemEnds(bytes: Uint8Array): number[] {
  const ends: number[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at]! >> 5 !== MAJOR.array) fail("not an array");
    at = skipItem(bytes, at);
    ends.push(at);
  }
  return ends;
}

/** Where the item that begins at `at` ends. */
function skipItem(bytes: Uint8Array, at: number): number {
  for (let left = 1; left > 0; left--) {
    if (at >= bytes.length) fail("ends too early");
    const first = bytes[at]!;
    const info = first & 31;
    const argumentBytes = info < 24 ? 0 : info < 28 ? 1 << (info - 24) : fail("indefinite length");
    let argument = argumentBytes === 0 ? info : 0;
    // Rounded past 2^53, where no length is possible anyway.
    for (let i = 1; i <= argumentBytes; i++) argument = argument * 256 + (bytes[at + i] ?? 0);
    at += 1 + argumentBytes;
    const major = first >> 5;
    if (major === MAJOR.bytes || major === MAJOR.text) at += argument;
    else if (major === MAJOR.array) left += argument;
    else if (major === MAJOR.map || major === MAJOR.tag) fail("a map or a tag");
    if (at > bytes.length || left > bytes.length) fail("ends too early");
  }
  return at;
}
