/** Names of log streams: Zeek's log paths (`conn`, `http`, `files.v2`). They become folders in R2. */
import type { Brand } from "../base/brand.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";

export type StreamName = Brand<string, "StreamName">;

const NAME = /^(?!\.)(?!.*\.\.)[A-Za-z0-9._-]+$/;

/** Whether the text is a stream name: letters, digits, `.`, `_`, `-`; no leading dot and no two dots in a row. */
export function isStreamName(text: string): text is StreamName {
  return text.length <= LIMITS.streamNameMax && NAME.test(text);
}

/** A stream name from text. Throws `invalid_data`. */
export function parseStreamName(text: string): StreamName {
  if (isStreamName(text)) return text;
  throw new FabricError(
    "invalid_data",
    `stream name must be 1 to ${LIMITS.streamNameMax} letters, digits, ".", "_" or "-", without a leading dot or ".."`,
  );
}
