/**
 * Makes a failing run small: leaves out happenings (faults, accidents, steps of the traffic) as long as some check
 * still fails, first many at once, then few, then one by one.
 */
import type { WorldOptions } from "./world.ts";

export type Run = (options: WorldOptions) => unknown;

export interface Shrunk {
  /** The happenings that are left, by number. */
  readonly only: readonly number[];
  /** How many there were. */
  readonly before: number;
  readonly tries: number;
}

/** Shrinks a seed that fails, with at most `triesMax` runs: what is left fails in the same words, but for numbers. */
export function shrink(run: Run, seed: number, triesMax: number): Shrunk {
  const all: number[] = [];
  const words = wordsOf(failureOf(run, { seed, happened: (number) => all.push(number) }));
  let only: readonly number[] = all;
  let tries = 0;
  for (let size = Math.ceil(all.length / 2); size >= 1 && tries < triesMax; size = Math.floor(size / 2)) {
    // From the end on: what came late depends on what came early, not the other way round.
    for (let end = only.length; end > 0 && tries < triesMax; end -= size) {
      const without = only.filter((_, i) => i < end - size || i >= end);
      tries++;
      if (wordsOf(failureOf(run, { seed, only: new Set(without) })) === words) only = without;
    }
  }
  return { only, before: all.length, tries };
}

/** What a run says that fails; undefined when it passes. */
export function failureOf(run: Run, options: WorldOptions): unknown {
  try {
    run(options);
    return undefined;
  } catch (error) {
    return error;
  }
}

function wordsOf(failure: unknown): string | undefined {
  return failure instanceof Error ? failure.message.replaceAll(/\d+/g, "#") : undefined;
}
