/** The stream that a log record belongs to, from what its file says: `#path`, `_path`, `@stream`, or the file's name. */
import { LIMITS } from "../base/limits.ts";
import { isStreamName, parseStreamName, type StreamName } from "./stream-name.ts";

const EXTENSION = /\.(?:gz|log|json|jsonl|ndjson|tsv|txt)$/i;
/** What rotation adds: `.00-00-00-01-00-00`, `.2024-04-19-00:00:00`, `-20240419`, `.1713484800`, `.1`. */
const ROTATION =
  /(?:[._-]\d{1,4}(?:[-:_.T]\d{1,2}){2,}Z?|[._-]\d{8}(?:[-T_]?\d{2,6}Z?)?|[._-]\d{10}|\.\d{1,3})$/;
const FORBIDDEN = /[^A-Za-z0-9._-]+/g;

/** A stream name from any text: what a name may not hold becomes `_`. Undefined when nothing is left. */
export function streamOfText(text: string): StreamName | undefined {
  if (isStreamName(text)) return text;
  const name = text
    .replace(FORBIDDEN, "_")
    .replace(/\.{2,}/g, ".")
    .replace(/^\.+/, "")
    .slice(0, LIMITS.streamNameMax);
  return isStreamName(name) ? name : undefined;
}

/** A stream name from a file's name (not a path): `conn.2024-04-19-00-00-00.log.gz` is `conn`. */
export function streamOfFile(fileName: string): StreamName {
  let name = fileName;
  for (;;) {
    const shorter = name.replace(EXTENSION, "").replace(ROTATION, "");
    if (shorter === name || shorter === "") break;
    name = shorter;
  }
  return streamOfText(name) ?? parseStreamName("log");
}
