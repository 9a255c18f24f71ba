/**
 * The reader's side of credit: counts what it has consumed and says when the router is to be told, which is when a
 * quarter of the window is used, or some time after anything was (design.md, decision 4; rule 12).
 */
import { encodeFrame } from "./frame-codec.ts";
import type { Position } from "./frame.ts";

/** The part of the window that is consumed before the router is told. */
const TOLD_AFTER = 4;

export class ReaderCredit {
  readonly #windowBytes: number;
  #untoldBytes = 0;
  #position: Position | undefined;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  /** Whether anything is consumed that the router does not know of. */
  get isUntold(): boolean {
    return this.#position !== undefined;
  }

  /** A delivery up to this position is consumed; answers whether the router is to be told now. */
  consume(position: Position, bytes: number): boolean {
    this.#untoldBytes += bytes;
    this.#position = position;
    return this.#untoldBytes * TOLD_AFTER >= this.#windowBytes;
  }

  /** The frame that tells the router, if there is anything to tell. */
  take(): Uint8Array | undefined {
    const position = this.#position;
    if (position === undefined) return undefined;
    this.#position = undefined;
    this.#untoldBytes = 0;
    return encodeFrame({ type: "credit", position, window: this.#windowBytes });
  }
}
