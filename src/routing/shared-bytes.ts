/**
 * Bytes that wait at a router for its readers. What waits for several is in memory once, so it counts once: many
 * readers of the same topics that stop together cost the router what one of them costs.
 */
export class SharedBytes {
  /** Readers that wait for each of them. */
  readonly #readers = new Map<Uint8Array, number>();
  #sum = 0;

  /** All of them. */
  get sum(): number {
    return this.#sum;
  }

  /** One more reader waits for these. */
  add(bytes: Uint8Array): void {
    const readers = this.#readers.get(bytes) ?? 0;
    if (readers === 0) this.#sum += bytes.length;
    this.#readers.set(bytes, readers + 1);
  }

  /** A reader waits for them no more. */
  remove(bytes: Uint8Array): void {
    const readers = this.#readers.get(bytes) ?? 0;
    if (readers > 1) {
      this.#readers.set(bytes, readers - 1);
    } else if (this.#readers.delete(bytes)) {
      this.#sum -= bytes.length;
    }
  }
}
