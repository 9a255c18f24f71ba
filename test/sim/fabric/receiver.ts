/** What one receiver got, checked as it comes; and at the end, whether anything is missing in silence. */
import type { Gap } from "../../../src/protocol/frame.ts";
import { isMatch, type Prefix } from "../../../src/protocol/topic.ts";
import { Violation } from "../kit/world.ts";
import { comparePlaces, type Ledger, type Place, type Published } from "./ledger.ts";

interface Interest {
  readonly prefix: Prefix;
  /** When it was confirmed; undefined until then. */
  sinceMs: number | undefined;
  isOver: boolean;
}

export class Receiver {
  readonly name: string;
  /** As a publisher, it has the same name. */
  readonly #ledger: Ledger;
  readonly #interests: Interest[] = [];
  readonly #received = new Set<string>();
  readonly #lastNumbers = new Map<string, number>();
  readonly #lastPlaces = new Map<string, Place>();
  readonly gaps: Gap[] = [];

  constructor(name: string, ledger: Ledger) {
    this.name = name;
    this.#ledger = ledger;
  }

  /** Asks for a prefix; the answer is to be confirmed, or ended. */
  subscribe(prefix: Prefix): Interest {
    const interest: Interest = { prefix, sinceMs: undefined, isOver: false };
    this.#interests.push(interest);
    return interest;
  }

  /** An event came: it must match, not be its own, be new, and keep each publisher's order and the router's. */
  receive(key: string): void {
    const event = this.#ledger.get(key);
    const { publisher, number, router } = event;
    if (publisher === this.name) throw new Violation(`${this.name} got its own ${key}`);
    if (!this.#interests.some(({ prefix }) => isMatch(prefix, event.topic))) {
      throw new Violation(`${this.name} got ${key} on '${event.topic}', to which it never subscribed`);
    }
    if (this.#received.has(key)) throw new Violation(`${this.name} got ${key} twice`);
    this.#received.add(key);
    const source = `${publisher} ${router}`;
    const last = this.#lastNumbers.get(source) ?? 0;
    if (number <= last)
      throw new Violation(`${this.name} got ${key} after number ${last} of the same publisher`);
    this.#lastNumbers.set(source, number);
    this.#follow(event);
  }

  /** Everything that was published while an interest of now held came, or lies in a gap that was told. */
  checkNothingMissing(): void {
    for (const event of this.#wanted()) {
      const untold = event.places.filter((place) => !this.#isTold(event.router, place));
      // Told that it was missed, then sequenced again: behind a later one of its publisher it is taken for a repeat.
      const isTold =
        untold.length < event.places.length && untold.every((place) => this.#isLate(event, place));
      if (isTold) continue;
      throw new Violation(`${this.name} misses ${event.key} ${where(event)} and was told nothing`);
    }
  }

  /** For a receiver without gap notices: what it got of each router has no hole, up to the last. */
  checkNoHoles(): void {
    for (const event of this.#wanted()) {
      const last = this.#lastPlaces.get(event.router);
      const hole = event.places.some(
        (p) => last?.incarnation === p.incarnation && comparePlaces(p, last) < 0,
      );
      if (hole)
        throw new Violation(`${this.name} misses ${event.key} ${where(event)} before what it got later`);
    }
  }

  /** Events that were sequenced, should have come and did not. */
  *#wanted(): Generator<Published> {
    for (const event of this.#ledger.events.values()) {
      if (event.publisher === this.name || this.#received.has(event.key) || event.places.length === 0)
        continue;
      const isWanted = this.#interests.some(
        ({ prefix, sinceMs, isOver }) =>
          !isOver && sinceMs !== undefined && sinceMs < event.atMs && isMatch(prefix, event.topic),
      );
      if (isWanted) yield event;
    }
  }

  /** One order for all: what comes must lie behind what came, at one of the places that the router gave it. */
  #follow(event: Published): void {
    const last = this.#lastPlaces.get(event.router);
    const place = event.places.find((p) => last === undefined || comparePlaces(last, p) < 0);
    if (place === undefined) {
      throw new Violation(`${this.name} got ${event.key} ${where(event)} behind ${JSON.stringify(last)}`);
    }
    this.#lastPlaces.set(event.router, place);
  }

  /** Whether a later event of the same publisher came before what stands at the place. */
  #isLate(event: Published, place: Place): boolean {
    return [...this.#received].some((key) => {
      const { publisher, router, number, places } = this.#ledger.get(key);
      const isLater = publisher === event.publisher && router === event.router && number > event.number;
      return isLater && places.some((other) => comparePlaces(other, place) < 0);
    });
  }

  #isTold(router: string, place: Place): boolean {
    return this.gaps.some(
      ({ from, to }) =>
        from.router === router &&
        comparePlaces({ ...from, index: Infinity }, place) < 0 &&
        comparePlaces(place, { ...to, index: Infinity }) <= 0,
    );
  }
}

const where = ({ router, places }: Published): string =>
  `(${router} ${places.map((p) => `${p.incarnation}/${p.seq}.${p.index}`).join(" ")})`;
