/** Publishes of a native peer that wait for routers: one publish may go to several, the peer gets one count. */

interface Outstanding {
  /** Routers that have not acknowledged it. */
  readonly routers: Set<string>;
  /** Trunks that it went to, so far; undefined where nobody asked, or a router does not know any more. */
  receivers: number | undefined;
}

/** Publishes that every router has: all up to `seq`. */
export interface Acknowledged {
  readonly seq: number;
  /** Of the publish with this very number. */
  readonly receivers?: number;
}

export class OutstandingPublishes {
  /** In the order of publishing. */
  readonly #all = new Map<number, Outstanding>();

  get size(): number {
    return this.#all.size;
  }

  /**
   * A publish went to these routers. A repeat of one that is outstanding changes nothing.
   * @param isReceiptAsked Whether the peer wants to know how many receivers it had.
   */
  add(seq: number, routers: Iterable<string>, isReceiptAsked = false): void {
    if (this.#all.has(seq)) return;
    this.#all.set(seq, { routers: new Set(routers), receivers: isReceiptAsked ? 0 : undefined });
  }

  /** A router has taken everything up to the number; `receivers` is of the publish with this very number. */
  acknowledge(router: string, seq: number, receivers?: number): void {
    for (const [number, outstanding] of this.#all) {
      if (number > seq) break;
      if (!outstanding.routers.delete(router) || outstanding.receivers === undefined) continue;
      const isTold = number === seq && receivers !== undefined;
      outstanding.receivers = isTold ? outstanding.receivers + receivers : undefined;
    }
  }

  /** Takes what every router has taken: one for each publish with a number of receivers, and one for the rest. */
  takeDone(): readonly Acknowledged[] {
    const done: Acknowledged[] = [];
    let last: number | undefined;
    for (const [seq, { routers, receivers }] of this.#all) {
      if (routers.size > 0) break;
      this.#all.delete(seq);
      last = seq;
      if (receivers === undefined) continue;
      done.push({ seq, receivers });
      last = undefined;
    }
    if (last !== undefined) done.push({ seq: last });
    return done;
  }
}
