/** Pool events on their way to one reader, until it says that it has consumed them (rule 33). */
import type { Place } from "./kept.ts";

/** An event that was sent to the reader of one topic, and what becomes of it. */
export interface Dispatch {
  /** A reader has consumed it. */
  handled(): void;
  /** A reader will not; perhaps another one that it was sent to. */
  lost(): void;
}

interface Entry {
  readonly stream: string;
  readonly place: Place;
  readonly dispatch: Dispatch;
}

export class Awaited {
  #all: Entry[] = [];

  /** In the order of sequence numbers. */
  add(stream: string, place: Place, dispatch: Dispatch): void {
    this.#all.push({ stream, place, dispatch });
  }

  /** The reader has consumed a stream up to here. */
  consumed(stream: string, to: Place): void {
    this.#take(
      (entry) => isOf(entry, stream, to) && entry.place.seq <= to.seq,
      ({ dispatch }) => dispatch.handled(),
    );
  }

  /** The reader will not get what lies between these places of a stream. */
  dropped(stream: string, from: number, to: Place): void {
    this.#take(
      (entry) => isOf(entry, stream, to) && entry.place.seq > from && entry.place.seq <= to.seq,
      ({ dispatch }) => dispatch.lost(),
    );
  }

  /** The reader wants a stream no more; without one: it is gone. */
  end(stream?: string): void {
    this.#take(
      (entry) => stream === undefined || entry.stream === stream,
      ({ dispatch }) => dispatch.lost(),
    );
  }

  #take(isTaken: (entry: Entry) => boolean, tell: (entry: Entry) => void): void {
    if (this.#all.length === 0) return;
    const taken = this.#all.filter(isTaken);
    if (taken.length === 0) return;
    this.#all = taken.length === this.#all.length ? [] : this.#all.filter((entry) => !isTaken(entry));
    for (const entry of taken) tell(entry);
  }
}

function isOf(entry: Entry, stream: string, { incarnation }: Place): boolean {
  return entry.stream === stream && entry.place.incarnation === incarnation;
}
