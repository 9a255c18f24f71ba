/** Cuts a stream of chunks into lines. A line may be spread over any number of chunks; one that is too long is dropped. */

const LF = 0x0a;

export interface Line {
  /** Without the newline; a view into the chunk where possible. Undefined for a line longer than the bound. */
  readonly bytes: Uint8Array | undefined;
  /** Whether the newline stands behind `bytes` in their buffer. */
  readonly inPlace: boolean;
  /** Offset behind the newline. */
  readonly end: number;
}

export class LineSplitter {
  readonly #lineBytesMax: number;
  /** Pieces of the line that has no newline yet. */
  #pieces: Uint8Array[] = [];
  #length = 0;
  /** Offset of the first byte that no finished line holds. */
  #start: number;

  /** `offset` is that of the first chunk in its source. */
  constructor(offset: number, lineBytesMax: number) {
    this.#start = offset;
    this.#lineBytesMax = lineBytesMax;
  }

  /** Calls back for each line that the chunk ends. The chunk must not change afterwards. */
  push(chunk: Uint8Array, onLine: (line: Line) => void): void {
    let from = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, from)) {
      const length = this.#length + at - from;
      const end = this.#start + length + 1;
      const inPlace = this.#length === 0;
      let bytes: Uint8Array | undefined;
      if (length <= this.#lineBytesMax) {
        bytes = chunk.subarray(from, at);
        if (!inPlace) bytes = concat([...this.#pieces, bytes], length);
      }
      this.#pieces = [];
      this.#length = 0;
      this.#start = end;
      from = at + 1;
      onLine({ bytes, inPlace, end });
    }
    if (from === chunk.length) return;
    this.#length += chunk.length - from;
    if (this.#length <= this.#lineBytesMax) this.#pieces.push(chunk.subarray(from));
    else this.#pieces = [];
  }

  /** What stands behind the last newline, or undefined when nothing does. */
  rest(): Line | undefined {
    if (this.#length === 0) return undefined;
    const bytes = this.#length <= this.#lineBytesMax ? concat(this.#pieces, this.#length) : undefined;
    return { bytes, inPlace: false, end: this.#start + this.#length };
  }
}

/** One array of all pieces; `length` is the sum of theirs. */
export function concat(pieces: readonly Uint8Array[], length: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const out = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
