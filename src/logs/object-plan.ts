/** A planned log object: fixed before the put, so that every retry writes the same bytes under the same key (rule 20). */
import { assert } from "../base/assert.ts";
import { LIMITS } from "../base/limits.ts";
import type { BufferedBatch } from "./batch-buffer.ts";
import { isFileStream, partKey } from "./file-stream.ts";
import { objectKey } from "./object-key.ts";
import type { StreamName } from "./stream-name.ts";

/** One gzip member of an object, or a chunk of a file's part: one batch as it was sent. */
export interface Member {
  readonly id: number;
  /** Bytes; the offset is the sum of the lengths before it. */
  readonly length: number;
  readonly records: number;
}

export interface ObjectPlan {
  readonly key: string;
  readonly stream: StreamName;
  readonly hourMs: number;
  readonly first: number;
  readonly last: number;
  /** Bytes of the object. */
  readonly length: number;
  readonly records: number;
  /** In the order of their bytes; ids rise. */
  readonly members: readonly Member[];
}

/** The plan for a run of batches, which must be of one stream and one hour. */
export function planObject(logger: string, run: readonly BufferedBatch[]): ObjectPlan {
  const first = run[0];
  const last = run.at(-1);
  assert(first !== undefined && last !== undefined, "a plan has at least one batch");
  assert(
    run.every((b) => b.stream === first.stream && b.hourMs === first.hourMs),
    "a plan has one stream and one hour",
  );
  const { stream, hourMs, receivedMs: sinceMs } = first;
  const name = { stream, hourMs, sinceMs, logger, first: first.id, last: last.id };
  return {
    key: isFileStream(stream) ? partKey(name) : objectKey(name),
    stream,
    hourMs,
    first: first.id,
    last: last.id,
    length: run.reduce((sum, b) => sum + b.length, 0),
    records: run.reduce((sum, b) => sum + b.records, 0),
    members: run.map(({ id, length, records }) => ({ id, length, records })),
  };
}

/** Where the members behind the batch `after` start in the object, bytes; 0 when all are behind it. */
export function offsetAfter(members: readonly Member[], after: number): number {
  return members.reduce((offset, member) => (member.id <= after ? offset + member.length : offset), 0);
}

/**
 * What stands beside the object in R2: counts, and the lengths of the members as far as they fit, so that one who has
 * only R2 can go member by member (rule 21).
 */
export function objectMetadata(plan: ObjectPlan): Record<string, string> {
  const members = plan.members.map(({ length }) => length).join(",");
  return {
    records: String(plan.records),
    batches: String(plan.members.length),
    ...(members.length <= LIMITS.logObjectMetadataBytesMax ? { members } : {}),
  };
}
