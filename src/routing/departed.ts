/**
 * What was on its way to readers when their trunks ended: unaccounted for, until the reader comes back and its
 * positions tell what has arrived. The survivor's side of a death (rule 38). In memory, and bounded.
 */
import { LIMITS } from "../base/limits.ts";
import type { InstanceId, Position } from "../protocol/frame.ts";
import { isKept } from "../protocol/stream.ts";
import { isBefore } from "./kept.ts";
import type { RouterLedger } from "./ledger.ts";
import type { InFlight } from "./flight.ts";

export class Departed {
  readonly #ledger: RouterLedger;
  /** By reader, those that left first in front. */
  readonly #flights = new Map<InstanceId, readonly InFlight[]>();
  #deliveries = 0;

  constructor(ledger: RouterLedger) {
    this.#ledger = ledger;
  }

  /** A reader's trunk has ended with this output unacknowledged. */
  left(instance: InstanceId, flight: readonly InFlight[]): void {
    const { readers } = this.#ledger;
    for (const { events } of flight) {
      readers.inFlight -= events;
      readers.unaccounted += events;
    }
    // The position of a reader says nothing of a history, which is older: that stays unaccounted for.
    const tellable = flight.filter(({ isHistory }) => !isHistory);
    if (tellable.length === 0) return;
    this.#put(instance, [...this.#take(instance), ...tellable]);
    for (const oldest of this.#flights.keys()) {
      if (this.#deliveries <= LIMITS.departedDeliveriesMax) return;
      this.#take(oldest);
    }
  }

  /**
   * A reader has come back and stands here. What is behind that has arrived. The rest has not: a gap notice tells the
   * reader, or it is sent again from what is kept.
   */
  back(instance: InstanceId, positions: readonly Position[]): void {
    if (positions.length === 0 || !this.#flights.has(instance)) return;
    const { readers, dropped } = this.#ledger;
    const unknown: InFlight[] = [];
    for (const delivery of this.#take(instance)) {
      const { stream, incarnation, last, events } = delivery;
      const at = positions.find(({ router }) => router === stream);
      if (at === undefined) {
        unknown.push(delivery);
        continue;
      }
      readers.unaccounted -= events;
      if (!isBefore(at, { incarnation, seq: last })) readers.delivered += events;
      else if (isKept(stream)) readers.withdrawn += events;
      else dropped.away += events;
    }
    if (unknown.length > 0) this.#put(instance, unknown);
  }

  #put(instance: InstanceId, flight: readonly InFlight[]): void {
    this.#flights.set(instance, flight);
    this.#deliveries += flight.length;
  }

  #take(instance: InstanceId): readonly InFlight[] {
    const flight = this.#flights.get(instance) ?? [];
    this.#flights.delete(instance);
    this.#deliveries -= flight.length;
    return flight;
  }
}
