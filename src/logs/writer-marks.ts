/**
 * Where each log writer stands at one logger, and what a batch with a given number means (rules 17 and 18). A logger
 * takes exactly the next number of a writer; the last number's hash and range tell a repeat from another batch.
 */
import type { ErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { InstanceId, LogBatchFrame, LogMark, LogRange } from "../protocol/frame.ts";

/** The durable row of one writer. */
export interface WriterMark {
  readonly writer: InstanceId;
  readonly last: LogMark;
  /** When `last` was taken, ms since 1970. */
  readonly seenMs: number;
  /** Whether batches were refused because the logger was disabled: the writer may have sent them elsewhere since. */
  readonly fenced: boolean;
}

/** Position of a writer that has sent nothing yet. */
const NO_BATCH: LogMark = { number: 0, hash: new Uint8Array(0), range: undefined };

interface Refusal {
  readonly verdict: "refused";
  readonly code: ErrorCode;
  readonly message: string;
  /** The logger's position, where it has one for this writer. */
  readonly last: LogMark | undefined;
}

export type Position = { readonly verdict: "known"; readonly last: LogMark } | Refusal;
export type Judgement = { readonly verdict: "next" | "repeat"; readonly last: LogMark } | Refusal;

export class WriterMarks {
  readonly #marks: Map<InstanceId, WriterMark>;
  /** Marks that differ from storage. */
  readonly #changed = new Map<InstanceId, WriterMark>();

  constructor(marks: readonly WriterMark[]) {
    this.#marks = new Map(marks.map((mark) => [mark.writer, mark]));
  }

  get size(): number {
    return this.#marks.size;
  }

  /** Where the writer stands; `unknown_writer` unless it is known or young enough to start. */
  position(writer: InstanceId, birthMs: number, nowMs: number): Position {
    const mark = this.#live(writer, nowMs);
    if (mark !== undefined) return { verdict: "known", last: mark.last };
    const ageMs = nowMs - birthMs;
    if (ageMs > LIMITS.logBirthAgeMsMax || ageMs < -LIMITS.logClockSkewMs) {
      return refused("unknown_writer", `the writer is unknown, and its birth is ${ageMs} ms ago`, undefined);
    }
    if (this.#marks.size >= LIMITS.logWritersMax) {
      return refused("too_many", `the logger knows ${LIMITS.logWritersMax} writers`, undefined);
    }
    // Kept, so that a window of batches whose first was refused for a passing reason outlives this memory.
    this.#keep({ writer, last: NO_BATCH, seenMs: nowMs, fenced: false });
    return { verdict: "known", last: NO_BATCH };
  }

  /** What the batch's number means. Changes no position, but a young writer becomes known. */
  judge(frame: LogBatchFrame, nowMs: number): Judgement {
    if (frame.number !== 1 && this.#live(frame.writer, nowMs) === undefined) {
      return refused(
        "unknown_writer",
        `the writer is unknown and starts at batch ${frame.number}, not 1`,
        undefined,
      );
    }
    const position = this.position(frame.writer, frame.birthMs, nowMs);
    if (position.verdict === "refused") return position;
    const { last } = position;
    if (frame.number === last.number + 1) return { verdict: "next", last };
    if (frame.number > last.number) {
      return refused("expected", `expected ${last.number + 1}, got batch ${frame.number}`, last);
    }
    if (frame.number === 0) return refused("invalid_data", "batches are numbered from 1", last);
    if (frame.number === last.number && !isSameBatch(frame, last)) {
      return refused("conflict", `batch ${frame.number} was taken with other content`, last);
    }
    return { verdict: "repeat", last };
  }

  /** Moves the writer to the batch, which must have been judged `next`. Returns the new position. */
  take(frame: LogBatchFrame, nowMs: number): LogMark {
    const { writer, number, hash, range } = frame;
    const last = { number, hash: hash.slice(), range };
    this.#keep({ writer, last, seenMs: nowMs, fenced: this.isFenced(writer) });
    return last;
  }

  isFenced(writer: InstanceId): boolean {
    return this.#marks.get(writer)?.fenced ?? false;
  }

  /** Remembers that batches of a known writer were refused for good. */
  fence(writer: InstanceId): void {
    const mark = this.#marks.get(writer);
    if (mark !== undefined && !mark.fenced) this.#keep({ ...mark, fenced: true });
  }

  /** The marks to store since the last call. */
  changed(): WriterMark[] {
    const out = [...this.#changed.values()];
    this.#changed.clear();
    return out;
  }

  /** Forgets the marks whose time is over, and returns their writers. */
  expire(nowMs: number): InstanceId[] {
    const over = [...this.#marks.values()].filter((mark) => isExpired(mark, nowMs));
    for (const { writer } of over) {
      this.#marks.delete(writer);
      this.#changed.delete(writer);
    }
    return over.map(({ writer }) => writer);
  }

  #keep(mark: WriterMark): void {
    this.#marks.set(mark.writer, mark);
    this.#changed.set(mark.writer, mark);
  }

  #live(writer: InstanceId, nowMs: number): WriterMark | undefined {
    const mark = this.#marks.get(writer);
    return mark !== undefined && !isExpired(mark, nowMs) ? mark : undefined;
  }
}

function isExpired(mark: WriterMark, nowMs: number): boolean {
  return nowMs - mark.seenMs >= LIMITS.logMarkMs;
}

function refused(code: ErrorCode, message: string, last: LogMark | undefined): Refusal {
  return { verdict: "refused", code, message, last };
}

function isSameBatch(frame: LogBatchFrame, last: LogMark): boolean {
  return isSameBytes(frame.hash, last.hash) && isSameRange(frame.range, last.range);
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function isSameRange(a: LogRange | undefined, b: LogRange | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.source === b.source && a.from === b.from && a.to === b.to;
}
