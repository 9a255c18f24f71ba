/** Is a batch what it claims to be? Inflates one of a log once, in the session, before a logger is asked (rule 19). */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { isFileStream, parseBatchStream } from "../logs/file-stream.ts";
import { isSourceTooLong } from "../logs/source-name.ts";
import type { LogBatchFrame } from "../protocol/frame.ts";

const LF = 0x0a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/**
 * A gzip member put behind the batch while it is inflated. The inflater stops in silence at zeros behind a member, and
 * everything after them would be lost to readers; it reaches this member only if all before it is members.
 */
const SENTINEL = gzipSync(new Uint8Array([0]));

/** Throws `invalid_data`, `too_large` or `invalid_batch`. Cost: one inflation and one hash. */
export function checkBatch(frame: LogBatchFrame): void {
  const stream = parseBatchStream(frame.stream);
  const { bytes, hash, records, range } = frame;
  if (isSourceTooLong(range)) {
    throw new FabricError("too_large", `range.source has more than ${LIMITS.logSourceBytesMax} bytes`);
  }
  if (bytes.length > LIMITS.logBatchBytesMax) {
    throw new FabricError(
      "too_large",
      `batch has ${bytes.length} bytes, at most ${LIMITS.logBatchBytesMax} are allowed`,
    );
  }
  if (records > LIMITS.logBatchRecordsMax) {
    throw new FabricError(
      "too_large",
      `batch has ${records} records, at most ${LIMITS.logBatchRecordsMax} are allowed`,
    );
  }
  if (!createHash("sha256").update(bytes).digest().equals(hash)) invalid("its hash is not that of its bytes");
  // A chunk of a file is what its writer says.
  if (!isFileStream(stream)) checkRecords(inflate(bytes), records);
  else if (records !== 1) invalid("a chunk of a file is one record");
}

/** Bytes that a batch of this size may inflate to. */
export function inflatedBytesMax(length: number): number {
  const byRatio = Math.max(LIMITS.logBatchRatioFreeBytes, length * LIMITS.logBatchRatioMax);
  return Math.min(byRatio, LIMITS.logBatchInflatedBytesMax);
}

function inflate(bytes: Uint8Array): Buffer {
  const max = inflatedBytesMax(bytes.length);
  let plain: Buffer;
  try {
    plain = gunzipSync(Buffer.concat([bytes, SENTINEL]), { maxOutputLength: max + 1 });
  } catch (error) {
    // Only Node's error has a code here; workerd's is a RangeError too.
    const isTooLong = error instanceof RangeError;
    return invalid(isTooLong ? `it inflates to more than ${max} bytes` : "it is not whole gzip members");
  }
  if (plain.at(-1) !== 0) invalid("bytes follow its last gzip member");
  return plain.subarray(0, -1);
}

function checkRecords(plain: Buffer, records: number): void {
  if (plain.at(-1) !== LF) invalid("its last record has no final newline");
  let lines = 0;
  for (let at = 0; at < plain.length; lines++) {
    const end = plain.indexOf(LF, at);
    const flaw = flawOf(plain, at, end);
    if (flaw !== undefined) invalid(`record ${lines + 1} ${flaw}`);
    at = end + 1;
  }
  if (lines !== records) invalid(`it has ${lines} records and claims ${records}`);
}

/** What is wrong with a record, judged by its ends: reading each as JSON is its reader's work. */
function flawOf(plain: Buffer, from: number, end: number): string | undefined {
  if (end === from) return "is empty";
  if (end - from > LIMITS.logRecordBytesMax) return `has more than ${LIMITS.logRecordBytesMax} bytes`;
  if (plain[from] !== OPEN_BRACE || plain[end - 1] !== CLOSE_BRACE) {
    return "is no JSON object: it must begin with { and end with }";
  }
  return undefined;
}

function invalid(why: string): never {
  throw new FabricError("invalid_batch", `the batch is refused: ${why}`);
}
