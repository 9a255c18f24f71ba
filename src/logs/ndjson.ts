/** Zeek's JSON logs: one object a line. Lines are checked here and shipped byte for byte. */

/** What a JSON line is: the stream that it names itself, if any; or why it is no record. */
export type JsonLine = { readonly stream: string | undefined } | { readonly reason: string };

/** Members that name the stream: of Zeek's JSON streaming output, and of collectors that merge streams. */
const STREAM_MEMBERS = ["_path", "@stream"];

/** Checks one line without its newline. Costs one `JSON.parse`. */
export function parseJsonLine(text: string): JsonLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { reason: "it is not valid JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { reason: "it is not a JSON object" };
  }
  for (const member of STREAM_MEMBERS) {
    const name = (value as Record<string, unknown>)[member];
    if (typeof name === "string") return { stream: name };
  }
  return { stream: undefined };
}
