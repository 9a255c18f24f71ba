/**
 * The accepted batches that are in no plan yet, by stream, in the order of acceptance. It cuts them into runs: an
 * object holds consecutive batches of one stream and one hour, within the bounds of an object.
 */
import { LIMITS } from "../base/limits.ts";
import type { StreamName } from "./stream-name.ts";

/** What the logger keeps in memory of a batch; the bytes stay in storage under `id`. */
export interface BufferedBatch {
  /** The logger's own number of the batch: 1, 2, 3, … over all streams and writers, never used twice. */
  readonly id: number;
  readonly stream: StreamName;
  /** Start of the hour of acceptance, ms since 1970. */
  readonly hourMs: number;
  readonly receivedMs: number;
  readonly records: number;
  /** Bytes of gzip. */
  readonly length: number;
}

interface StreamBuffer {
  readonly batches: BufferedBatch[];
  bytes: number;
}

export class BatchBuffer {
  /** Ordered by the age of their oldest batch, because a stream leaves as a whole and comes back at the end. */
  readonly #streams = new Map<StreamName, StreamBuffer>();

  /** Streams with batches. */
  get streams(): readonly StreamName[] {
    return [...this.#streams.keys()];
  }

  /** When the oldest batch is old enough to be flushed, or undefined. */
  get dueMs(): number | undefined {
    const [oldest] = this.#streams.values();
    const first = oldest?.batches[0];
    return first === undefined ? undefined : first.receivedMs + LIMITS.logObjectAgeMs;
  }

  /** Adds a batch; ids rise. Returns whether the stream now fills an object. */
  add(batch: BufferedBatch): boolean {
    let buffer = this.#streams.get(batch.stream);
    if (buffer === undefined) this.#streams.set(batch.stream, (buffer = { batches: [], bytes: 0 }));
    buffer.batches.push(batch);
    buffer.bytes += batch.length;
    return buffer.bytes >= LIMITS.logObjectBytes || buffer.batches.length >= LIMITS.logObjectMembersMax;
  }

  /** Streams whose oldest batch is due. */
  due(nowMs: number): StreamName[] {
    const out: StreamName[] = [];
    for (const [stream, { batches }] of this.#streams) {
      if (batches[0]!.receivedMs + LIMITS.logObjectAgeMs > nowMs) break;
      out.push(stream);
    }
    return out;
  }

  /** Takes all batches of the stream, cut into runs that each make one object. */
  take(stream: StreamName): BufferedBatch[][] {
    const batches = this.#streams.get(stream)?.batches ?? [];
    this.#streams.delete(stream);
    const runs: BufferedBatch[][] = [];
    let run: BufferedBatch[] = [];
    let bytes = 0;
    for (const batch of batches) {
      const isFull = bytes >= LIMITS.logObjectBytes || run.length >= LIMITS.logObjectMembersMax;
      if (run.length > 0 && (isFull || run[0]!.hourMs !== batch.hourMs)) {
        runs.push(run);
        run = [];
        bytes = 0;
      }
      run.push(batch);
      bytes += batch.length;
    }
    if (run.length > 0) runs.push(run);
    return runs;
  }
}
