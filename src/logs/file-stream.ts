/**
 * Files that programs write in chunks. To a logger a file is a stream of its own, named `files/<path>`: no log stream has
 * a slash in its name. Its batches are the chunks as they are, and an object in R2 is a part of the file:
 * `files/<path>/<ms>-<logger>-<first>-<last>`, with the time at which its first chunk was accepted. So the parts of a
 * file, sorted by key and put behind one another, are the file.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { FILE_STREAMS } from "../protocol/grant.ts";
import { isStreamName, parseStreamName, type StreamName } from "./stream-name.ts";

/** Digits of a time: they sort as text until the year 2286. */
const MS_DIGITS = 13;
const PART = /\/(\d{13})-[A-Za-z0-9._-]+-\d+-\d+$/;
// oxlint-disable-next-line no-control-regex -- a path that is printed must not speak to the terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const encoder = new TextEncoder();

/** Why the text is no path of a file, or undefined when it is one. */
function flawOf(path: string): string | undefined {
  if (!path.isWellFormed()) return "has a lone surrogate";
  if (encoder.encode(path).length > LIMITS.filePathBytesMax)
    return `has more than ${LIMITS.filePathBytesMax} bytes`;
  if (CONTROL.test(path)) return "has a control character";
  const isStep = (name: string) => name === "" || name === "." || name === "..";
  return path.split("/").some(isStep) ? 'has a step that is empty, "." or ".."' : undefined;
}

/**
 * The stream of a file. Throws `invalid_data` unless the path is 1 to `LIMITS.filePathBytesMax` bytes of UTF-8 without
 * control characters, its steps, between slashes, neither empty nor `.` nor `..`.
 */
export function fileStream(path: string): StreamName {
  const flaw = flawOf(path);
  if (flaw !== undefined) throw new FabricError("invalid_data", `the path of a file ${flaw}`);
  return (FILE_STREAMS + path) as StreamName;
}

/** Whether the text names the stream of a file. */
export function isFileStream(text: string): text is StreamName {
  return text.startsWith(FILE_STREAMS) && flawOf(text.slice(FILE_STREAMS.length)) === undefined;
}

/** The path of a file's stream. */
export function filePath(stream: string): string {
  return stream.slice(FILE_STREAMS.length);
}

/** Whether a logger takes batches under this name: a log stream or a file. */
export function isBatchStream(text: string): text is StreamName {
  return isStreamName(text) || isFileStream(text);
}

/** The name of a log stream or of a file's stream. Throws `invalid_data`. */
export function parseBatchStream(text: string): StreamName {
  return text.startsWith(FILE_STREAMS) ? fileStream(filePath(text)) : parseStreamName(text);
}

export interface PartName {
  readonly stream: StreamName;
  /** When its first chunk was accepted, ms since 1970. */
  readonly sinceMs: number;
  readonly logger: string;
  readonly first: number;
  readonly last: number;
}

/** The R2 key of a part. */
export function partKey({ stream, sinceMs, logger, first, last }: PartName): string {
  return `${stream}/${String(sinceMs).padStart(MS_DIGITS, "0")}-${logger}-${first}-${last}`;
}

/** The time in a part's key, ms since 1970; undefined for the key of log records. */
export function partTime(key: string): number | undefined {
  const ms = key.startsWith(FILE_STREAMS) ? PART.exec(key)?.[1] : undefined;
  return ms === undefined ? undefined : Number(ms);
}
