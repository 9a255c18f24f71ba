/**
 * A replay: sends one reader what a log keeps for it, in pieces, up to the present. First the histories that it asked
 * for, which are older than where it stands; then everything behind that place (rule 11).
 */
import { LIMITS } from "../base/limits.ts";
import {
  segmentsBytes,
  type Gap,
  type Position,
  type Replayed,
  type SequencedFrame,
} from "../protocol/frame.ts";
import type { Topic } from "../protocol/topic.ts";
import type { TailFrame } from "./history-tail.ts";
import type { KeptLog, OpenRow } from "./kept-log.ts";
import { isBefore, type Place } from "./kept.ts";

/** What a history is sent from: rows from an id on, up to where the reader stood; or frames that are at hand. */
export interface HistorySource {
  readonly takes: (topic: Topic) => boolean;
  /** The next row, and behind which place in it; undefined when there is none to read. */
  readonly from: { readonly id: number; readonly after: Place } | undefined;
  readonly until: Place;
  readonly frames: readonly TailFrame[];
  readonly isComplete: boolean;
}

interface History {
  readonly takes: (topic: Topic) => boolean;
  readonly until: Place;
  cursor: { id: number; after: Place } | undefined;
  frames: readonly TailFrame[];
}

/** Frames of one incarnation for one deliver frame. */
export interface Piece {
  readonly type: "piece";
  readonly incarnation: number;
  readonly prev: number;
  readonly replay: Replayed;
  readonly frames: readonly SequencedFrame[];
}

export type ReplayStep =
  | Piece
  | { readonly type: "gap"; readonly gap: Gap }
  /** Rows were read and nothing in them matched. */
  | { readonly type: "nothing" }
  /** Nothing is left: the reader may go live in this turn. */
  | { readonly type: "end" };

export class Replay {
  readonly #log: KeptLog;
  readonly #stream: string;
  readonly #histories: History[] = [];
  #id: number;
  /** Everything up to here is behind the cursor. */
  #after: Place;
  /** Where the reader stands. */
  #at: Place;
  #isComplete = true;
  /** Whether its end is to be told: the reader asked for it. */
  isAwaited: boolean;

  /** @param at Where the reader stands. */
  constructor(log: KeptLog, stream: string, at: Place, isAwaited: boolean) {
    this.#log = log;
    this.#stream = stream;
    this.#at = at;
    this.#after = at;
    // Below the first row: what stood behind this place has gone, which is told first.
    const isExpired = log.expired !== undefined && isBefore(at, log.expired);
    this.#id = isExpired ? log.first - 1 : log.after(at);
    this.isAwaited = isAwaited;
  }

  get at(): Place {
    return this.#at;
  }

  /** Whether nothing that was asked for is missing. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Begins with a history before it goes on. One too many is left out, and the end says that something is missing. */
  addHistory(source: HistorySource): void {
    this.isAwaited = true;
    if (this.#histories.length >= LIMITS.historiesMax) {
      this.#isComplete = false;
      return;
    }
    this.#isComplete &&= source.isComplete;
    const { takes, until, from, frames } = source;
    this.#histories.push({ takes, until, cursor: from === undefined ? undefined : { ...from }, frames });
  }

  /**
   * The next piece, of about `bytesMax`. `read` is told the bytes that were read for it.
   * @param takes What the reader is subscribed to.
   */
  next(takes: (topic: Topic) => boolean, read: (bytes: number) => void): ReplayStep {
    const history = this.#histories[0];
    if (history !== undefined) return this.#nextOfHistory(history, read);
    if (this.#id < this.#log.first) return this.#skipExpired();
    if (this.#id >= this.#log.next) return { type: "end" };
    const rows = this.#log.rows(this.#id, LIMITS.deliverFrameBytes);
    const { incarnation } = rows[0]!.end;
    const prev = this.#at.incarnation === incarnation ? this.#at.seq : 0;
    const frames: SequencedFrame[] = [];
    for (const row of rows) {
      if (row.end.incarnation !== incarnation) break;
      read(row.bytes);
      frames.push(...matching(row, this.#after, undefined, takes));
      this.#after = row.end;
      this.#id++;
    }
    const last = frames.at(-1);
    if (last === undefined) return { type: "nothing" };
    this.#at = { incarnation, seq: last.seq };
    return { type: "piece", incarnation, prev, replay: "resumed", frames };
  }

  #nextOfHistory(history: History, read: (bytes: number) => void): ReplayStep {
    const { cursor } = history;
    if (history.frames.length > 0) return this.#nextAtHand(history);
    if (cursor !== undefined && cursor.id < this.#log.first) {
      // The reader stands behind this: it is told at the end that the history has a hole.
      this.#isComplete = false;
      cursor.id = this.#log.first;
    }
    if (cursor === undefined || cursor.id >= this.#log.next) return this.#endHistory();
    const row = this.#log.rows(cursor.id++, 0)[0]!;
    read(row.bytes);
    const frames = matching(row, cursor.after, history.until, history.takes);
    cursor.after = row.end;
    if (!isBefore(row.end, history.until)) this.#endHistory();
    if (frames.length === 0) return { type: "nothing" };
    return { type: "piece", incarnation: row.end.incarnation, prev: 0, replay: "history", frames };
  }

  /** Sends frames that are at hand, those of one incarnation up to the size of a delivery. */
  #nextAtHand(history: History): ReplayStep {
    const incarnation = history.frames[0]!.incarnation;
    const frames: SequencedFrame[] = [];
    let size = 0;
    for (const one of history.frames) {
      if (one.incarnation !== incarnation || size >= LIMITS.deliverFrameBytes) break;
      frames.push(one.frame);
      size += segmentsBytes(one.frame.segments);
    }
    history.frames = history.frames.slice(frames.length);
    return { type: "piece", incarnation, prev: 0, replay: "history", frames };
  }

  #endHistory(): ReplayStep {
    this.#histories.shift();
    return { type: "nothing" };
  }

  /** What the cursor was to read next has gone. */
  #skipExpired(): ReplayStep {
    const to = this.#log.expired!;
    const from = this.#at;
    this.#id = this.#log.first;
    this.#after = to;
    this.#at = to;
    this.#isComplete = false;
    const extent = from.incarnation === to.incarnation ? "exact" : "unknown";
    const position = (place: Place): Position => ({ router: this.#stream, ...place });
    return { type: "gap", gap: { extent, from: position(from), to: position(to), reason: "expired" } };
  }
}

/** The frames of a row between two places that match, with the segments that do. */
function matching(
  row: OpenRow,
  after: Place,
  until: Place | undefined,
  takes: (topic: Topic) => boolean,
): SequencedFrame[] {
  const found: SequencedFrame[] = [];
  for (const frame of row.frames) {
    const place = { ...row.end, seq: frame.seq };
    if (!isBefore(after, place) || (until !== undefined && isBefore(until, place))) continue;
    const segments = frame.segments.filter(({ topic }) => takes(topic));
    if (segments.length === frame.segments.length) found.push(frame);
    else if (segments.length > 0) found.push({ ...frame, segments });
  }
  return found;
}
