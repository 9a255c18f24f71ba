/**
 * The engine of one logger (rules 17, 18 and 20), without I/O. A turn takes everything that has arrived and answers
 * with what to commit, in one transaction, and what may only happen after it: replies and puts to R2. What is in
 * `commit` is all that survives; a new engine made from it goes on where the old one stood.
 */
import type { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Frame, FrameOf, InstanceId, LogBatchFrame } from "../protocol/frame.ts";
import { BatchBuffer, type BufferedBatch } from "./batch-buffer.ts";
import { isBatchStream } from "./file-stream.ts";
import { hourOf } from "./object-key.ts";
import { planObject, type ObjectPlan } from "./object-plan.ts";
import { PutQueue } from "./put-queue.ts";
import { isSourceTooLong } from "./source-name.ts";
import type { StreamName } from "./stream-name.ts";
import { WriterMarks, type Judgement, type WriterMark } from "./writer-marks.ts";

/** What came in. `from` is the driver's name for the trunk, handed back with the reply. */
export type LoggerInput<From> =
  | { readonly type: "frame"; readonly from: From; readonly frame: LogBatchFrame | FrameOf<"logResume"> }
  /** What operators have said about this logger at run time. Only news counts: a higher epoch than the last. */
  | { readonly type: "override"; readonly override: LoggerOverride }
  /** Flush now what is buffered, of one stream or of all. */
  | { readonly type: "flush"; readonly stream: StreamName | undefined }
  | { readonly type: "put"; readonly key: string; readonly ok: boolean }
  /** The trunk is gone. */
  | { readonly type: "gone"; readonly from: From }
  /** Time has passed. */
  | { readonly type: "wake" };

/** What the run-time part of the layout says of a logger, as of one epoch of it. */
export interface LoggerOverride {
  readonly epoch: number;
  /** Undefined leaves it to the deployed layout. */
  readonly enabled: boolean | undefined;
}

/** Before anything was said. */
export const NO_OVERRIDE: LoggerOverride = { epoch: 0, enabled: undefined };

/** A batch to be stored, with its bytes. */
interface AcceptedBatch extends BufferedBatch {
  readonly bytes: Uint8Array;
}

/** What one turn makes durable: all of it or nothing, in this order. */
export interface LoggerCommit {
  /** Writers whose marks go. */
  readonly expired: readonly InstanceId[];
  readonly batches: readonly AcceptedBatch[];
  readonly marks: readonly WriterMark[];
  /** New plans; the driver adds the hash of the bytes. */
  readonly plans: readonly ObjectPlan[];
  /** Plans that become entries of the manifest; the batches of their members go. */
  readonly done: readonly ObjectPlan[];
  /** The override in force, when this turn brought a new one. */
  readonly override: LoggerOverride | undefined;
}

export interface LoggerTurn<From> {
  readonly commit: LoggerCommit;
  /** Exactly one for each frame, in the order of the frames. */
  readonly replies: readonly { readonly to: From; readonly frame: Frame }[];
  readonly puts: readonly ObjectPlan[];
}

/** What storage holds when an engine starts. */
export interface LoggerState {
  /** Sorted by id; those of plans included. */
  readonly batches: readonly BufferedBatch[];
  /** Not done. */
  readonly plans: readonly ObjectPlan[];
  readonly marks: readonly WriterMark[];
  /** Highest id ever used, by a batch or in an object. */
  readonly lastId: number;
  readonly override: LoggerOverride;
}

export interface LoggerOptions {
  readonly name: string;
  /** Whether it takes new batches, as the deployed layout says. */
  readonly enabled: boolean;
}

type Reason = Pick<FabricError, "code" | "message">;

export class Logger<From> {
  readonly #options: LoggerOptions;
  readonly #marks: WriterMarks;
  readonly #buffer = new BatchBuffer();
  readonly #puts = new PutQueue();
  /** Trunks on which a fenced writer has said `logResume` since it was last refused. */
  readonly #resumed = new Map<InstanceId, Set<From>>();
  #override: LoggerOverride;
  #lastId: number;
  #lastMs: number;
  #bytes = 0;
  #count = 0;

