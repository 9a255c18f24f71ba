/** The last events under some prefixes, as a history asks for them: what is kept is read backwards, within bounds. */
import { LIMITS } from "../base/limits.ts";
import { segmentsBytes, type Segment, type SequencedFrame } from "../protocol/frame.ts";
import { tailOf } from "../protocol/segment-tail.ts";
import type { Topic } from "../protocol/topic.ts";
import type { KeptLog } from "./kept-log.ts";
import { isBefore, type Place } from "./kept.ts";

/** Frames with what of them is wanted, by incarnation. */
export interface TailFrame {
  readonly incarnation: number;
  readonly frame: SequencedFrame;
}

export interface Tail {
  readonly frames: readonly TailFrame[];
  /** Whether the bounds left nothing out. */
  readonly isComplete: boolean;
}

/** What is wanted of a segment, read backwards. */
interface Picker {
  pick(segment: Segment): Segment | undefined;
  /** Whether it takes no more. */
  readonly isDone: boolean;
  /** Whether something was wanted that it may not hold. */
  readonly isOver: boolean;
}

/** The last events, so many. */
export function pickLast(events: number): Picker {
  let left = events;
  return {
    pick(segment) {
      if (left === 0) return undefined;
      const tail = tailOf(segment, left);
      left -= tail.count;
      return tail;
    },
    get isDone() {
      return left === 0;
    },
    isOver: false,
  };
}

/** The last event of each topic. */
export function pickLastPerTopic(): Picker {
  const topics = new Set<Topic>();
  let isOver = false;
  return {
    pick(segment) {
      if (topics.has(segment.topic)) return undefined;
      isOver ||= topics.size >= LIMITS.historyTopicsMax;
      if (isOver) return undefined;
      topics.add(segment.topic);
      return tailOf(segment, 1);
    },
    get isDone() {
      return isOver;
    },
    get isOver() {
      return isOver;
    },
  };
}

/** What a picker takes of the events up to and including a place. Cost: the bytes read, `LIMITS.historyScanBytes`. */
export function readTail(log: KeptLog, until: Place, takes: (topic: Topic) => boolean, picker: Picker): Tail {
  const found: TailFrame[] = [];
  let scanned = 0;
  let held = 0;
  let id = Math.min(log.after(until), log.next - 1);
  for (; id >= log.first && !picker.isDone; id--) {
    if (scanned >= LIMITS.historyScanBytes || held >= LIMITS.historyHeldBytes) break;
    const row = log.rows(id, 0)[0]!;
    const { incarnation } = row.end;
    scanned += row.bytes;
    for (const frame of row.frames.toReversed()) {
      if (isBefore(until, { incarnation, seq: frame.seq })) continue;
      const segments = frame.segments
        .toReversed()
        .flatMap((segment) => (takes(segment.topic) ? (picker.pick(segment) ?? []) : []))
        .toReversed();
      if (segments.length === 0) continue;
      held += segmentsBytes(segments);
      // A copy: a view would keep the whole row in memory.
      const own = segments.map((segment) => ({ ...segment, payload: segment.payload.slice() }));
      found.push({ incarnation, frame: { ...frame, segments: own } });
    }
  }
  return { frames: found.toReversed(), isComplete: !picker.isOver && (picker.isDone || id < log.first) };
}
