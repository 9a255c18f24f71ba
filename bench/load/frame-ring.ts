/**
 * Frames of one publisher, ready for its socket: a ring that is filled once with masked WebSocket frames, in which only
 * counter and time change. A slot is used again after `frames` sends, so at most `frames` may be in flight.
 */

/** Both rings of this bench send messages whose length stands in two bytes. */
const FRAME_HEADER_BYTES = 8;
const MASK = [0x37, 0xfa, 0x21, 0x3d] as const;
const FIRST_BYTE = { text: 0x81, binary: 0x82 } as const;

/** Writes a byte of the message at an offset from its start. */
export type PutByte = (at: number, byte: number) => void;

/** A message of which every frame of a publisher is a copy. */
export interface Template {
  readonly type: keyof typeof FIRST_BYTE;
  /** 126 to 65,535 bytes. */
  readonly message: Uint8Array;
  /** Writes what is different in the message with this number, sent at this time. */
  write(put: PutByte, counter: number, us: number): void;
}

export class FrameRing {
  readonly #template: Template;
  readonly #bytes: Buffer;
  readonly #frames: number;
  readonly #frameBytes: number;
  #next = 0;
  /** Where the message begins that is being written. */
  #messageAt = 0;
  readonly #put: PutByte = (at, byte) => (this.#bytes[this.#messageAt + at] = byte ^ MASK[at & 3]!);

  constructor(template: Template, frames: number) {
    const { message, type } = template;
    const frame = Buffer.alloc(FRAME_HEADER_BYTES + message.length);
    frame[0] = FIRST_BYTE[type];
    frame[1] = 0xfe; // masked, 16-bit length
    frame.writeUInt16BE(message.length, 2);
    for (let i = 0; i < 4; i++) frame[4 + i] = MASK[i]!;
    for (let i = 0; i < message.length; i++) frame[FRAME_HEADER_BYTES + i] = message[i]! ^ MASK[i & 3]!;
    this.#template = template;
    this.#frames = frames;
    this.#frameBytes = frame.length;
    this.#bytes = Buffer.alloc(frames * frame.length, frame);
  }

  /** How many frames were taken so far; also the counter of the next one. */
  get taken(): number {
    return this.#next;
  }

  /** The next frames, at most `count`, fewer where the ring's end comes first. All carry the same send time. */
  take(count: number, us: number): Buffer {
    const first = this.#next % this.#frames;
    const n = Math.min(count, this.#frames - first);
    for (let i = 0; i < n; i++) {
      this.#messageAt = (first + i) * this.#frameBytes + FRAME_HEADER_BYTES;
      this.#template.write(this.#put, this.#next + i, us);
    }
    this.#next += n;
    return this.#bytes.subarray(first * this.#frameBytes, (first + n) * this.#frameBytes);
  }
}
