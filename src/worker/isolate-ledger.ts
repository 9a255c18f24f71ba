/** The loss ledger of an isolate: its sessions, those that have ended included (rule 38). Isolates cannot be listed. */
import { SessionLedger, type SessionCounts } from "../protocol/session-ledger.ts";

/** The sessions of the isolate that answers. */
export interface SessionsView extends SessionCounts {
  /** Tells isolates apart: the counts of one begin anew with its life. */
  readonly isolate: string;
  /** Sessions that are open. */
  readonly open: number;
  readonly problems: readonly string[];
}

class IsolateLedger {
  readonly #ended = new SessionLedger();
  readonly #open = new Set<SessionLedger>();
  /** Made with the first request: an isolate has no randomness before. */
  #isolate: string | undefined;

  began(ledger: SessionLedger): void {
    this.#open.add(ledger);
  }

  /** It must have counted its own end. */
  ended(ledger: SessionLedger): void {
    if (this.#open.delete(ledger)) this.#ended.add(ledger);
  }

  /** A session as long as one request. */
  async during<T>(act: (ledger: SessionLedger) => Promise<T>): Promise<T> {
    const ledger = new SessionLedger();
    this.began(ledger);
    try {
      return await act(ledger);
    } finally {
      ledger.ended();
      this.ended(ledger);
    }
  }

  view(): SessionsView {
    const all = new SessionLedger();
    for (const ledger of [this.#ended, ...this.#open]) all.add(ledger);
    const { publishers, readers, dropped } = all;
    const problems = [...new Set([this.#ended, ...this.#open].flatMap((ledger) => ledger.problems()))];
    this.#isolate ??= crypto.randomUUID();
    return { isolate: this.#isolate, open: this.#open.size, publishers, readers, dropped, problems };
  }
}

export const isolateLedger = new IsolateLedger();
