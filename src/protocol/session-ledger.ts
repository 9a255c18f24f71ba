/**
 * The loss ledger of a session (rule 38; PROTOCOL.md, R38): events between its peer and the routers, by what became of
 * them. Booked a frame at a time, by the session for its peer and by its trunks for the routers.
 */
import { assert } from "../base/assert.ts";
import { addCounts, imbalance, negativeCounts, sumCounts, zeroCounts, type Counts } from "../base/counts.ts";

/** received = all the others. */
const PUBLISHER_COUNTS = [
  /** Events in publishes of the peer. */
  "received",
  /** Every router of theirs has said that it has taken them. */
  "acknowledged",
  /** Had been acknowledged to the peer before. */
  "repeats",
  /** The peer was told that they went nowhere. */
  "refused",
  /** Waiting for room in the window of a router. */
  "queued",
  /** Sent to a router, or about to be. */
  "unacknowledged",
  /** Were still queued when the session ended. */
  "undrained",
  /** Were unacknowledged when the session ended: at most so many are lost. */
  "unaccounted",
] as const;

/** arrived = all the others together with what was dropped. */
const READER_COUNTS = [
  /** Events in deliveries of routers. */
  "arrived",
  /** Given to the peer's socket. */
  "handed",
  /** Had come before, so not again. */
  "repeats",
  /** Of an incarnation that is over. */
  "stale",
  /** The peer's own. */
  "echoes",
] as const;

/**
 * `slow_reader`: over the allowance of a reader, which is then closed. `closed`: came behind the end of the connection.
 * `untranslatable`: has no form in the peer's protocol, which is told in its place.
 */
const DROP_REASONS = ["slow_reader", "closed", "untranslatable"] as const;
type SessionDropReason = (typeof DROP_REASONS)[number];

export interface SessionCounts {
  readonly publishers: Counts<(typeof PUBLISHER_COUNTS)[number]>;
  readonly readers: Counts<(typeof READER_COUNTS)[number]>;
  readonly dropped: Counts<SessionDropReason>;
}

export class SessionLedger implements SessionCounts {
  readonly publishers = zeroCounts(PUBLISHER_COUNTS);
  readonly readers = zeroCounts(READER_COUNTS);
  readonly dropped = zeroCounts(DROP_REASONS);

  /** Events of the peer that are queued, unless one of the next two follows. */
  received(events: number): void {
    this.publishers.received += events;
    this.publishers.queued += events;
  }

  /** They are not taken. */
  refused(events: number, reason: "refused" | "repeats"): void {
    this.publishers.queued -= events;
    this.publishers[reason] += events;
  }

  sent(events: number): void {
    this.publishers.queued -= events;
    this.publishers.unacknowledged += events;
  }

  acknowledged(events: number): void {
    this.publishers.unacknowledged -= events;
    this.publishers.acknowledged += events;
  }

  /** The other end of a trunk has refused them. */
  declined(events: number): void {
    this.publishers.unacknowledged -= events;
    this.publishers.refused += events;
  }

  /** The session is over, with what it still has. */
  ended(): void {
    const { publishers } = this;
    publishers.undrained += publishers.queued;
    publishers.unaccounted += publishers.unacknowledged;
    publishers.queued = 0;
    publishers.unacknowledged = 0;
  }

  /** Adds the counts of another one. */
  add(counts: SessionCounts): void {
    addCounts(this.publishers, counts.publishers);
    addCounts(this.readers, counts.readers);
    addCounts(this.dropped, counts.dropped);
  }

  /** Throws `logic_error` when a side does not balance. Cost: a few additions. */
  assertBalanced(): void {
    assert(this.#publishersDiffer() === 0, "the ledger's side of publishers balances");
    assert(this.#readersDiffer() === 0, "the ledger's side of readers balances");
  }

  /** What does not balance, in words. */
  problems(): string[] {
    const { publishers, readers, dropped } = this;
    return [
      ...imbalance("publishers", this.#publishersDiffer()),
      ...imbalance("readers", this.#readersDiffer()),
      ...[publishers, readers, dropped].flatMap(negativeCounts),
    ];
  }

  #publishersDiffer(): number {
    const { received } = this.publishers;
    return received - (sumCounts(this.publishers) - received);
  }

  #readersDiffer(): number {
    const { arrived } = this.readers;
    return arrived - (sumCounts(this.readers) - arrived) - sumCounts(this.dropped);
  }
}
