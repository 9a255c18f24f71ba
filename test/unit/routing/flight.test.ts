/** What is under way to a reader, and what its credit stands for (rules 3 and 12). */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Flight, type InFlight } from "../../../src/routing/flight.ts";
import { isBefore, type Place } from "../../../src/routing/kept.ts";

const delivery = (stream: string, incarnation: number, last: number, isHistory = false): InFlight => ({
  stream,
  incarnation,
  last,
  size: 10,
  events: 1,
  isHistory,
});

interface Modelled {
  readonly flight: InFlight;
  /** Whether it is older than what was under way in its stream when it was sent. */
  readonly isOlder: boolean;
}

const end = ({ incarnation, last }: InFlight): Place => ({ incarnation, seq: last });

/** The same, by looking at all of them. */
class Model {
  readonly all: Modelled[] = [];

  push(flight: InFlight): void {
    const isBehind = ({ flight: other, isOlder }: Modelled) =>
      !isOlder && other.stream === flight.stream && isBefore(end(flight), end(other));
    this.all.push({ flight, isOlder: flight.isHistory || this.all.some(isBehind) });
  }

  take(stream: string, place: Place): InFlight[] {
    const isPassed = ({ flight }: Modelled) => flight.stream === stream && !isBefore(place, end(flight));
    let last = this.all.findLastIndex((one) => isPassed(one) && !isBefore(end(one.flight), place));
    if (last < 0) last = this.all.findLastIndex((one) => isPassed(one) && !one.isOlder);
    return this.all.splice(0, last + 1).map(({ flight }) => flight);
  }
}

describe("Flight", () => {
  test("R12 a credit takes what a look at every delivery would find", () => {
    const stream = fc.constantFrom("main", "main+k/");
    const place = fc.record({ incarnation: fc.integer({ min: 1, max: 2 }), seq: fc.nat(6) });
    const step = fc.oneof(
      fc.record({ stream, place, isHistory: fc.boolean() }),
      fc.record({ stream, place, isCredit: fc.constant(true) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const [flight, model] = [new Flight(), new Model()];
        for (const one of steps) {
          if ("isCredit" in one) {
            expect([...flight.take(one.stream, one.place)]).toEqual(model.take(one.stream, one.place));
          } else {
            const next = delivery(one.stream, one.place.incarnation, one.place.seq, one.isHistory);
            flight.push(next);
            model.push(next);
          }
          expect([...flight]).toEqual(model.all.map((one) => one.flight));
          expect(flight.bytes).toBe(10 * model.all.length);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("R12 a credit that is not new costs no look at what is under way", () => {
    const flight = new Flight();
    let looks = 0;
    for (let last = 1; last <= 1_000; last++) {
      flight.push(
        new Proxy(delivery("main", 2, last), {
          get: (target, key) => (looks++, Reflect.get(target, key) as unknown),
        }),
      );
    }
    looks = 0;
    expect([...flight.take("main", { incarnation: 1, seq: 5 }), ...flight.take("other", place(9))]).toEqual(
      [],
    );
    expect(looks).toBeLessThan(50);
  });
});

const place = (seq: number): Place => ({ incarnation: 2, seq });
