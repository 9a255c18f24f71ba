/** Kept events reach a reader exactly once and in order, or a gap is told, whatever is cut, crashes or sleeps in between. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { decodeFrame, decodeSequenced, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import type { Gap, Position } from "../../../src/protocol/frame.ts";
import { isKept } from "../../../src/protocol/stream.ts";
import { parsePrefix } from "../../../src/protocol/topic.ts";
import { TrunkEnd, type TrunkEvent } from "../../../src/protocol/trunk-end.ts";
import { isBefore, type Place, type RetentionPolicy } from "../../../src/routing/kept.ts";
import { instance, RouterRig, segment } from "../../support/router-rig.ts";
import { publish } from "../../support/native-rig.ts";

/** One end of a trunk to the rig's router: the very engine of a session, and its socket. */
class End {
  readonly #rig: RouterRig;
  readonly #name: string;
  readonly events: TrunkEvent[] = [];
  end: TrunkEnd;
  #socket: string | undefined;
  #sockets = 0;

  constructor(rig: RouterRig, name: string, end: TrunkEnd) {
    this.#rig = rig;
    this.#name = name;
    this.end = end;
  }

  send(all: readonly Uint8Array[]): void {
    if (this.#socket === undefined) return;
    for (const bytes of all) this.#rig.receive(this.#socket, decodeFrame(bytes));
  }

  /** Connects unless connected, and takes what has come. */
  settle(): void {
    if (this.#socket !== undefined && !this.#rig.sockets.has(this.#socket)) this.lose();
    if (this.#socket === undefined) {
      this.#socket = `${this.#name}-${++this.#sockets}`;
      this.end.open();
      this.send(this.end.opened());
      this.#rig.turn();
    }
    for (const frame of this.#rig.take(this.#socket))
      this.events.push(...this.end.receive(encodeFrame(frame)));
  }

  /** The connection is cut; with `tell`, the router learns of it. */
  cut(tell: boolean): void {
    if (this.#socket === undefined) return;
    this.#rig.take(this.#socket);
    if (tell) this.#rig.closed(this.#socket).turn();
    this.lose();
  }

  lose(): void {
    this.#socket = undefined;
    this.end.lost();
  }
}

class World {
  readonly rig: RouterRig;
  readonly #reader: End;
  readonly #publisher: End;
  #connection = 1;
  #published = 0;
  readonly sent: string[] = [];
  readonly got: string[] = [];
  readonly gaps: Gap[] = [];
  readonly #recovered: boolean[] = [];
  #position: Position[] = [];

  constructor(policy: RetentionPolicy, [window, queue]: readonly [number, number]) {
    this.rig = new RouterRig([policy]);
    this.#window = window;
    this.#queue = queue;
    this.#reader = new End(this.rig, "r", this.#session());
    const table = "t";
    this.#publisher = new End(
      this.rig,
      "p",
      new TrunkEnd("main", { instance: instance(9), connection: 1, table }),
    );
    this.#reader.end.subscribe(1, [parsePrefix("")]);
    this.settle();
  }

  readonly #window: number;
  readonly #queue: number;

  #session(): TrunkEnd {
    const terms = { resume: true, window: this.#window, queue: this.#queue };
    return new TrunkEnd("main", { instance: instance(1), connection: this.#connection++, table: "t", terms });
  }

  publish(kept: boolean): void {
    const text = `${++this.#published}`.padEnd(200, ".");
    if (kept) this.sent.push(text);
    this.#publisher.send(
      this.#publisher.end.publish(publish(this.#published, [segment(kept ? "k/x" : "plain", text)])),
    );
    this.rig.turn();
  }

  /** Both ends connect and read; the reader acknowledges what it has read unless it is slow. */
  settle(isSlow = false): void {
    this.#publisher.settle();
    this.#reader.settle();
    for (const event of this.#reader.events.splice(0)) this.#take(event);
    const { end } = this.#reader;
    if (!isSlow) this.#reader.send([...end.consume(0), ...end.takeCredit()]);
    this.#position = [...end.positions];
  }

  #take(event: TrunkEvent): void {
    if (event.type === "recovered") this.#recovered.push(event.complete);
    if (event.type === "gap" && isKept(event.gap.to.router)) this.gaps.push(event.gap);
    if (event.type !== "deliver") return;
    if (isKept(event.frame.router)) {
      for (const { segments } of event.frame.frames)
        this.got.push(...segments.map((s) => Buffer.from(s.payload).toString()));
    }
  }

  /** What was ever stored, and where. */
  stored(): { readonly text: string; readonly place: Place }[] {
    return this.rig.changes.flatMap((change) => {
      if (change.type !== "keep") return [];
      const { incarnation, frames } = change.row;
      return decodeSequenced(frames).map(({ seq, segments }) => ({
        text: Buffer.from(segments[0]!.payload).toString(),
        place: { incarnation, seq },
      }));
    });
  }

  cutTrunk(tell: boolean): void {
    this.#reader.cut(tell);
  }

  /** The session dies with all that it has; the client comes back to another one with its positions. */
  killSession(): void {
    this.#reader.cut(true);
    this.#reader.end = this.#session();
    this.#reader.end.resumeFrom(this.#position);
    this.#reader.end.subscribe(1, [parsePrefix("")]);
  }

  crash(): void {
    this.rig.restart("closed");
  }

  sleep(): void {
    if (this.rig.router.deadlineMs === undefined) this.rig.restart("kept");
  }

  /** Memory goes and sockets stay, whatever the router is at. */
  lose(): void {
    this.rig.restart("kept");
  }

  pass(ms: number): void {
    this.rig.pass(ms);
  }

  /** Time until everything is delivered that will be. */
  finish(): readonly boolean[] {
    for (let i = 0; i < 400; i++) {
      this.settle();
      this.rig.turn().pass(LIMITS.keepIntervalMs);
    }
    return this.#recovered;
  }
}

type Step =
  | { readonly do: "publish"; readonly kept: boolean }
  | { readonly do: "settle"; readonly slow: boolean }
  | { readonly do: "cut"; readonly tell: boolean }
  | { readonly do: "kill" | "crash" | "sleep" | "lose" }
  | { readonly do: "pass"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("publish" as const), kept: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("settle" as const), slow: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const), tell: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("kill" as const, "crash" as const, "sleep" as const, "lose" as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 20, 100, 3_000, 10_000),
    }),
  },
);

