/**
 * Batches without waiting: the first input runs at once, and what comes until the next macrotask runs together. An
 * idle fabric adds no latency that way, and a busy one batches. (A macrotask is a timer in workerd: it comes a
 * millisecond late when nothing else happens, so waiting for it first would cost an idle fabric that millisecond.)
 */
export class Gather {
  readonly #run: () => void;
  readonly #schedule: (task: () => void) => void;
  #isGathering = false;
  #isDue = false;

  /** @param schedule Runs a task in the next macrotask: `setImmediate`, or a simulator's. */
  constructor(schedule: (task: () => void) => void, run: () => void) {
    this.#schedule = schedule;
    this.#run = run;
  }

  /** There is input: `run` follows, now or in the next macrotask. */
  due(): void {
    this.#isDue = true;
    if (!this.#isGathering) this.#next();
  }

  /** There may be work, but not now: `run` follows in the next macrotask. */
  dueLater(): void {
    this.#isDue = true;
    if (!this.#isGathering) this.#gather();
  }

  #next(): void {
    this.#gather();
    this.#isDue = false;
    this.#run();
  }

  #gather(): void {
    this.#isGathering = true;
    this.#schedule(() => {
      this.#isGathering = false;
      if (this.#isDue) this.#next();
    });
  }
}
