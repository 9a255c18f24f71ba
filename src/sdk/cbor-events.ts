/**
 * The events of a CBOR segment, as bytes: where each one lies is known, and it is decoded when somebody reads it. So an
 * event that is only handed over costs no more than the step over it, and one that is told by its name costs that name.
 */
import { CborReader } from "../data/cbor-reader.ts";
import { readText } from "../data/cbor-value.ts";
import type { FabricEvent } from "../protocol/event.ts";
import { decodeEvents } from "../protocol/transcode.ts";
import { itemEnds } from "./cbor-split.ts";

/** Heads of an event: an array of two items, or three. */
const HEADS: readonly (number | undefined)[] = [0x82, 0x83];

export class CborEvents {
  readonly #bytes: Uint8Array;
  readonly #ends: readonly number[];
  /** The name read last, and where its text item lies: most events of a topic have the same name. */
  #name = "";
  #nameStart = 0;
  #nameEnd = 0;

  /** Throws `deserialization_failed` for what is no sequence of arrays. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#ends = itemEnds(bytes);
  }

  get count(): number {
    return this.#ends.length;
  }

  /** The name of the event at this place. Throws `deserialization_failed` when it has none. */
  name(index: number): string {
    const start = this.#start(index);
    if (!this.#hasLastName(start)) {
      const reader = new CborReader(this.#bytes.subarray(start, this.#ends[index]));
      reader.array();
      this.#nameStart = this.#ends[index]! - reader.left;
      this.#name = readText(reader);
      this.#nameEnd = this.#ends[index]! - reader.left;
    }
    return this.#name;
  }

  /** The event at this place. Throws `deserialization_failed` when it is none. */
  event(index: number): FabricEvent {
    return decodeEvents(this.#bytes.subarray(this.#start(index), this.#ends[index]), 1)[0]!;
  }

  #start(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!;
  }

  /** Whether the event that starts there has the name read last: the same bytes, those of its length among them. */
  #hasLastName(start: number): boolean {
    const bytes = this.#bytes;
    const size = this.#nameEnd - this.#nameStart;
    if (size === 0 || !HEADS.includes(bytes[start])) return false;
    for (let i = 0; i < size; i++) {
      if (bytes[start + 1 + i] !== bytes[this.#nameStart + i]) return false;
    }
    return true;
  }
}