  constructor(options: LoggerOptions, state: LoggerState) {
    this.#options = options;
    this.#marks = new WriterMarks(state.marks);
    this.#override = state.override;
    this.#lastId = state.lastId;
    this.#lastMs = state.batches.at(-1)?.receivedMs ?? 0;
    const planned = new Set<number>();
    for (const plan of state.plans) {
      this.#puts.add(plan);
      for (const { id } of plan.members) planned.add(id);
    }
    for (const batch of state.batches) {
      this.#bytes += batch.length;
      this.#count++;
      if (!planned.has(batch.id)) this.#buffer.add(batch);
    }
  }

  /** Whether it takes new batches. */
  get enabled(): boolean {
    return this.#override.enabled ?? this.#options.enabled;
  }

  /** Batches that R2 does not have for certain, bytes and count. */
  get buffered(): { readonly bytes: number; readonly batches: number } {
    return { bytes: this.#bytes, batches: this.#count };
  }

  /** Writers with a mark. */
  get writers(): number {
    return this.#marks.size;
  }

  /** Keys that are planned and not done, of one stream or of all. */
  planned(stream?: StreamName): string[] {
    return this.#puts.plans
      .filter((plan) => stream === undefined || plan.stream === stream)
      .map(({ key }) => key);
  }

  /** When the next `wake` is due, or undefined. It must come also after a crash. */
  get wakeAtMs(): number | undefined {
    const { dueMs: flush } = this.#buffer;
    const { dueMs: put } = this.#puts;
    return flush === undefined || put === undefined ? (flush ?? put) : Math.min(flush, put);
  }

  /** Takes one turn's inputs. */
  turn(inputs: readonly LoggerInput<From>[], nowMs: number): LoggerTurn<From> {
    const turn = new Turn<From>();
    for (const input of inputs) this.#take(input, nowMs, turn);
    for (const stream of this.#buffer.due(nowMs)) this.#plan(stream, turn);
    const { batches, plans, done, expired, override, replies } = turn;
    const commit = { expired, batches, marks: this.#marks.changed(), plans, done, override };
    return { commit, replies, puts: this.#puts.start(nowMs) };
  }

  #take(input: LoggerInput<From>, nowMs: number, turn: Turn<From>): void {
    switch (input.type) {
      case "frame": {
        const { from, frame } = input;
        const isBatch = frame.type === "logBatch";
        const reply = isBatch ? this.#batch(frame, from, nowMs, turn) : this.#resume(frame, from, nowMs);
        turn.replies.push({ to: from, frame: reply });
        return;
      }
      case "override":
        if (input.override.epoch <= this.#override.epoch) return;
        this.#override = turn.override = input.override;
        return;
      case "gone":
        for (const trunks of this.#resumed.values()) trunks.delete(input.from);
        return;
      case "flush":
        for (const stream of input.stream === undefined ? this.#buffer.streams : [input.stream]) {
          this.#plan(stream, turn);
        }
        this.#puts.hurry(input.stream);
        return;
      case "put": {
        if (!input.ok) return this.#puts.failed(input.key, nowMs);
        const plan = this.#puts.succeeded(input.key);
        if (plan === undefined) return;
        turn.done.push(plan);
        this.#bytes -= plan.length;
        this.#count -= plan.members.length;
        return;
      }
      case "wake":
        turn.expired.push(...this.#marks.expire(nowMs));
    }
  }

  #resume(frame: FrameOf<"logResume">, from: From, nowMs: number): Frame {
    const { logger, writer } = frame;
    const position = this.#marks.position(writer, frame.birthMs, nowMs);
    if (this.#marks.isFenced(writer)) {
      this.#resumed.set(writer, (this.#resumed.get(writer) ?? new Set()).add(from));
    }
    if (position.verdict === "known") return { type: "logAck", logger, writer, last: position.last };
    const { code, message, last } = position;
    return { type: "logRefused", logger, writer, number: 0, code, message, last };
  }

  #batch(frame: LogBatchFrame, from: From, nowMs: number, turn: Turn<From>): Frame {
    const { logger, writer, number } = frame;
    const judged = this.#marks.judge(frame, nowMs);
    if (judged.verdict === "repeat") return { type: "logAck", logger, writer, last: judged.last };
    const refusal = this.#standing(frame, from, judged) ?? this.#refusal(frame, judged);
    if (refusal !== undefined) {
      const { code, message } = refusal;
      return { type: "logRefused", logger, writer, number, code, message, last: judged.last };
    }
    this.#accept(frame, nowMs, turn);
    return { type: "logAck", logger, writer, last: this.#marks.take(frame, nowMs) };
  }

  /**
   * Refuses what is above the writer's last while the logger is disabled. The writer then sends those batches to
   * another logger, and a session that has lost its client may still bring them here when the logger is enabled again.
   * So such a writer is heard only on a trunk on which it has asked for its position since: only living ones ask.
   */
  #standing(frame: LogBatchFrame, from: From, judged: Judgement): Reason | undefined {
    const isAbove = judged.verdict === "next" || (judged.verdict === "refused" && judged.code === "expected");
    if (!isAbove) return undefined;
    if (!this.enabled) {
      this.#marks.fence(frame.writer);
      this.#resumed.delete(frame.writer);
      return { code: "logger_disabled", message: `logger ${this.#options.name} takes no new batches` };
    }
    if (!this.#marks.isFenced(frame.writer) || this.#resumed.get(frame.writer)?.has(from) === true)
      return undefined;
    return { code: "unavailable", message: "the writer has to ask for its position first" };
  }

  /** Why the batch is not taken, or undefined. */
  #refusal(frame: LogBatchFrame, judged: Judgement): Reason | undefined {
    if (judged.verdict === "refused") return judged;
    if (!isBatchStream(frame.stream)) return { code: "invalid_data", message: "stream name is not allowed" };
    if (isSourceTooLong(frame.range)) {
      return { code: "too_large", message: `range.source has more than ${LIMITS.logSourceBytesMax} bytes` };
    }
    if (frame.bytes.length === 0 || frame.bytes.length > LIMITS.logBatchBytesMax) {
      const bound = `1 to ${LIMITS.logBatchBytesMax} are allowed`;
      return { code: "too_large", message: `batch has ${frame.bytes.length} bytes, ${bound}` };
    }
    const isFull =
      this.#bytes + frame.bytes.length > LIMITS.logBufferBytesMax ||
      this.#count + 1 > LIMITS.logBufferBatchesMax;
    return isFull ? { code: "unavailable", message: "the logger's buffer is full" } : undefined;
  }

  /** Date and hour are fixed here, by a clock that never goes back. */
  #accept(frame: LogBatchFrame, nowMs: number, turn: Turn<From>): void {
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    const batch: AcceptedBatch = {
      id: ++this.#lastId,
      stream: frame.stream as StreamName,
      hourMs: hourOf(this.#lastMs),
      receivedMs: this.#lastMs,
      records: frame.records,
      length: frame.bytes.length,
      bytes: frame.bytes,
    };
    turn.batches.push(batch);
    this.#bytes += batch.length;
    this.#count++;
    const { bytes: _, ...buffered } = batch;
    if (this.#buffer.add(buffered)) this.#plan(batch.stream, turn);
  }

  #plan(stream: StreamName, turn: Turn<From>): void {
    for (const run of this.#buffer.take(stream)) {
      const plan = planObject(this.#options.name, run);
      turn.plans.push(plan);
      this.#puts.add(plan);
    }
  }
}

class Turn<From> {
  readonly batches: AcceptedBatch[] = [];
  readonly plans: ObjectPlan[] = [];
  readonly done: ObjectPlan[] = [];
  readonly expired: InstanceId[] = [];
  override: LoggerOverride | undefined;
  readonly replies: { to: From; frame: Frame }[] = [];
}
