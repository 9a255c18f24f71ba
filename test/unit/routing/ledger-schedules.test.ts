/** The ledger over random schedules: it balances after every turn, and agrees with what its readers have counted. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import type { Position } from "../../../src/protocol/frame.ts";
import type { Overflow } from "../../../src/protocol/overflow.ts";
import { policy, RESUME } from "../../support/kept-rig.ts";
import { hello, publish, RouterRig, segment, subscribe } from "../../support/router-rig.ts";

const READERS = 3;
const PUBLISHER = 9;

interface Terms {
  readonly overflow: Overflow;
  readonly window: number;
  readonly queue: number;
}

/** A reader that counts what it gets. What is on its way when it is cut off does not arrive. */
class Reader {
  readonly #rig: RouterRig;
  readonly #n: number;
  readonly #terms: Terms;
  readonly #positions = new Map<string, Position>();
  #connections = 0;
  #end: Position | undefined;
  /** Events that came. */
  received = 0;

  constructor(rig: RouterRig, n: number, terms: Terms) {
    this.#rig = rig;
    this.#n = n;
    this.#terms = terms;
  }

  get #socket(): string {
    return `r${this.#n}-${this.#connections}`;
  }

  get isConnected(): boolean {
    return this.#rig.sockets.has(this.#socket);
  }

  /** Connects unless connected, and reads. */
  read(): void {
    if (!this.isConnected) {
      this.#end = undefined;
      const at = [...this.#positions.values()];
      const terms = { ...this.#terms, ...RESUME };
      this.#connections++;
      this.#rig.receive(this.#socket, hello(this.#n, this.#connections, "t", terms));
      this.#rig.receive(this.#socket, subscribe(["t", "k/"], 1, at)).turn();
    }
    for (const frame of this.#rig.take(this.#socket)) {
      if (frame.type === "subscribed") for (const p of frame.positions) this.#positions.set(p.router, p);
      else if (frame.type === "gap") this.#positions.set(frame.gap.to.router, frame.gap.to);
      else if (frame.type === "recovered") this.#positions.set(frame.position.router, frame.position);
      else if (frame.type === "deliver") {
        for (const { segments } of frame.frames) for (const { count } of segments) this.received += count;
        const { router, incarnation } = frame;
        this.#end = { router, incarnation, seq: frame.frames.at(-1)!.seq };
        this.#positions.set(router, this.#end);
      }
    }
  }

  acknowledge(): void {
    if (this.#end === undefined || !this.isConnected) return;
    const { window } = this.#terms;
    this.#rig.receive(this.#socket, { type: "credit", position: this.#end, window }).turn();
  }

  cut(): void {
    this.#rig.take(this.#socket);
    this.#rig.closed(this.#socket).turn();
  }
}

const reader = fc.integer({ min: 0, max: READERS - 1 });
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      topic: fc.constantFrom("t", "k/a", "k/b", "elsewhere"),
      events: fc.integer({ min: 1, max: 9 }),
      size: fc.integer({ min: 10, max: 900 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom("read" as const, "acknowledge" as const), reader }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cut" as const), reader }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom("repeat" as const, "sleep" as const, "crash" as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const terms: fc.Arbitrary<Terms> = fc.record({
  overflow: fc.constantFrom<Overflow[]>("drop_oldest", "drop_newest", "block", "disconnect"),
  window: fc.integer({ min: 1, max: 2_000 }),
  queue: fc.integer({ min: 1, max: 3_000 }),
});

class World {
  readonly rig = new RouterRig([policy("k/")]);
  readonly readers: readonly Reader[];
  #seq = 0;
  #last = segment("t");
  published = 0;
  /** Memory was lost; between checkpoints, and so counts with it. */
  hasSlept = false;
  hasCrashed = false;

  constructor(all: readonly Terms[]) {
    this.readers = all.map((one, i) => new Reader(this.rig, i + 1, one));
    this.rig.join("p", PUBLISHER, []);
  }

  step(step: Step): void {
    if (step.do === "publish") {
      this.#last = segment(step.topic, "x".repeat(step.size), step.events);
      this.published += step.events;
      this.rig.receive("p", publish(++this.#seq, this.#last)).turn();
    } else if (step.do === "repeat") {
      if (this.#seq > 0) this.rig.receive("p", publish(this.#seq, this.#last)).turn();
    } else if (step.do === "read") this.readers[step.reader]!.read();
    else if (step.do === "acknowledge") this.readers[step.reader]!.acknowledge();
    else if (step.do === "cut") this.readers[step.reader]!.cut();
    else if (step.do === "pass") this.rig.pass(step.ms);
    else {
      if (step.do === "sleep") this.rig.pass(LIMITS.checkpointMs);
      this.hasSlept = true;
      this.hasCrashed ||= this.rig.store.checkpoint === undefined;
      this.rig.restart().turn();
      if (!this.rig.sockets.has("p")) this.rig.join("p", PUBLISHER, [], this.#seq + 2);
    }
  }

  /** Everybody comes back, reads and acknowledges, until nothing moves. */
  settle(): void {
    for (let idle = 0; idle < 2;) {
      const before = this.rig.sent.length;
      this.rig.pass(LIMITS.blockMs);
      for (const one of this.readers) {
        one.read();
        one.acknowledge();
      }
      idle = this.rig.sent.length === before ? idle + 1 : 0;
    }
  }
}

// The rig checks the balance at the end of every turn.
test("R38 over any schedule the ledger balances, and its two ends agree when the fabric is quiet", () => {
  let unaccounted = 0;
  let dropped = 0;
  fc.assert(
    fc.property(
      fc.array(terms, { minLength: READERS, maxLength: READERS }),
      fc.array(step, { minLength: 20, maxLength: 80 }),
      (all, steps) => {
        const world = new World(all);
        for (const one of world.readers) one.read();
        for (const one of steps) world.step(one);
        world.settle();
        const { publishers, readers, dropped: drops } = world.rig.router.ledger;
        expect(readers).toMatchObject({ inFlight: 0, queued: 0 });
        expect(publishers.held).toBe(0);
        if (world.hasCrashed) return;
        const received = world.readers.reduce((sum, one) => sum + one.received, 0);
        expect(publishers.published).toBe(world.published);
        expect(readers.delivered).toBeLessThanOrEqual(received);
        expect(readers.delivered + readers.unaccounted).toBeGreaterThanOrEqual(received);
        if (!world.hasSlept) expect(readers).toMatchObject({ delivered: received, unaccounted: 0 });
        unaccounted += readers.unaccounted;
        dropped += drops.drop_oldest + drops.drop_newest + drops.slow_reader + drops.away;
      },
    ),
    { numRuns: 300 },
  );
  // The schedules do what they are for.
  expect(dropped).toBeGreaterThan(0);
  expect(unaccounted).toBeGreaterThan(0);
});
