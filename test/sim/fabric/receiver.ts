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

/** Where a delivery says that it stands. A JSON v1 receiver is not told: it knows which router must have sent it. */
export interface Source {
  readonly stream: string;
  readonly incarnation?: number;
}

/** Where a receiver got an event. */
interface Taken {
  readonly event: Published;
  readonly stream: string;
  readonly place: Place;
}

export class Receiver {
  readonly name: string;
  /** As a publisher, it has the same name. */
  readonly #ledger: Ledger;
  readonly #interests: Interest[] = [];
  readonly #received = new Map<string, Taken>();
  readonly #lastNumbers = new Map<string, number>();
  readonly #lastPlaces = new Map<string, Place>();
  readonly #gaps: Gap[] = [];

  constructor(name: string, ledger: Ledger) {
    this.name = name;
    this.#ledger = ledger;
  }

  /** Events that it got. */
  get count(): number {
    return this.#received.size;
  }

  /** Asks for a prefix; the answer is to be confirmed, or ended. */
  subscribe(prefix: Prefix): Interest {
    const interest: Interest = { prefix, sinceMs: undefined, isOver: false };
    this.#interests.push(interest);
    return interest;
  }

  /** An event came: it must match, not be its own, be new, and keep each publisher's order and the router's. */
  receive(key: string, source: Source): void {
    const event = this.#ledger.get(key);
    const { publisher, number } = event;
    const { stream } = source;
    if (publisher === this.name) throw new Violation(`${this.name} got its own ${key}`);
    this.#assertWanted(event);
    const before = this.#received.get(key)?.place;
    const place = this.#follow(event, source);
    // What is not kept may be forgotten by its router, and then be taken again under another table.
    if (before !== undefined && (before.isKept || before.table === place.table)) {
      throw new Violation(`${this.name} got ${key} twice ${where(event)}`);
    }
    // What is sent again because its topic has moved may come behind what was sent later.
    const series = `${publisher} ${stream} ${place.table}`;
    const last = this.#lastNumbers.get(series) ?? 0;
    if (number <= last)
      throw new Violation(`${this.name} got ${key} after number ${last} of the same publisher`);
    this.#lastNumbers.set(series, number);
    this.#received.set(key, { event, stream, place });
  }

  /** An event of a history came: of the past, so it may have come before, and one's own are no exception to it. */
  receiveHistory(key: string, source: Source): void {
    const event = this.#ledger.get(key);
    this.#assertWanted(event);
    if (!event.places.some((place) => place.isKept && isFrom(source, place))) {
      throw new Violation(`${this.name} got ${key} ${where(event)} as history of ${JSON.stringify(source)}`);
    }
  }

  /** A gap is told: it leads forward. */
  told(gap: Gap): void {
    const { extent, from, to } = gap;
    const isForward =
      from.router === to.router &&
      (from.incarnation === to.incarnation ? from.seq < to.seq : from.incarnation < to.incarnation);
    if (!isForward || (extent === "exact") !== (from.incarnation === to.incarnation)) {
      throw new Violation(`${this.name} is told the gap ${JSON.stringify(gap)}`);
    }
    this.#gaps.push(gap);
  }

  /** Everything that was published while an interest of now held came, or lies in a gap that was told. */
  checkNothingMissing(): void {
    for (const event of this.#wanted()) {
      const untold = event.places.filter((place) => !this.#isTold(event, place));
      // Told that it was missed, then sequenced again: behind a later one of its publisher it is taken for a repeat.
      const isTold =
        untold.length < event.places.length && untold.every((place) => this.#isLate(event, place));
      if (isTold) continue;
      throw new Violation(`${this.name} misses ${event.key} ${where(event)} and was told nothing`);
    }
  }

  /** What lies in an exact gap did not come. */
  checkGapsAreExact(): void {
    for (const gap of this.#gaps.filter(({ extent }) => extent === "exact")) {
      for (const { event, stream, place } of this.#received.values()) {
        if (stream !== gap.to.router || !isInside(gap, place)) continue;
        throw new Violation(
          `${this.name} got ${event.key} ${where(event)} and is told ${JSON.stringify(gap)}`,
        );
      }
    }
  }

  /** For a receiver without gap notices: what it got of each router has no hole, up to the last. */
  checkNoHoles(): void {
    for (const event of this.#wanted()) {
      const hole = event.places.some((place) => {
        const last = this.#lastPlaces.get(place.router);
        return last?.incarnation === place.incarnation && comparePlaces(place, last) < 0;
      });
      if (hole)
        throw new Violation(`${this.name} misses ${event.key} ${where(event)} before what it got later`);
    }
  }

  /** Whether some interest covers the topic from before `sinceMs` on until now. */
  #assertWanted(event: Published): void {
    if (this.#interests.some(({ prefix }) => isMatch(prefix, event.topic))) return;
    throw new Violation(`${this.name} got ${event.key} on '${event.topic}', to which it never subscribed`);
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
  #follow(event: Published, source: Source): Place {
    const last = this.#lastPlaces.get(source.stream);
    const places = event.places.filter((place) => isFrom(source, place));
    const place = places.find((p) => last === undefined || comparePlaces(last, p) < 0);
    if (place === undefined) {
      const said = JSON.stringify({ source, last });
      throw new Violation(`${this.name} got ${event.key} ${where(event)}, out of place: ${said}`);
    }
    this.#lastPlaces.set(source.stream, place);
    return place;
  }

  /** Whether a later event of the same publisher came before what stands at the place. */
  #isLate(event: Published, place: Place): boolean {
    for (const { event: other, stream } of this.#received.values()) {
      const isLater =
        other.publisher === event.publisher && stream === place.stream && other.number > event.number;
      if (isLater && other.places.some((p) => p.router === place.router && comparePlaces(p, place) < 0))
        return true;
    }
    return false;
  }

  /** A topic that changed its stream, because what is kept changed, may be told in any that it had at its router. */
  #isTold({ topic }: Published, place: Place): boolean {
    const { layout } = this.#ledger;
    return this.#gaps.some(
      (gap) => layout.areSame(gap.to.router, place.stream, topic, place.router) && isInside(gap, place),
    );
  }
}

const isInside = ({ from, to }: Gap, place: Place): boolean =>
  comparePlaces({ ...from, index: Infinity }, place) < 0 &&
  comparePlaces(place, { ...to, index: Infinity }) <= 0;

const isFrom = ({ stream, incarnation }: Source, place: Place): boolean =>
  incarnation === undefined
    ? place.router === stream
    : place.stream === stream && place.incarnation === incarnation;

const where = ({ places }: Published): string =>
  `(${places.map((p) => `${p.stream} ${p.incarnation}/${p.seq}.${p.index}`).join(", ")})`;
