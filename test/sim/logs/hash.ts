/** A stand-in for SHA-256 in the simulated world: 32 bytes that differ when the text does, and cost little. */
export function hashOf(text: string): Uint8Array {
  const out = new Uint8Array(32);
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  const view = new DataView(out.buffer);
  view.setUint32(0, h);
  view.setUint32(4, text.length);
  let g = h ^ 0x9e3779b9;
  for (let i = text.length - 1; i >= 0; i--) g = Math.imul(g ^ text.charCodeAt(i), 0x85ebca6b) >>> 0;
  view.setUint32(8, g);
  return out;
}
