/**
 * FNV-1a with 32 bits, the hash under pool sites and keys. The state is an int32 (only the last step makes it unsigned),
 * and each function takes and returns it, so that a fixed beginning is hashed once. Source: Zeek's fnv1a32.
 */

/** The state before the first byte. */
export const FNV_OFFSET = 0x811c9dc5 | 0;
const PRIME = 0x01000193;

/** After one byte. */
export function fnvByte(h: number, byte: number): number {
  return Math.imul(h ^ byte, PRIME);
}

/** After some bytes. */
export function fnvBytes(h: number, bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes[i]!, PRIME);
  return h;
}

/** After 32 bits, little-endian. */
export function fnvUint32(h: number, n: number): number {
  h = Math.imul(h ^ (n & 0xff), PRIME);
  h = Math.imul(h ^ ((n >>> 8) & 0xff), PRIME);
  h = Math.imul(h ^ ((n >>> 16) & 0xff), PRIME);
  return Math.imul(h ^ (n >>> 24), PRIME);
}

/** After the UTF-8 bytes of well-formed text. No bytes are made: this runs once an event. */
export function fnvText(h: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x80) {
      h = Math.imul(h ^ c, PRIME);
      continue;
    }
    const point = text.codePointAt(i)!;
    if (point < 0x800) {
      h = Math.imul(h ^ (0xc0 | (point >> 6)), PRIME);
    } else {
      if (point < 0x10000) {
        h = Math.imul(h ^ (0xe0 | (point >> 12)), PRIME);
      } else {
        i++;
        h = Math.imul(h ^ (0xf0 | (point >> 18)), PRIME);
        h = Math.imul(h ^ (0x80 | ((point >> 12) & 0x3f)), PRIME);
      }
      h = Math.imul(h ^ (0x80 | ((point >> 6) & 0x3f)), PRIME);
    }
    h = Math.imul(h ^ (0x80 | (point & 0x3f)), PRIME);
  }
  return h;
}

/** Bytes that the text has in UTF-8, counted as `fnvText` walks it. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!;
    if (point > 0xffff) i++;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}
