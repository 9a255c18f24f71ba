/** The bound of a source's name: the range of a writer's last batch is one row at its logger, and goes into every answer. */
import { LIMITS } from "../base/limits.ts";
import type { LogRange } from "../protocol/frame.ts";

const encoder = new TextEncoder();

/** Whether the range names a source with more bytes of UTF-8 than `LIMITS.logSourceBytesMax`. */
export function isSourceTooLong(range: LogRange | undefined): boolean {
  if (range === undefined) return false;
  const { source } = range;
  // A char is one byte at least and three at most: most names need no encoding.
  if (source.length > LIMITS.logSourceBytesMax) return true;
  return (
    source.length * 3 > LIMITS.logSourceBytesMax && encoder.encode(source).length > LIMITS.logSourceBytesMax
  );
}
