/**
 * Log records that wait to be sent together, by stream: as in Zeek, until a stream has `LIMITS.logFlushRecords` of them
 * or its oldest has waited for `LIMITS.logFlushMs`; or until they have the bytes of a batch. Pure.
 */
import { LIMITS } from "../base/limits.ts";

interface Stream<Entry> {
  readonly entries: Entry[];
  bytes: number;
  readonly sinceMs: number;
}

export class RecordBuffer<Entry> {
  /** Ordered by the age of their oldest record: a stream leaves as a whole and comes back at the end. */
  readonly #streams = new Map<string, Stream<Entry>>();

  /** When `due` has something, or undefined. */
  get dueMs(): number | undefined {
    const [oldest] = this.#streams.values();
    return oldest === undefined ? undefined : oldest.sinceMs + LIMITS.logFlushMs;
  }

  /** Streams with records. */
  get streams(): readonly string[] {
    return [...this.#streams.keys()];
  }

  /** Adds a record of so many bytes. Returns whether the stream is to be sent now. */
  add(stream: string, entry: Entry, bytes: number, nowMs: number): boolean {
    let found = this.#streams.get(stream);
    if (found === undefined) this.#streams.set(stream, (found = { entries: [], bytes: 0, sinceMs: nowMs }));
    found.entries.push(entry);
    found.bytes += bytes;
    return found.entries.length >= LIMITS.logFlushRecords || found.bytes >= LIMITS.shipSegmentBytes;
  }

  /** Streams whose oldest record has waited long enough. */
  due(nowMs: number): readonly string[] {
    const out: string[] = [];
    for (const [stream, { sinceMs }] of this.#streams) {
      if (sinceMs + LIMITS.logFlushMs > nowMs) break;
      out.push(stream);
    }
    return out;
  }

  /** Takes all records of the stream, in order. */
  take(stream: string): readonly Entry[] {
    const entries = this.#streams.get(stream)?.entries ?? [];
    this.#streams.delete(stream);
    return entries;
  }
}
