/** Round robin over the nodes of a pool, dead ones skipped. Source: Zeek's `rr_topic`, spec/cluster.md §8. */
import { LIMITS } from "../base/limits.ts";

/** The positions of one caller in one pool, by key. */
export class RoundRobin {
  readonly #positions = new Map<string, number>();

  /** The slot that the key looks at next; 0 for a new one. */
  position(key: string): number {
    return this.#positions.get(key) ?? 0;
  }

  /**
   * The index of the node whose turn it is, or -1 when none is alive; then the position stays. Past
   * `LIMITS.roundRobinKeysMax` keys the one that came first is forgotten, and begins anew when it comes again.
   */
  next(isAlive: Uint8Array, key: string): number {
    const length = isAlive.length;
    if (length === 0) return -1;
    // The list may have become shorter by a change of the layout.
    const start = this.position(key) % length;
    for (let step = 0; step < length; step++) {
      const i = (start + step) % length;
      if (isAlive[i] === 0) continue;
      this.#put(key, (i + 1) % length);
      return i;
    }
    return -1;
  }

  #put(key: string, position: number): void {
    if (this.#positions.size >= LIMITS.roundRobinKeysMax && !this.#positions.has(key)) {
      const [oldest] = this.#positions.keys();
      this.#positions.delete(oldest!);
    }
    this.#positions.set(key, position);
  }
}
