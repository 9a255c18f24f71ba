/** Publishes of a native peer that wait for routers: one publish may go to several, the peer gets one count. */

export class OutstandingPublishes {
  /** Routers that have not acknowledged, by publish; in the order of publishing. */
  readonly #routers = new Map<number, Set<string>>();
  #done = 0;

  get isEmpty(): boolean {
    return this.#routers.size === 0;
  }

  /** A publish went to these routers. A repeat of one that is outstanding changes nothing. */
  add(seq: number, routers: Iterable<string>): void {
    if (!this.#routers.has(seq)) this.#routers.set(seq, new Set(routers));
  }

  /** A router has taken everything up to the number. */
  acknowledge(router: string, seq: number): void {
    for (const [outstanding, routers] of this.#routers) {
      if (outstanding > seq) break;
      routers.delete(router);
    }
  }

  /** The number up to which every router has taken everything. */
  takeDone(): number {
    for (const [outstanding, routers] of this.#routers) {
      if (routers.size > 0) break;
      this.#routers.delete(outstanding);
      this.#done = outstanding;
    }
    return this.#done;
  }
}
