/** The form of a call to ClusterLayout: one small text of JSON in ASCII, because it travels in a header (rules.md 34). */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";

const NOT_ASCII = /[\u0080-\uffff]/g;

/** JSON in ASCII alone. Throws `too_large` past `LIMITS.layoutDocumentBytesMax`. */
export function formatCall(argument: unknown): string {
  const escaped = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const text = JSON.stringify(argument).replaceAll(NOT_ASCII, escaped);
  assertSmall(text);
  return text;
}

/** What `formatCall` was given. Throws `too_large`, and `invalid_layout` for what is no JSON in ASCII. */
export function parseCall(text: unknown): unknown {
  if (typeof text !== "string") throw new FabricError("invalid_layout", "a call takes one text");
  assertSmall(text);
  if (text.search(NOT_ASCII) >= 0) throw new FabricError("invalid_layout", "a call is ASCII");
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FabricError("invalid_layout", "a call is JSON", { cause });
  }
}

function assertSmall(text: string): void {
  const max = LIMITS.layoutDocumentBytesMax;
  if (text.length <= max) return;
  throw new FabricError(
    "too_large",
    `the document has ${text.length} bytes, at most ${max} are allowed: what differs more belongs in a deploy`,
  );
}
