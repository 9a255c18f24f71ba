/**
 * The loss ledger of a router (rule 38; PROTOCOL.md, "The loss ledger"): events by what became of them. Plain numbers,
 * booked a delivery at a time where it happens; at the end of every turn both sides balance.
 */
import { assert } from "../base/assert.ts";
import {
  addCounts,
  imbalance,
  isSameCounts,
  negativeCounts,
  sumCounts,
  zeroCounts,
  type Counts,
} from "../base/counts.ts";
import { GAP_REASONS, type GapReason } from "../protocol/frame.ts";

/** Publishers: received = published + repeats + refused + held. */
const PUBLISHER_COUNTS = [
  /** Events in publishes that trunks brought. */
  "received",
  /** Sequenced. */
  "published",
  /** Taken before, so not again. */
  "repeats",
  /** For one node of a pool, where nobody was: they went nowhere. */
  "refused",
  /** Waiting to be sequenced. */
  "held",
] as const;

/** Readers, each event once for each reader: offered + replayed = all the others together with what was dropped. */
const READER_COUNTS = [
  /** Matched the subscriptions of a live reader. */
  "offered",
  /** Sent from what is kept. */
  "replayed",
  /** The reader said that it has consumed them. */
  "delivered",
  /** Sent and not acknowledged. */
  "inFlight",
  /** Waiting for credit. */
  "queued",
  /** Left to what is kept: when the reader gets to them they count as `replayed`. */
  "withdrawn",
  /** They were on their way when the reader or the router was cut off: at most so many are lost. */
  "unaccounted",
] as const;

/**
 * `slow_reader`: waited for a reader that was dismissed. `away`: waited, or was lost on the way, when its trunk ended.
 * `unsubscribed`: waited for a reader that did not want it any more.
 */
const DROP_REASONS = ["drop_oldest", "drop_newest", "slow_reader", "away", "unsubscribed"] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** What is stored, and shown. Counts of events, but for `gaps`: notices sent to readers, by reason. */
export interface RouterCounts {
  readonly publishers: Counts<(typeof PUBLISHER_COUNTS)[number]>;
  readonly readers: Counts<(typeof READER_COUNTS)[number]>;
  readonly dropped: Counts<DropReason>;
  readonly gaps: Counts<GapReason>;
}

/** A router's ledger as others see it. */
export interface RouterLedgerView extends RouterCounts {
  readonly router: string;
  /** 1 more than the unclean starts so far; each lost the counts since the last checkpoint. */
  readonly incarnation: number;
  /** What does not balance, in words; empty when all does. */
  readonly problems: readonly string[];
}

export class RouterLedger implements RouterCounts {
  readonly publishers = zeroCounts(PUBLISHER_COUNTS);
  readonly readers = zeroCounts(READER_COUNTS);
  readonly dropped = zeroCounts(DROP_REASONS);
  readonly gaps = zeroCounts(GAP_REASONS);
  #stored: RouterCounts | undefined;

  /**
   * @param stored Counts of the life before. What was on its way to readers then is unaccounted for; what was held is
   * published again.
   */
  constructor(stored?: RouterCounts) {
    if (stored === undefined) return;
    const { publishers, readers } = this;
    addCounts(publishers, stored.publishers);
    addCounts(readers, stored.readers);
    addCounts(this.dropped, stored.dropped);
    addCounts(this.gaps, stored.gaps);
    this.#stored = this.counts();
    publishers.received -= publishers.held;
    publishers.held = 0;
    readers.unaccounted += readers.inFlight + readers.queued;
    readers.inFlight = 0;
    readers.queued = 0;
  }

  /** Events of a publish are sequenced, or were before. */
  sequenced(events: number, isRepeat: boolean): void {
    const { publishers } = this;
    publishers.held -= events;
    if (isRepeat) publishers.repeats += events;
    else publishers.published += events;
  }

  /** Events of a publish find nobody. */
  refused(events: number): void {
    this.publishers.held -= events;
    this.publishers.refused += events;
  }

  /** Events of a publish have come. */
  received(events: number): void {
    this.publishers.received += events;
    this.publishers.held += events;
  }

  /** A gap notice goes to a reader. */
  told(reason: GapReason | undefined): void {
    if (reason !== undefined) this.gaps[reason]++;
  }

  /** Throws `logic_error` when a side does not balance. Cost: a few additions. */
  assertBalanced(): void {
    assert(this.#publishersDiffer() === 0, "the ledger's side of publishers balances");
    assert(this.#readersDiffer() === 0, "the ledger's side of readers balances");
  }

  /** What does not balance, in words. @param atHand What waits and is under way, counted anew. */
  problems(atHand: { readonly held: number; readonly inFlight: number; readonly queued: number }): string[] {
    const { publishers, readers, dropped, gaps } = this;
    const out = [
      ...imbalance("publishers", this.#publishersDiffer()),
      ...imbalance("readers", this.#readersDiffer()),
      ...[publishers, readers, dropped, gaps].flatMap(negativeCounts),
    ];
    const booked = { ...publishers, ...readers };
    for (const name of ["held", "inFlight", "queued"] as const) {
      if (booked[name] !== atHand[name]) out.push(`${name}: ${atHand[name]} events, booked ${booked[name]}`);
    }
    return out;
  }

  /** Whether storage holds these counts. */
  get isStored(): boolean {
    const stored = this.#stored;
    return (
      stored !== undefined &&
      isSameCounts(this.publishers, stored.publishers) &&
      isSameCounts(this.readers, stored.readers) &&
      isSameCounts(this.dropped, stored.dropped) &&
      isSameCounts(this.gaps, stored.gaps)
    );
  }

  /** A copy of all counts, which is going to be stored. */
  store(): RouterCounts {
    this.#stored = this.counts();
    return this.#stored;
  }

  /** A copy of all counts. */
  counts(): RouterCounts {
    const { publishers, readers, dropped, gaps } = this;
    return {
      publishers: { ...publishers },
      readers: { ...readers },
      dropped: { ...dropped },
      gaps: { ...gaps },
    };
  }

  #publishersDiffer(): number {
    const { received, published, repeats, refused, held } = this.publishers;
    return received - published - repeats - refused - held;
  }

  #readersDiffer(): number {
    const { offered, replayed, delivered, inFlight, queued, withdrawn, unaccounted } = this.readers;
    const outcomes = delivered + inFlight + queued + withdrawn + unaccounted + sumCounts(this.dropped);
    return offered + replayed - outcomes;
  }
}
