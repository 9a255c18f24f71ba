/**
 * A virtual world: one clock, one queue of events, one source of randomness, faults that are counted, and a trace.
 * Nothing in it waits: a minute passes in the time its events take.
 */
import { Random } from "./random.ts";

/** What a checker found. The runner prints it with the seed that repeats it. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export interface Timer {
  cancel(): void;
}

interface Event {
  readonly atMs: number;
  /** Events of one instant run in the order in which they were planned. */
  readonly order: number;
  run: (() => void) | undefined;
}

export interface WorldOptions {
  readonly seed: number;
  /** Receives each line of the trace; without it no line is made. */
  readonly trace?: (line: string) => void;
}

/** 2026-11-20T12:58:00Z: two minutes before an hour, so that most runs cross one. */
const START_MS = 1_795_179_480_000;

export class World {
  readonly random: Random;
  /** Counts by kind of fault. */
  readonly faults = new Map<string, number>();
  /** Scales the probability of every fault; 0 makes the world quiet. */
  faultScale = 1;
  #nowMs = START_MS;
  #order = 0;
  readonly #heap: Event[] = [];
  readonly #trace: ((line: string) => void) | undefined;

  constructor({ seed, trace }: WorldOptions) {
    this.random = new Random(seed);
    this.#trace = trace;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs `run` after `delayMs` of virtual time, behind everything already planned for that instant. */
  after(delayMs: number, run: () => void): Timer {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run };
    this.#push(event);
    return { cancel: () => (event.run = undefined) };
  }

  /** Whether a fault of this kind happens now; counts it. */
  fault(kind: string, probability: number, who = ""): boolean {
    if (this.faultScale === 0 || !this.random.chance(probability * this.faultScale)) return false;
    this.count(kind, who);
    return true;
  }

  /** Counts a fault that the caller brings about. */
  count(kind: string, who = ""): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
    this.note(`!! ${kind}`, () => who);
  }

  /** A line of the trace. `text` is called only when somebody listens. */
  note(who: string, text: () => string): void {
    this.#trace?.(`${((this.#nowMs - START_MS) / 1000).toFixed(3).padStart(9)} ${who} ${text()}`);
  }

  /** Runs events until `done` holds. Throws `Violation` when it does not within `maxMs` of virtual time or `maxEvents`. */
  runUntil(done: () => boolean, what: string, { maxMs = 3_600_000, maxEvents = 1_000_000 } = {}): void {
    const endMs = this.#nowMs + maxMs;
    for (let n = 0; !done(); n++) {
      const event = this.#pop();
      if (event === undefined) throw new Violation(`nothing is left to happen before: ${what}`);
      if (event.atMs > endMs || n > maxEvents) throw new Violation(`it takes too long until: ${what}`);
      this.#nowMs = event.atMs;
      event.run?.();
    }
  }

  /** Runs all events of the next `ms` of virtual time. */
  runFor(ms: number): void {
    let isOver = false;
    this.after(ms, () => (isOver = true));
    this.runUntil(() => isOver, "time passes", { maxMs: ms });
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