function run(policy: RetentionPolicy, terms: readonly [number, number], steps: readonly Step[]): World {
  const world = new World(policy, terms);
  for (const one of steps) {
    if (one.do === "publish") world.publish(one.kept);
    else if (one.do === "settle") world.settle(one.slow);
    else if (one.do === "cut") world.cutTrunk(one.tell);
    else if (one.do === "kill") world.killSession();
    else if (one.do === "crash") world.crash();
    else if (one.do === "sleep") world.sleep();
    else if (one.do === "lose") world.lose();
    else if (one.do === "pass") world.pass(one.ms);
  }
  return world;
}

const schedule = fc.array(step, { maxLength: 60 });
/** Window and queue of the reader, bytes; an event has 200. */
const terms = fc.tuple(fc.constantFrom(1, 500, 1 << 20), fc.constantFrom(100, 2_000));

describe("whatever the schedule", () => {
  test("R5 R10 R11 every event on a kept prefix comes exactly once, in order, and the reader is told that it is whole", () => {
    const policy = { prefix: parsePrefix("k/"), seconds: 1e6, bytes: 1e9, events: 1e9 };
    fc.assert(
      fc.property(schedule, terms, (steps, readerTerms) => {
        const world = run(policy, readerTerms, steps);
        const recovered = world.finish();
        expect(world.got).toEqual(world.sent);
        expect(world.gaps).toEqual([]);
        expect(recovered.every(Boolean)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test("R4 R11 where it expires, nothing comes twice or out of order, and every loss is told", () => {
    const policy = { prefix: parsePrefix("k/"), seconds: 8, bytes: 1e9, events: 2 };
    let losses = 0;
    fc.assert(
      fc.property(schedule, terms, (steps, readerTerms) => {
        const world = run(policy, readerTerms, steps);
        const recovered = world.finish();
        const order = world.got.map((text) => world.sent.indexOf(text));
        expect(order).toEqual([...new Set(order)].toSorted((a, b) => a - b));
        for (const { place } of world.stored().filter(({ text }) => !world.got.includes(text))) {
          losses++;
          const isTold = ({ from, to }: Gap) => isBefore(from, place) && !isBefore(to, place);
          expect(world.gaps.some(isTold)).toBe(true);
        }
        if (world.gaps.length === 0) expect(recovered.every(Boolean)).toBe(true);
        const kept = [...world.rig.store.kept.values()];
        expect(kept.length).toBeLessThanOrEqual(world.sent.length);
      }),
      { numRuns: 1_000 },
    );
    expect(losses).toBeGreaterThan(0);
  });
});
