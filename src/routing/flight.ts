/**
 * What is under way to one reader, in the order sent. Finds what a credit stands for at a cost that hardly grows with
 * how much that is: a reader may say anything, as often as it likes.
 */
import { Fifo } from "../base/fifo.ts";
import { isBefore, type Place } from "./kept.ts";

/** A delivery that is sent and not acknowledged. */
export interface InFlight {
  readonly stream: string;
  readonly incarnation: number;
  readonly last: number;
  readonly size: number;
  readonly events: number;
  readonly isHistory: boolean;
}

/** One stream in it; deliveries by their number in the order sent. */
interface Line {
  /** Those that end behind the one before them. */
  readonly rising: Fifo<number>;
  /** The others, which are older than what was sent before them: the last that ends at each place. */
  readonly older: Map<string, number>;
}

export class Flight implements Iterable<InFlight> {
  readonly #all = new Fifo<InFlight>();
  readonly #lines = new Map<string, Line>();
  /** Number of the first of all. */
  #first = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(delivery: InFlight): void {
    const { stream, size } = delivery;
    const number = this.#first + this.#all.size;
    this.#all.push(delivery);
    this.#bytes += size;
    let line = this.#lines.get(stream);
    if (line === undefined) {
      line = { rising: new Fifo(), older: new Map() };
      this.#lines.set(stream, line);
    }
    const before = line.rising.at(line.rising.size - 1);
    const isRising = before === undefined || !isBefore(endOf(delivery), endOf(this.#at(before)));
    if (isRising && !delivery.isHistory) line.rising.push(number);
    else line.older.set(keyOf(endOf(delivery)), number);
  }

  /** Takes the delivery that ends at the place, or is the last one behind which it lies, and all sent before that. */
  *take(stream: string, place: Place): Generator<InFlight> {
    const line = this.#lines.get(stream);
    if (line === undefined) return;
    const end = this.#endOf(line, place);
    while (this.#first <= end) yield this.#shift();
  }

  [Symbol.iterator](): Iterator<InFlight> {
    return this.#all[Symbol.iterator]();
  }

  /** What is older than the deliveries before it can only be told by its own end. -1 when there is none. */
  #endOf({ rising, older }: Line, place: Place): number {
    const ownEnd = older.get(keyOf(place)) ?? -1;
    const passed = this.#lastPassed(rising, place);
    if (ownEnd < 0 || passed < 0) return Math.max(ownEnd, passed);
    return isBefore(endOf(this.#at(passed)), place) ? ownEnd : Math.max(ownEnd, passed);
  }

  /** The number of the last one that ends at the place or before it; -1 when there is none. Binary search. */
  #lastPassed(rising: Fifo<number>, place: Place): number {
    let [low, high] = [0, rising.size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(place, endOf(this.#at(rising.at(middle)!)))) high = middle;
      else low = middle + 1;
    }
    return low === 0 ? -1 : rising.at(low - 1)!;
  }

  #shift(): InFlight {
    const delivery = this.#all.shift()!;
    const { stream, size } = delivery;
    this.#bytes -= size;
    const { rising, older } = this.#lines.get(stream)!;
    const key = keyOf(endOf(delivery));
    if (rising.at(0) === this.#first) rising.shift();
    else if (older.get(key) === this.#first) older.delete(key);
    if (rising.size === 0 && older.size === 0) this.#lines.delete(stream);
    this.#first++;
    return delivery;
  }

  #at(number: number): InFlight {
    return this.#all.at(number - this.#first)!;
  }
}

function endOf({ incarnation, last }: InFlight): Place {
  return { incarnation, seq: last };
}

function keyOf({ incarnation, seq }: Place): string {
  return `${incarnation} ${seq}`;
}
