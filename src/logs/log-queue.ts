/**
 * Batches that an object of the fabric writes to the loggers, one under way at a time (rules 17 and 18): what is queued
 * has its logger and number, durably, before it is sent, and goes as it is until it is answered. For a few records a
 * second; shippers, which send many at once, have shipper.ts. Without I/O: `next` says what to send, and every change
 * of state is given out to be made durable first.
 */
import type { Frame, FrameOf, InstanceId, LogBatchFrame } from "../protocol/frame.ts";

/** A batch before it has a logger and a number. */
export type LogLines = Pick<LogBatchFrame, "stream" | "records" | "hash" | "bytes">;

export interface QueuedBatch extends LogLines {
  /** Its place in the queue: 1, 2, 3, … */
  readonly id: number;
  readonly logger: string;
  readonly number: number;
}

/** One life of the writer: batches are numbered anew in each. */
export interface LogWriterLife {
  readonly writer: InstanceId;
  /** ms since 1970. */
  readonly birthMs: number;
}

export interface LogQueueState {
  readonly life: LogWriterLife;
  /** Last batch that each logger has acknowledged. */
  readonly lasts: ReadonlyMap<string, number>;
  /** By id. */
  readonly batches: readonly QueuedBatch[];
}

export type LogQueueChange =
  /** A batch, new or under another logger and number. */
  | { readonly type: "batch"; readonly batch: QueuedBatch }
  | { readonly type: "taken"; readonly id: number; readonly logger: string; readonly number: number }
  /** A new life; numbers of loggers start anew. */
  | { readonly type: "life"; readonly life: LogWriterLife };

export class LogQueue {
  readonly #loggers: readonly string[];
  #life: LogWriterLife;
  #lasts: Map<string, number>;
  #batches: QueuedBatch[];
  #lastId: number;
  /** Loggers that have refused this writer, while there are others. */
  readonly #refusing = new Set<string>();
  /** Whether the logger has to be asked for its position before it takes anything. */
  #asksFirst = false;

  /** @param loggers Those of the layout that take new batches. */
  constructor(loggers: readonly string[], state: LogQueueState) {
    this.#loggers = loggers;
    this.#life = state.life;
    this.#lasts = new Map(state.lasts);
    this.#batches = [...state.batches];
    this.#lastId = state.batches.at(-1)?.id ?? 0;
  }

  /** Batches that are not acknowledged. */
  get length(): number {
    return this.#batches.length;
  }

  /** Queues a batch. Without a logger in the layout there is nowhere to write it: then nothing changes. */
  add(lines: LogLines): readonly LogQueueChange[] {
    const logger = this.#choose();
    if (logger === undefined) return [];
    const batch = { ...lines, id: ++this.#lastId, logger, number: this.#nextNumber(logger) };
    this.#batches.push(batch);
    return [{ type: "batch", batch }];
  }

  /** What to send now: the oldest batch, or a question; undefined when all is taken. */
  next(): LogBatchFrame | FrameOf<"logResume"> | undefined {
    const batch = this.#batches[0];
    if (batch === undefined) return undefined;
    const { logger, number, stream, records, hash, bytes } = batch;
    const { writer, birthMs } = this.#life;
    if (this.#asksFirst) return { type: "logResume", logger, writer, birthMs };
    return {
      type: "logBatch",
      logger,
      writer,
      birthMs,
      number,
      stream,
      records,
      hash,
      range: undefined,
      bytes,
    };
  }

  /** Whether the frame answers what `next` says: another writer's may come over the same connection. */
  isAnswer(frame: Frame): frame is FrameOf<"logAck" | "logRefused"> {
    const isAnswer = frame.type === "logAck" || frame.type === "logRefused";
    return isAnswer && frame.writer === this.#life.writer && frame.logger === this.#batches[0]?.logger;
  }

  /**
   * The answer to `next`. A refusal moves what is queued to another logger or to a new life; `unavailable` waits.
   * @param newLife Used when no logger knows this writer any more: its marks have expired, or its storage is another's.
   */
  answered(frame: Frame, newLife: LogWriterLife): readonly LogQueueChange[] {
    const batch = this.#batches[0];
    if (batch === undefined) return [];
    const wasQuestion = this.#asksFirst;
    if (frame.type === "logAck") {
      this.#asksFirst = false;
      return frame.last.number >= batch.number ? this.#taken(batch) : [];
    }
    if (frame.type !== "logRefused") return [];
    switch (frame.code) {
      case "logger_disabled":
      case "too_many":
      case "unknown_logger":
        return this.#leave(batch.logger);
      case "unavailable":
        this.#asksFirst = true;
        return [];
      default:
        // The logger and this queue disagree about where the writer stands. Nothing of this batch was taken.
        this.#asksFirst = false;
        return wasQuestion && frame.code !== "unknown_writer" ? [] : this.#begin(newLife);
    }
  }

  #choose(): string | undefined {
    const willing = this.#loggers.filter((logger) => !this.#refusing.has(logger));
    const last = this.#batches.at(-1)?.logger;
    return last !== undefined && willing.includes(last) ? last : (willing[0] ?? this.#loggers[0]);
  }

  #nextNumber(logger: string): number {
    const waiting = this.#batches.filter((batch) => batch.logger === logger).length;
    return (this.#lasts.get(logger) ?? 0) + waiting + 1;
  }

  #taken({ id, logger, number }: QueuedBatch): readonly LogQueueChange[] {
    this.#batches.shift();
    this.#lasts.set(logger, number);
    return [{ type: "taken", id, logger, number }];
  }

  /** What a logger has refused counts as new (R17): it goes to another, and all behind it. */
  #leave(logger: string): readonly LogQueueChange[] {
    this.#refusing.add(logger);
    if (this.#loggers.every((name) => this.#refusing.has(name))) this.#refusing.clear();
    this.#asksFirst = false;
    return this.#renumber();
  }

  #begin(life: LogWriterLife): readonly LogQueueChange[] {
    this.#life = life;
    this.#lasts = new Map();
    return [{ type: "life", life }, ...this.#renumber()];
  }

  #renumber(): readonly LogQueueChange[] {
    const batches = this.#batches;
    this.#batches = [];
    return batches.map((before) => {
      const logger = this.#choose() ?? before.logger;
      const batch = { ...before, logger, number: this.#nextNumber(logger) };
      this.#batches.push(batch);
      return { type: "batch", batch };
    });
  }
}
