/**
 * What a log writer must not forget (rules 17 and 18): its instance, how far each logger has acknowledged, the batches
 * that wait for an answer, and how far each source has been cut into batches. The state is the fold of a journal of
 * entries; the writer's shell keeps the journal, the engine in shipper.ts makes the entries.
 */
import { assert, unreachable } from "../base/assert.ts";
import type { InstanceId, LogRange } from "../protocol/frame.ts";

/** A batch as its source gives it, before it has a logger and a number. */
export interface SealedBatch {
  readonly stream: string;
  readonly records: number;
  /** SHA-256 of the gzip bytes, 32 bytes. */
  readonly hash: Uint8Array;
  /** Length of the gzip bytes. */
  readonly size: number;
  readonly range: LogRange;
  /** The logger that should have it; another one gets it when that one is not in step or has no room. */
  readonly logger?: string | undefined;
}

/** A batch pinned to one logger under one number. Its bytes stay with the shell, under `id`. */
export interface PinnedBatch extends SealedBatch {
  /** Unique in the state; unlike logger and number it never changes. */
  readonly id: number;
  readonly logger: string;
  readonly number: number;
}

/** All batches of one piece of a source; they are recorded together, so a crash keeps all or none. */
export interface Segment<Batch extends SealedBatch = SealedBatch> {
  readonly source: string;
  /** Byte range in the uncompressed source. */
  readonly from: number;
  readonly to: number;
  /** What a reader needs to go on at `to`; the engine does not look inside. */
  readonly context: unknown;
  /** One for each stream with records in the range; none when the range holds only comments or broken lines. */
  readonly batches: readonly Batch[];
}

/** One line of the journal. */
export type JournalEntry =
  /** A new writer instance; every logger starts at batch 1. Only while nothing is pending. */
  | { readonly type: "writer"; readonly writer: InstanceId; readonly birthMs: number }
  | { readonly type: "segment"; readonly segment: Segment<PinnedBatch> }
  /** Batches that their disabled logger refused, under their new loggers and numbers. */
  | { readonly type: "moved"; readonly batches: readonly PinnedBatch[] }
  /** The logger has taken everything up to and including `number`. May be lost: the logger knows better. */
  | { readonly type: "acked"; readonly logger: string; readonly number: number };

export interface LoggerState {
  /** Last batch acknowledged; 0 for none. */
  acked: number;
  /** Unanswered batches, numbered acked + 1, acked + 2, … */
  pending: PinnedBatch[];
}

interface SourceState {
  /** Everything before this byte of the uncompressed source is in recorded batches. */
  to: number;
  context: unknown;
}

export interface ShipState {
  writer: InstanceId;
  /** When the writer instance was made, ms since 1970. */
  birthMs: number;
  nextId: number;
  readonly loggers: Map<string, LoggerState>;
  readonly sources: Map<string, SourceState>;
}

/** A state with a new writer instance. `writer` is 128 random bits. */
export function newShipState(writer: InstanceId, birthMs: number): ShipState {
  return { writer, birthMs, nextId: 1, loggers: new Map(), sources: new Map() };
}

/** The logger's part of the state, made on first use. */
export function loggerState(state: ShipState, logger: string): LoggerState {
  let entry = state.loggers.get(logger);
  if (entry === undefined) state.loggers.set(logger, (entry = { acked: 0, pending: [] }));
  return entry;
}

/** The number of the next new batch for the logger. */
export function nextNumber(logger: LoggerState): number {
  return logger.acked + logger.pending.length + 1;
}

/** All unanswered batches. */
export function pendingBatches(state: ShipState): PinnedBatch[] {
  return [...state.loggers.values()].flatMap((logger) => logger.pending);
}

/** Applies one entry; entries come in the order in which they were recorded. Throws `logic_error` on any other. */
export function applyEntry(state: ShipState, entry: JournalEntry): void {
  switch (entry.type) {
    case "writer":
      assert(pendingBatches(state).length === 0, "a new writer starts with nothing pending");
      state.writer = entry.writer;
      state.birthMs = entry.birthMs;
      state.loggers.clear();
      return;
    case "segment": {
      const { source, to, context, batches } = entry.segment;
      for (const batch of batches) pin(state, batch);
      state.sources.set(source, { to, context });
      return;
    }
    case "moved":
      for (const { id } of entry.batches) unpin(state, id);
      for (const batch of entry.batches) pin(state, batch);
      return;
    case "acked": {
      const logger = loggerState(state, entry.logger);
      logger.pending = logger.pending.filter((batch) => batch.number > entry.number);
      logger.acked = Math.max(logger.acked, entry.number);
      return;
    }
    default:
      unreachable(entry);
  }
}

function pin(state: ShipState, batch: PinnedBatch): void {
  const logger = loggerState(state, batch.logger);
  assert(batch.number === nextNumber(logger), `batches of ${batch.logger} are numbered without holes`);
  logger.pending.push(batch);
  state.nextId = Math.max(state.nextId, batch.id + 1);
}

function unpin(state: ShipState, id: number): void {
  for (const logger of state.loggers.values()) {
    logger.pending = logger.pending.filter((batch) => batch.id !== id);
  }
}
