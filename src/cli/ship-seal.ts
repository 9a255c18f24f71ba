/** Seals the parts of a segment into batches: gzip in zlib's threads, and the hash. */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { LIMITS } from "../base/limits.ts";
import type { SegmentPart } from "../logs/segmenter.ts";
import type { LogRange } from "../protocol/frame.ts";
import type { SealedPart } from "../sdk/ship-writer.ts";

const LF = 0x0a;
const gzipAsync = promisify(gzip);

/** The batches of one part: one, or more when it compresses badly. `level` is zlib's, 1 to 9. */
export async function sealPart(part: SegmentPart, range: LogRange, level: number): Promise<SealedPart[]> {
  const bytes = await gzipAsync(part.lines, { level });
  if (bytes.length > LIMITS.logBatchBytesMax && part.records > 1) {
    const halves = await Promise.all(splitPart(part).map((half) => sealPart(half, range, level)));
    return halves.flat();
  }
  const hash = new Uint8Array(createHash("sha256").update(bytes).digest());
  const { stream, records } = part;
  return [{ batch: { stream, records, hash, size: bytes.length, range }, bytes }];
}

/** Two parts with about half of the bytes each; there is more than one record. */
function splitPart({ stream, records, lines }: SegmentPart): readonly SegmentPart[] {
  const middle = lines.indexOf(LF, lines.length >> 1);
  // The last newline ends the part: then the cut is before its last line instead.
  const cut = (middle === lines.length - 1 ? lines.lastIndexOf(LF, middle - 1) : middle) + 1;
  const first = lines.subarray(0, cut);
  let firstRecords = 0;
  for (let at = first.indexOf(LF); at !== -1; at = first.indexOf(LF, at + 1)) firstRecords++;
  return [
    { stream, records: firstRecords, lines: first },
    { stream, records: records - firstRecords, lines: lines.subarray(cut) },
  ];
}
