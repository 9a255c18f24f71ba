/** Byte strings (protocol/topic.ts) for people. */

/** Two digits a byte. */
export function toHex(bytes: string): string {
  let out = "";
  for (let i = 0; i < bytes.length; i++) out += bytes.charCodeAt(i).toString(16).padStart(2, "0");
  return out;
}
