/** A token bucket: a rate with room for bursts. Time is handed in. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #level: number;
  #atMs: number;

  /** @param perSecond Tokens gained a second. @param burst Tokens at most, and at first. */
  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#level = burst;
    this.#atMs = nowMs;
  }

  /** Takes tokens if there are as many; else takes none and answers false. */
  take(tokens: number, nowMs: number): boolean {
    this.#level = Math.min(this.#burst, this.#level + Math.max(0, nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    if (tokens > this.#level) return false;
    this.#level -= tokens;
    return true;
  }
}
