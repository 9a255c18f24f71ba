/** The one timer of an engine that says when it is due. It keeps no process alive: what an engine serves does. */
export class Deadline {
  readonly #run: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #atMs = Infinity;

  constructor(run: () => void) {
    this.#run = run;
  }

  /** @param deadlineMs When to run; undefined for never. */
  set(deadlineMs: number | undefined): void {
    const atMs = deadlineMs ?? Infinity;
    if (atMs === this.#atMs) return;
    clearTimeout(this.#timer);
    this.#atMs = atMs;
    if (atMs === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#atMs = Infinity;
        this.#run();
      },
      Math.max(1, atMs - Date.now()),
    );
    // A number in browsers.
    if (typeof this.#timer === "object") this.#timer.unref();
  }
}
