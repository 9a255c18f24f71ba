/** Everything that a router keeps: its logs, one a policy; when they are written, and when they expire. */
import { LIMITS } from "../base/limits.ts";
import type { SequencedFrame } from "../protocol/frame.ts";
import type { Prefix } from "../protocol/topic.ts";
import { KeptLog } from "./kept-log.ts";
import type { Placement } from "./placement.ts";
import {
  isBefore,
  LOG_IDS,
  type KeptChange,
  type KeptStore,
  type Place,
  type RetentionPolicy,
  type StoredLog,
} from "./kept.ts";

/** What a router needs to keep anything. */
export interface Keeping {
  readonly policies: readonly RetentionPolicy[];
  readonly store: KeptStore;
}

/** What a router keeps: topics that it may own, and what it has left of those that others own now (rule 8). */
export function policiesOf(
  router: string,
  placement: Placement,
  retention: readonly RetentionPolicy[],
  stored: readonly StoredLog[],
): readonly RetentionPolicy[] {
  const left = new Set(stored.map(({ prefix }) => prefix));
  return retention.filter(({ prefix }) => placement.span(prefix).includes(router) || left.has(prefix));
}

/** A router's past, for logs that begin with this start. */
export interface Past {
  /** Everything before stands up to here. */
  readonly at: Place;
  /** Whether topics under a prefix were the router's before. */
  mayHaveHad(prefix: Prefix): boolean;
}

const NOTHING = { seconds: 0, bytes: 0, events: 0 };

export class Keeper {
  readonly logs: readonly KeptLog[];
  /** Prefixes that were kept in an earlier layout, and of which there was something. */
  readonly endedPrefixes: readonly Prefix[];
  /** Logs of these, which are there until the first turn is stored. */
  readonly #gone: KeptLog[] = [];
  /** When kept publishes may be sequenced again, ms. */
  #dueMs = 0;
  #expiredMs = -Infinity;
  /** Bytes kept since the marks of publishers were written, and where the router stood then. */
  #unmarkedBytes = 0;
  #markedAt: Place = { incarnation: 0, seq: 0 };
  /** Whether rows have expired that alone tell of their publishers' marks. */
  #hasUnmarkedExpired = false;

  /**
   * @param past What the router was before it started.
   * @param persist Takes the changes that a new layout brings.
   */
  constructor(
    keeping: Keeping | undefined,
    stored: readonly StoredLog[],
    past: Past,
    persist: (change: KeptChange) => void,
  ) {
    const policies = keeping?.policies ?? [];
    let lastNumber = Math.max(0, ...stored.map(({ number }) => number));
    const ended = stored.filter(({ prefix }) => !policies.some((policy) => policy.prefix === prefix));
    for (const log of ended) if (keeping !== undefined) this.#end(log, keeping.store, persist);
    const remembered = ended.filter(({ first, next, expired }) => first < next || expired !== undefined);
    this.endedPrefixes = remembered.slice(-LIMITS.retentionsMax).map(({ prefix }) => prefix);
    for (const { number, prefix } of ended) {
      if (!this.endedPrefixes.includes(prefix)) persist({ type: "logGone", number });
    }
    this.logs = policies.map((policy) => {
      let log = stored.find(({ prefix }) => prefix === policy.prefix);
      if (log === undefined) {
        const number = ++lastNumber;
        const { prefix } = policy;
        // What it had before it kept the prefix has gone.
        const expired = past.mayHaveHad(prefix) ? past.at : undefined;
        log = { number, prefix, expired, first: number * LOG_IDS, next: number * LOG_IDS };
        persist({ type: "log", number, prefix, expired });
      }
      return new KeptLog(policy, log, keeping!.store);
    });
  }

  /** What is kept no longer has expired, all of it; its readers are to be told. */
  #end(stored: StoredLog, store: KeptStore, persist: (change: KeptChange) => void): void {
    const { number, prefix, first, next } = stored;
    if (first === next) return;
    this.#gone.push(new KeptLog({ ...NOTHING, prefix }, stored, store));
    const { incarnation, last: seq } = store.head(next - 1);
    persist({ type: "expire", number, through: next - 1, expired: { incarnation, seq } });
  }

  /** When kept publishes that wait may be sequenced, ms. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Whether kept publishes that wait may be sequenced. A clock that is set back makes nobody wait for it. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs || nowMs < this.#dueMs - LIMITS.keepIntervalMs;
  }

  /** Whether the marks of publishers are to be written. */
  get isMarkDue(): boolean {
    return this.#hasUnmarkedExpired || this.#unmarkedBytes >= LIMITS.keptMarksBytes;
  }

  /** When what is kept is to be looked at again while the router sleeps, ms; Infinity when nothing is kept. */
  get expiryMs(): number {
    const expiryMs = Math.min(Infinity, ...this.logs.map((log) => log.expiryMs));
    return Math.max(expiryMs, this.#expiredMs + LIMITS.expireAsleepMs);
  }

  /** The row of the frames that a log has taken since the last one. */
  *commit(log: KeptLog, incarnation: number, nowMs: number): Generator<KeptChange> {
    const change = log.take(incarnation, nowMs);
    if (change === undefined) return;
    this.#dueMs = nowMs + LIMITS.keepIntervalMs;
    this.#unmarkedBytes += change.row.frames.length;
    yield change;
  }

  /** The marks of publishers are written; they hold up to this place. */
  marked(at: Place): void {
    this.#unmarkedBytes = 0;
    this.#markedAt = at;
    this.#hasUnmarkedExpired = false;
  }

  /** Drops what has expired; at the front of a turn, and not more often than it needs to be. */
  *expire(nowMs: number, isUrgent: boolean): Generator<KeptChange> {
    if (!isUrgent && nowMs < this.#expiredMs + LIMITS.expireMs) return;
    this.#expiredMs = nowMs;
    for (const log of this.logs) {
      const change = log.expire(nowMs);
      if (change === undefined) continue;
      this.#hasUnmarkedExpired ||= isBefore(this.#markedAt, log.expired!);
      yield change;
    }
  }

  /** The frames behind a place, of all logs that were stored: a start after a crash takes the publishers' marks from them (rule 5). */
  *behind(place: Place): Generator<SequencedFrame> {
    for (const log of [...this.#gone.splice(0), ...this.logs]) {
      this.#hasUnmarkedExpired ||= !this.logs.includes(log);
      for (let id = log.after(place); id < log.next;) {
        const rows = log.rows(id, LIMITS.keptRowBytes);
        id += rows.length;
        for (const row of rows) {
          this.#unmarkedBytes += row.bytes;
          yield* row.frames;
        }
      }
    }
  }
}
