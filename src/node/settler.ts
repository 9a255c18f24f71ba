/** Waits for acknowledgements, one at a time: whoever comes while one is under way shares the next one. */
export class Settler {
  readonly #settle: () => Promise<void>;
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** @param settle Resolves when all that was sent before is acknowledged; never rejects. */
  constructor(settle: () => Promise<void>) {
    this.#settle = settle;
  }

  /** Resolves when what was sent before this call is acknowledged. */
  async settled(): Promise<void> {
    if (this.#current === undefined) return this.#begin();
    this.#next ??= this.#current.then(async () => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  async #begin(): Promise<void> {
    this.#current = this.#settle().finally(() => (this.#current = undefined));
    return this.#current;
  }
}
