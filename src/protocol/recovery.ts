/** Which streams of a trunk are on their way back to live, and whether anything was missing on the way (rule 11). */

export class Recovery {
  readonly #under = new Set<string>();
  readonly #histories = new Set<string>();
  readonly #holes = new Set<string>();

  /** Whether all streams are live. */
  get isOver(): boolean {
    return this.#under.size === 0 && this.#histories.size === 0;
  }

  /** A reader that comes back has said where it stands. */
  began(stream: string): void {
    this.#under.add(stream);
  }

  /** A history of this stream may be on its way. */
  historyBegan(stream: string): void {
    this.#histories.add(stream);
  }

  /** The router has answered: of other streams than these nothing comes back. */
  keep(streams: readonly string[]): void {
    for (const stream of this.#under) if (!streams.includes(stream)) this.#under.delete(stream);
  }

  missed(stream: string): void {
    if (this.#under.has(stream)) this.#holes.add(stream);
  }

  /** The connection is lost: positions bring back what was missed, but not the rest of a history. */
  lost(): void {
    for (const stream of this.#histories) this.#holes.add(stream);
    this.#histories.clear();
  }

  /** The stream is live. Answers whether nothing was missing. */
  ended(stream: string): boolean {
    this.#under.delete(stream);
    this.#histories.delete(stream);
    return !this.#holes.delete(stream);
  }
}
