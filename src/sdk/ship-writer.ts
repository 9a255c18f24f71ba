/**
 * Drives the engine of a log writer: records in its journal, sends over the link, keeps the time. It knows nothing of
 * files; it takes sealed segments and says when everything is answered.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { JournalEntry, PinnedBatch, SealedBatch, Segment, ShipState } from "../logs/ship-state.ts";
import { Shipper, type ShipperEffect } from "../logs/shipper.ts";
import { FIRST_PATIENCE_MS, type LogLink, type OpenLogLink } from "./log-link.ts";

/** A batch and its gzip bytes. */
export interface SealedPart {
  readonly batch: SealedBatch;
  readonly bytes: Uint8Array;
}

/** Where a writer keeps what it must not forget. */
export interface ShipJournal {
  /** Makes the entry durable, with the bytes of its batches. */
  record(entry: JournalEntry, bytesOf: (batch: PinnedBatch) => Uint8Array): void;
  /** Keeps the entry when that costs nothing. */
  note(entry: JournalEntry): void;
  /** The bytes of an unanswered batch of an earlier run. */
  bytes(id: number): Uint8Array;
}

export interface ShipWriterOptions {
  readonly journal: ShipJournal;
  readonly state: ShipState;
  readonly openLink: OpenLogLink;
  /** How long to go without a connection, ms; undefined: for as long as the link tries. */
  readonly patienceMs: number | undefined;
  /** Hears of every batch that a logger has taken. */
  readonly onTaken: (batch: PinnedBatch) => void;
}

interface Waiter {
  readonly isMet: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ShipWriter {
  readonly #options: ShipWriterOptions;
  readonly #shipper: Shipper;
  readonly #link: LogLink;
  /** Bytes of unanswered batches made in this run, by batch id. */
  readonly #bytes = new Map<number, Uint8Array>();
  #waiters: Waiter[] = [];
  #failure: Error | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #patienceMs: number | undefined;
  /** Why there is no connection, as far as it is known. */
  #reason: string | undefined;

  /** Starts to connect. */
  constructor(options: ShipWriterOptions) {
    this.#options = options;
    this.#shipper = new Shipper(options.state);
    const { patienceMs } = options;
    this.#patienceMs = patienceMs === undefined ? undefined : Math.min(patienceMs, FIRST_PATIENCE_MS);
    this.#loseConnection();
    this.#link = options.openLink({
      welcome: (loggers) => {
        clearTimeout(this.#patience);
        this.#patience = undefined;
        this.#patienceMs = patienceMs;
        this.#act(() => this.#shipper.connected(loggers, Date.now()));
      },
      lost: (reason) => this.#loseConnection(reason),
      logAck: (frame) => this.#act(() => this.#shipper.acked(frame, Date.now())),
      logRefused: (frame) => this.#act(() => this.#shipper.refused(frame, Date.now())),
      closed: (error) => this.#fail(error ?? new FabricError("unavailable", "the connection has ended")),
    });
  }

  /** Why it cannot go on, if it cannot. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Batches without an answer. */
  get pending(): readonly PinnedBatch[] {
    return this.#shipper.pending;
  }

  /** Enabled loggers that are in step. */
  get takers(): readonly string[] {
    return this.#shipper.takers;
  }

  /** Records and sends a segment, when there is room for it. Rejects when the writer cannot go on. */
  async offer(segment: Omit<Segment, "batches">, parts: readonly SealedPart[]): Promise<void> {
    await this.#until(() => this.#shipper.hasRoom);
    this.#act(() => {
      const effects = this.#shipper.offer({ ...segment, batches: parts.map((part) => part.batch) });
      for (const effect of effects) {
        if (effect.type !== "record" || effect.entry.type !== "segment") continue;
        effect.entry.segment.batches.forEach(({ id }, i) => this.#bytes.set(id, parts[i]!.bytes));
      }
      return effects;
    });
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when every batch has its answer. Rejects when the writer cannot go on. */
  async settled(): Promise<void> {
    await this.#until(() => this.#shipper.pending.length === 0);
  }

  /** Gives up waiting: everything that waits rejects with this error. */
  abort(error: Error): void {
    this.#fail(error);
  }

  /** Ends the connection. What has no answer stays recorded. */
  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#patience);
    this.#link.close();
  }

  #act(step: () => readonly ShipperEffect[]): void {
    if (this.#failure !== undefined) return;
    try {
      this.#carryOut(step());
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#fail(error);
    }
    this.#wake();
  }

  #carryOut(effects: readonly ShipperEffect[]): void {
    const { journal, state, onTaken } = this.#options;
    for (const effect of effects) {
      switch (effect.type) {
        case "record":
          journal.record(effect.entry, (batch) => this.#bytesOf(batch.id));
          this.#carryOut(this.#shipper.recorded(effect.ticket, Date.now()));
          break;
        case "note":
          journal.note(effect.entry);
          break;
        case "send":
          this.#send(effect.batch);
          break;
        case "resume":
          this.#link.send({
            type: "logResume",
            logger: effect.logger,
            writer: state.writer,
            birthMs: state.birthMs,
          });
          break;
        case "taken":
          this.#bytes.delete(effect.batch.id);
          onTaken(effect.batch);
          break;
        case "fail":
          throw effect.error;
      }
    }
  }

  #send(batch: PinnedBatch): void {
    const { writer, birthMs } = this.#options.state;
    const { id, logger, number, stream, records, hash, range } = batch;
    const bytes = this.#bytesOf(id);
    this.#link.send({
      type: "logBatch",
      logger,
      writer,
      birthMs,
      number,
      stream,
      records,
      hash,
      range,
      bytes,
    });
  }

  #bytesOf(id: number): Uint8Array {
    return this.#bytes.get(id) ?? this.#options.journal.bytes(id);
  }

  #loseConnection(reason?: string): void {
    this.#shipper.disconnected();
    this.#reason = reason;
    clearTimeout(this.#timer);
    const patienceMs = this.#patienceMs;
    if (this.#patience !== undefined || patienceMs === undefined) return;
    this.#patience = setTimeout(() => {
      const why = this.#reason === undefined ? "" : `: ${this.#reason}`;
      const seconds = Math.round(patienceMs / 1000);
      this.#fail(new FabricError("unavailable", `no connection to the fabric for ${seconds} s${why}`));
    }, patienceMs);
  }

  /** Sets the timer anew and lets those go on whose wait is over. */
  #wake(): void {
    clearTimeout(this.#timer);
    const { wakeAtMs } = this.#shipper;
    if (wakeAtMs !== undefined && this.#failure === undefined) {
      const inMs = Math.min(Math.max(0, wakeAtMs - Date.now()), LIMITS.shipAnswerMs);
      this.#timer = setTimeout(() => this.#act(() => this.#shipper.tick(Date.now())), inMs);
    }
    const waiting = this.#waiters.splice(0);
    for (const waiter of waiting) {
      if (this.#failure !== undefined) waiter.reject(this.#failure);
      else if (waiter.isMet()) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  async #until(isMet: () => boolean): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (isMet()) return;
    await new Promise<void>((resolve, reject) => this.#waiters.push({ isMet, resolve, reject }));
  }
}
