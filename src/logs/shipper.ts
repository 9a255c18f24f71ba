/**
 * The engine of a log writer (rules 17 and 18), without I/O: it gives batches a logger and a number, has them recorded
 * before they are first sent, keeps windows, and acts on the loggers' answers. It holds no bytes and no clock.
 *
 * The shell carries out effects in order. `record` is made durable and then confirmed with `recorded`; only then does
 * the engine ask for a `send`. After a crash the shell folds its journal (ship-state.ts) and makes a new engine: every
 * recorded batch that has no answer is sent again, the same bytes under the same number to the same logger.
 */
import { ERROR_CODES, FabricError, type ErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { FrameOf, LogMark } from "../protocol/frame.ts";
import {
  applyEntry,
  loggerState,
  nextNumber,
  pendingBatches,
  type JournalEntry,
  type LoggerState,
  type PinnedBatch,
  type SealedBatch,
  type Segment,
  type ShipState,
} from "./ship-state.ts";

export type ShipperEffect =
  /** Make the entry durable, then call `recorded(ticket)`. Tickets rise by one; confirming one confirms all before. */
  | { readonly type: "record"; readonly ticket: number; readonly entry: JournalEntry }
  /** Worth keeping, but nothing is lost without it. */
  | { readonly type: "note"; readonly entry: JournalEntry }
  /** Send the batch; its bytes are those it was sealed with. */
  | { readonly type: "send"; readonly batch: PinnedBatch }
  /** Send `logResume` to the logger: it answers with its position. */
  | { readonly type: "resume"; readonly logger: string }
  /** The batch is in the logger's durable buffer: its bytes may be forgotten. */
  | { readonly type: "taken"; readonly batch: PinnedBatch }
  /** The writer cannot go on with this state; what is pending stays recorded. */
  | { readonly type: "fail"; readonly error: FabricError };

/** A logger of the layout, as the welcome frame names it. */
export interface LoggerChoice {
  readonly name: string;
  readonly enabled: boolean;
}

/** `ready`: in step. `probing`: sends one batch to learn whether it is in step. `syncing`: waits for a position. */
type LinkState = "offline" | "syncing" | "probing" | "ready" | "waiting";

interface Link {
  readonly name: string;
  enabled: boolean;
  state: LinkState;
  /** Highest number sent since the last agreement on a position. */
  sent: number;
  /** When silence is a failure or a retry is due; undefined when nothing is expected. */
  deadlineMs: number | undefined;
  failures: number;
}

export class Shipper {
  readonly #state: ShipState;
  readonly #links = new Map<string, Link>();
  /** Ticket of the entry that pinned each batch last, by batch id. */
  readonly #tickets = new Map<number, number>();
  #ticket = 0;
  #recorded = 0;
  #turn = 0;
  /** Until when a new connection waits for its loggers; undefined when it does not. */
  #gatherUntilMs: number | undefined;

  /** Takes the state over: nobody else may change it. */
  constructor(state: ShipState) {
    this.#state = state;
  }

  /** Unanswered batches. */
  get pending(): readonly PinnedBatch[] {
    return pendingBatches(this.#state);
  }

  /**
   * Whether a new segment may be offered now: some logger is in step and has room in its window. A new connection
   * first waits for the answers of all enabled loggers, so that the first to answer does not get everything.
   */
  get hasRoom(): boolean {
    return this.#gatherUntilMs === undefined && this.#eligible().some((link) => this.#isOpen(link));
  }

  /** Enabled loggers that are in step. */
  get takers(): readonly string[] {
    return this.#eligible().map(({ name }) => name);
  }

  /** When `tick` is due, or undefined. */
  get wakeAtMs(): number | undefined {
    let due = this.#gatherUntilMs;
    for (const { deadlineMs } of this.#links.values()) {
      if (deadlineMs !== undefined && (due === undefined || deadlineMs < due)) due = deadlineMs;
    }
    return due;
  }

  /** A connection is up; `loggers` is the layout's pool. Asks every logger that matters for its position. */
  connected(loggers: readonly LoggerChoice[], nowMs: number): ShipperEffect[] {
    this.#links.clear();
    if (!loggers.some((logger) => logger.enabled)) {
      return [fail("logger_disabled", "the layout of the fabric has no enabled logger")];
    }
    for (const { name, enabled } of loggers) this.#links.set(name, newLink(name, enabled));
    for (const [name, { pending }] of this.#state.loggers) {
      if (pending.length > 0 && !this.#links.has(name)) {
        return [
          fail(
            "unknown_logger",
            `${pending.length} batches wait for ${name}, which the layout does not have`,
          ),
        ];
      }
    }
    this.#gatherUntilMs = nowMs + LIMITS.shipGatherMs;
    return [...this.#links.values()]
      .filter((link) => link.enabled || loggerState(this.#state, link.name).pending.length > 0)
      .map((link) => this.#sync(link, nowMs));
  }

  /** The connection is gone. Unanswered batches wait for their loggers. */
  disconnected(): void {
    this.#links.clear();
    this.#gatherUntilMs = undefined;
  }

  /** Gives each batch of a new segment its logger and number. Only while `hasRoom`. */
  offer(segment: Segment): ShipperEffect[] {
    const batches = segment.batches.map((batch) => ({ ...batch, id: this.#state.nextId++ }));
    return this.#record({ type: "segment", segment: { ...segment, batches: this.#pin(batches) } });
  }

  /** The entry with this ticket, and all before it, are durable. */
  recorded(ticket: number, nowMs: number): ShipperEffect[] {
    this.#recorded = Math.max(this.#recorded, ticket);
    return [...this.#links.values()].flatMap((link) => this.#pump(link, nowMs));
  }

  /** A logger's position: the answer to a batch or to `logResume`. */
  acked(frame: FrameOf<"logAck">, nowMs: number): ShipperEffect[] {
    const link = this.#linkOf(frame);
    if (link === undefined) return [];
    const { effects, failed } = this.#settle(link, frame.last);
    if (failed) return [...effects];
    const { acked } = loggerState(this.#state, link.name);
    link.sent = link.state === "ready" ? Math.max(link.sent, acked) : acked;
    link.state = "ready";
    link.failures = 0;
    link.deadlineMs = undefined;
    this.#gathered();
    return [...effects, ...this.#pump(link, nowMs)];
  }

  /** A logger refused a batch, or its session could not reach it. */
  refused(frame: FrameOf<"logRefused">, nowMs: number): ShipperEffect[] {
    const link = this.#linkOf(frame);
    if (link === undefined) return [];
    const code = frame.code in ERROR_CODES ? (frame.code as ErrorCode) : "logic_error";
    if (code === "conflict") return [fail(code, conflictText(link.name, frame.number, frame.last))];
    const { effects, failed } = frame.last === undefined ? NOTHING : this.#settle(link, frame.last);
    if (failed) return [...effects];
    if (code === "expected") return [...effects, ...this.#rewind(link, nowMs)];
    if (code === "logger_disabled") return [...effects, ...this.#move(link, frame.number, nowMs)];
    if (code === "too_many") return [...effects, ...this.#avoid(link, frame)];
    if (ERROR_CODES[code].retryable) return [...effects, ...this.#backOff(link, nowMs)];
    return [...effects, fail(code, `logger ${link.name} refused batch ${frame.number}: ${frame.message}`)];
  }

  /** Time has passed: asks silent and failed loggers for their position. */
  tick(nowMs: number): ShipperEffect[] {
    if (this.#gatherUntilMs !== undefined && this.#gatherUntilMs <= nowMs) this.#gatherUntilMs = undefined;
    const due = [...this.#links.values()].filter((l) => l.deadlineMs !== undefined && l.deadlineMs <= nowMs);
    return due.map((link) => {
      if (link.state !== "waiting") link.failures++;
      return this.#sync(link, nowMs);
    });
  }

  /** Ends the wait of a new connection when every enabled logger has answered. */
  #gathered(): void {
    const isWaiting = [...this.#links.values()].some((link) => link.enabled && link.state === "syncing");
    if (!isWaiting) this.#gatherUntilMs = undefined;
  }

  #linkOf(frame: { readonly writer: string; readonly logger: string }): Link | undefined {
    return frame.writer === this.#state.writer ? this.#links.get(frame.logger) : undefined;
  }

  #eligible(): Link[] {
    return [...this.#links.values()].filter(
      (link) => link.enabled && (link.state === "ready" || link.state === "probing"),
    );
  }

  /** Whether the logger's window takes another batch. */
  #isOpen(link: Link): boolean {
    const { pending } = loggerState(this.#state, link.name);
    return pending.length < LIMITS.shipWindowFrames && sizeOf(pending) < LIMITS.shipWindowBytes;
  }

  /** The wanted one, or round robin over loggers in step; a full or failed one is taken only when there is no other. */
  #choose(wanted: string | undefined, not?: Link): Link {
    const enabled = [...this.#links.values()].filter((link) => link.enabled && link !== not);
    const eligible = enabled.filter((link) => link.state === "ready" || link.state === "probing");
    const open = eligible.filter((link) => this.#isOpen(link));
    const pool = open.length > 0 ? open : eligible.length > 0 ? eligible : enabled;
    const link = pool.find(({ name }) => name === wanted) ?? pool[this.#turn++ % pool.length];
    if (link === undefined) throw new FabricError("logger_disabled", "no logger takes new batches");
    return link;
  }

  /** Pins batches to loggers, in the order given. The numbers hold only once the entry is applied. */
  #pin(batches: readonly (SealedBatch & Pick<PinnedBatch, "id">)[], not?: Link): PinnedBatch[] {
    const next = new Map<string, number>();
    return batches.map((batch) => {
      const { name } = this.#choose(batch.logger, not);
      const number = next.get(name) ?? nextNumber(loggerState(this.#state, name));
      next.set(name, number + 1);
      return { ...batch, logger: name, number };
    });
  }

  #record(entry: Extract<JournalEntry, { type: "segment" | "moved" }>): ShipperEffect[] {
    applyEntry(this.#state, entry);
    const ticket = ++this.#ticket;
    const batches = entry.type === "segment" ? entry.segment.batches : entry.batches;
    for (const { id } of batches) this.#tickets.set(id, ticket);
    return [{ type: "record", ticket, entry }];
  }

  /** Sends what is recorded and fits the window, in the order of numbers. */
  #pump(link: Link, nowMs: number): ShipperEffect[] {
    if (link.state !== "ready" && link.state !== "probing") return [];
    const { pending } = loggerState(this.#state, link.name);
    const frames = link.state === "probing" ? 1 : LIMITS.shipWindowFrames;
    const effects: ShipperEffect[] = [];
    let bytes = 0;
    for (const batch of pending.slice(0, frames)) {
      bytes += batch.size;
      if (bytes > LIMITS.shipWindowBytes && batch !== pending[0]) break;
      if ((this.#tickets.get(batch.id) ?? 0) > this.#recorded) break;
      if (batch.number <= link.sent) continue;
      link.sent = batch.number;
      effects.push({ type: "send", batch });
    }
    const inFlight = pending[0] !== undefined && pending[0].number <= link.sent;
    link.deadlineMs = inFlight ? (link.deadlineMs ?? nowMs + LIMITS.shipAnswerMs) : undefined;
    return effects;
  }

  /** Takes over a logger's position; fails when it contradicts the state. */
  #settle(link: Link, last: LogMark): Settled {
    const logger = loggerState(this.#state, link.name);
    if (last.number < logger.acked) return this.#settleLower(link, logger, last);
    if (last.number >= nextNumber(logger)) {
      return stop("conflict", conflictText(link.name, nextNumber(logger), last));
    }
    if (last.number === logger.acked) return NOTHING;
    const batch = logger.pending[last.number - logger.acked - 1];
    if (batch === undefined || !isSameHash(batch.hash, last.hash)) {
      return stop("conflict", conflictText(link.name, last.number, last));
    }
    const taken = logger.pending.filter(({ number }) => number <= last.number);
    const entry = { type: "acked", logger: link.name, number: last.number } as const;
    applyEntry(this.#state, entry);
    for (const { id } of taken) this.#tickets.delete(id);
    return {
      effects: [...taken.map((t) => ({ type: "taken", batch: t }) as const), { type: "note", entry }],
      failed: false,
    };
  }

  /** A late answer is harmless; an answer to "where do you stand" that lies lower means that the logger has lost. */
  #settleLower(link: Link, logger: LoggerState, last: LogMark): Settled {
    if (link.state !== "syncing") return NOTHING;
    return stop(
      "conflict",
      `logger ${link.name} stands at batch ${last.number} of this writer but had acknowledged ${logger.acked}: ` +
        `its storage was replaced`,
    );
  }

  /** The logger misses a batch before the one it refused: starts again behind its position, with one batch first. */
  #rewind(link: Link, nowMs: number): ShipperEffect[] {
    if (link.state !== "ready") return [];
    link.sent = loggerState(this.#state, link.name).acked;
    link.state = "probing";
    link.deadlineMs = undefined;
    return this.#pump(link, nowMs);
  }

  /** The logger refused these, so it has none of them: the one case in which a batch may change its logger. */
  #move(link: Link, from: number, nowMs: number): ShipperEffect[] {
    link.enabled = false;
    this.#gathered();
    const refused = loggerState(this.#state, link.name).pending.filter(({ number }) => number >= from);
    if (refused.length === 0) return [];
    if (![...this.#links.values()].some((l) => l.enabled)) {
      return [fail("logger_disabled", `logger ${link.name} is disabled and no other is enabled`)];
    }
    link.sent = Math.min(link.sent, from - 1);
    const effects = this.#record({ type: "moved", batches: this.#pin(refused, link) });
    return [...effects, ...this.#pump(link, nowMs)];
  }

  /**
   * The logger has no room for another writer, so it does not know this one. New batches go to the others. One that was
   * pinned to it stays: unlike a disabled logger it keeps no fence against copies that are still on their way.
   */
  #avoid(link: Link, { number, message }: FrameOf<"logRefused">): ShipperEffect[] {
    link.enabled = false;
    link.deadlineMs = undefined;
    this.#gathered();
    const isNeeded = loggerState(this.#state, link.name).pending.length > 0;
    if (!isNeeded && [...this.#links.values()].some((other) => other.enabled)) return [];
    return [fail("too_many", `logger ${link.name} refused batch ${number}: ${message}`)];
  }

  #backOff(link: Link, nowMs: number): ShipperEffect[] {
    if (link.state === "waiting") return [];
    link.state = "waiting";
    this.#gathered();
    link.deadlineMs = nowMs + retryMs(link.failures++);
    return [];
  }

  #sync(link: Link, nowMs: number): ShipperEffect {
    link.state = "syncing";
    link.deadlineMs = nowMs + LIMITS.shipAnswerMs;
    return { type: "resume", logger: link.name };
  }
}

interface Settled {
  readonly effects: readonly ShipperEffect[];
  readonly failed: boolean;
}

const NOTHING: Settled = { effects: [], failed: false };

function stop(code: ErrorCode, message: string): Settled {
  return { effects: [fail(code, message)], failed: true };
}

function fail(code: ErrorCode, message: string): ShipperEffect {
  return { type: "fail", error: new FabricError(code, message) };
}

function newLink(name: string, enabled: boolean): Link {
  return { name, enabled, state: "offline", sent: 0, deadlineMs: undefined, failures: 0 };
}

function sizeOf(batches: readonly PinnedBatch[]): number {
  return batches.reduce((sum, { size }) => sum + size, 0);
}

function retryMs(failures: number): number {
  return Math.min(LIMITS.shipRetryMs * 2 ** Math.min(failures, 16), LIMITS.shipRetryMaxMs);
}

function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function conflictText(logger: string, number: number, last: LogMark | undefined): string {
  const range = last?.range;
  const where = range === undefined ? "" : ` (${range.source}, bytes ${range.from} to ${range.to})`;
  return (
    `logger ${logger} has another batch ${number} of this writer than the state folder; ` +
    `it stands at batch ${last?.number ?? "?"}${where}: two writers share one state, or the state is an old copy`
  );
}
