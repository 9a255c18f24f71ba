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
  /** The only happenings that take place, by their numbers; all of them without it. */
  readonly only?: ReadonlySet<number>;
  /** Is told of each happening that takes place. */
  readonly happened?: (number: number) => void;
}

/** What a seed brought about: its faults, and what went on besides, by kind. */
export interface Tally {
  readonly faults: ReadonlyMap<string, number>;
  readonly figures: ReadonlyMap<string, number>;
}

/** Part of the kinds of faults that a seed leaves out, so that rare ones are seen without the common ones. */
const LEFT_OUT = 0.2;

/** 2026-11-20T12:58:00Z: two minutes before an hour, so that most runs cross one. */
const START_MS = 1_795_179_480_000;

export class World implements Tally {
  readonly random: Random;
  /** Decides on faults alone, so that leaving one out changes as little else as can be. */
  readonly #chance: Random;
  readonly #seed: number;
  readonly #isLeftOut = new Map<string, boolean>();
  /** Counts by kind of fault, and of what went on besides. */
  readonly faults = new Map<string, number>();
  readonly figures = new Map<string, number>();
  /** Scales the probability of every fault; 0 makes the world quiet. */
  faultScale = 1;
  readonly #only: ReadonlySet<number> | undefined;
  readonly #happened: ((number: number) => void) | undefined;
  #happenings = 0;
  #nowMs = START_MS;
  #order = 0;
  readonly #heap: Event[] = [];
  readonly #trace: ((line: string) => void) | undefined;

  constructor({ seed, trace, only, happened }: WorldOptions) {
    this.#seed = seed;
    this.random = new Random(seed);
    this.#chance = new Random(seed ^ 0x5eed);
    this.#trace = trace;
    this.#only = only;
    this.#happened = happened;
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

  /** Randomness under a name, by the seed. */
  randomOf(name: string): Random {
    let hash = this.#seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return new Random(hash);
  }

  /**
   * Whether the next happening takes place: a fault, an accident, a step of the traffic. They are numbered as they
   * come up, so that a failing seed can be run again with a few of them only (shrink.ts).
   */
  happens(): boolean {
    const number = this.#happenings++;
    if (this.#only?.has(number) === false) return false;
    this.#happened?.(number);
    return true;
  }

  /** Whether a fault of this kind happens now; counts it. */
  fault(kind: string, probability: number, who = ""): boolean {
    if (this.faultScale === 0 || !this.#chance.chance(probability * this.faultScale)) return false;
    if (this.isLeftOut(kind) || !this.happens()) return false;
    this.count(kind, who);
    return true;
  }

  /** Whether this seed does without faults of this kind. */
  isLeftOut(kind: string): boolean {
    let isLeftOut = this.#isLeftOut.get(kind);
    if (isLeftOut === undefined) {
      isLeftOut = this.randomOf(kind).chance(LEFT_OUT);
      this.#isLeftOut.set(kind, isLeftOut);
    }
    return isLeftOut;
  }

  /** Adds to a figure of what went on. */
  tally(figure: string, amount = 1): void {
    this.figures.set(figure, (this.figures.get(figure) ?? 0) + amount);
  }

  /** Counts a fault that the caller brings about; it stands in the trace when somebody is named. */
  count(kind: string, who?: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
    if (who !== undefined) this.note(`!! ${kind}`, () => who);
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
