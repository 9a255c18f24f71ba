/** A few hundred seeds of the world of events, and proof that its checkers see what rules 2, 3, 5 and 6 prevent. */
import { describe, expect, it } from "vitest";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { RouterEffect, StoredRouter } from "../../src/routing/router-state.ts";
import { Router } from "../../src/routing/router.ts";
import { runFabricWorld, STORM_MS } from "./fabric-world.ts";
import { caught, startingFrom } from "./fabric/planting.ts";
import type { MakeRouter } from "./fabric/router-host.ts";
import { runShards } from "./kit/shards.ts";

const SEEDS = 800;
const FAULTS = [
  "clock jump back",
  "clock jump forward",
  "connection cut",
  "connection lost",
  "crash between effects",
  "crash of RouterHost",
  "crash of SessionHost",
  "deploy of RouterHost",
  "deploy of SessionHost",
  "deploy of another table",
  "disconnect for a while",
  "end of SessionHost",
  "eviction, sockets closed of RouterHost",
  "eviction, sockets kept",
  "late timer",
  "long delay",
  "publish sent again",
  "reader stops",
  "reorder between connections",
  "restart after a storage error of RouterHost",
  "sleep of RouterHost",
  "storage error",
  "version skew",
];
/** What a world that checks something must have seen. */
const FIGURES = [
  "events published",
  "events delivered",
  "histories asked for",
  "recoveries, complete",
  "recoveries, something missing",
  "gaps told: away, exact",
  "gaps told: expired, exact",
  "gaps told: overflow, exact",
  "gaps told: restarted, unknown",
];

/** What the first seeds that fail say, within `seeds` seeds; each has a maker of its own. */
function violations(plant: () => MakeRouter, seeds: number, isSteady = false): string[] {
  return caught(() => ({ makeRouter: plant(), isSteady }), seeds).map(({ message }) => message);
}

/** Loses every seventh live delivery to a trunk while the storm lasts, as if it had never been due. */
class Losing extends Router {
  static untilMs = 0;
  #count = 0;

  override turn(nowMs: number): readonly RouterEffect[] {
    const effects = super.turn(nowMs);
    if (nowMs > Losing.untilMs) return effects;
    return effects.flatMap((effect) => (effect.type === "send" ? this.#some(effect) : [effect]));
  }

  #some(effect: Extract<RouterEffect, { type: "send" }>): RouterEffect[] {
    const frame = decodeFrame(effect.bytes);
    if (frame.type !== "deliver" || frame.replay !== undefined) return [effect];
    const trunks = effect.trunks.filter((id) => id.startsWith("witness") || ++this.#count % 7 > 0);
    return trunks.flatMap((trunk) => this.deliver(trunk, frame));
  }

  protected deliver(trunk: string, frame: ReturnType<typeof decodeFrame>): RouterEffect[] {
    return [{ type: "send", trunks: [trunk], bytes: encodeFrame(frame) }];
  }
}

/** And forgets what it sent last: each delivery claims to follow the one before. */
class Forgetful extends Losing {
  readonly #last = new Map<string, number>();

  protected override deliver(trunk: string, frame: ReturnType<typeof decodeFrame>): RouterEffect[] {
    if (frame.type !== "deliver") return [];
    const prev = this.#last.get(trunk) ?? frame.prev;
    this.#last.set(trunk, frame.frames.at(-1)!.seq);
    return super.deliver(trunk, { ...frame, prev });
  }
}

/** Takes what is sent again for something new. */
class Repeating extends Router {
  #count = 0;

  override receive(trunk: string, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    const isRepeat = frame.type === "publish" && frame.repeat;
    super.receive(trunk, isRepeat ? encodeFrame({ ...frame, seq: 1e9 + ++this.#count }) : bytes);
  }
}

describe("the world of events", () => {
  it(
    `[R1 to R13] holds over ${SEEDS} seeds, and every kind of fault happens`,
    { timeout: 240_000 },
    async () => {
      const { failedSeed, faults, figures } = await runShards("fabric", { from: 1, seeds: SEEDS, jobs: 2 });
      expect(failedSeed, "npm run sim says more").toBeUndefined();
      expect([...faults.keys()].toSorted()).toEqual(FAULTS);
      for (const figure of FIGURES) expect(figures.get(figure), figure).toBeGreaterThan(0);
    },
  );

  it("repeats a seed event for event", () => {
    const traceOf = (seed: number) => {
      const lines: string[] = [];
      runFabricWorld({ seed, trace: (line) => lines.push(line) });
      return lines;
    };
    expect(traceOf(7)).toEqual(traceOf(7));
    expect(traceOf(8)).not.toEqual(traceOf(7));
  });

  /** A router of the class for each start; losses end with the storm. */
  const losing = (Type: typeof Losing) => (): MakeRouter => {
    let startMs: number | undefined;
    return (options, stored, live, nowMs) => {
      Losing.untilMs = (startMs ??= nowMs) + STORM_MS;
      return new Type(options, stored, live, nowMs);
    };
  };

  it("R3 catches a router that loses a delivery and forgets prev", () => {
    expect(violations(losing(Forgetful), 40)).toHaveLength(3);
  });

  // A change of subscriptions sets the position anew: nothing is lost on a trunk that lives, so it need not look back.
  it("R3 with prev, the same losses are told: only where nothing may be lost does a world complain", () => {
    const told = violations(losing(Losing), 11, true);
    expect(told.length).toBeGreaterThan(0);
    // What is kept is replayed to a reader that falls behind, and a replay does not look back.
    for (const text of told) expect(text).toMatch(/nothing was lost|where all is kept|misses .*\+/);
  });

  it("R3 catches a router that forgets at wake-up what it sent on each trunk", () => {
    const forget = startingFrom((stored) => ({
      ...stored,
      checkpoint: stored.checkpoint && { ...stored.checkpoint, lastSeqs: [] },
    }));
    expect(violations(() => forget, 100)).toHaveLength(3);
  });

  it("R2 catches a router that goes on from a checkpoint that was used", () => {
    const plant = (): MakeRouter => {
      const last = new Map<string, StoredRouter["checkpoint"]>();
      return (options, stored, live, nowMs) => {
        if (stored.checkpoint !== undefined) last.set(options.name, stored.checkpoint);
        return new Router(options, { ...stored, checkpoint: last.get(options.name) }, live, nowMs);
      };
    };
    expect(violations(plant, 300)).toHaveLength(3);
  });

  it("R5 catches a router that forwards a repeat", () => {
    const repeating: MakeRouter = (...args) => new Repeating(...args);
    expect(violations(() => repeating, 40)).toHaveLength(3);
  });

  it("R5 catches a router that forgets its publishers' marks while it sleeps", () => {
    const forget = startingFrom((stored) => ({
      ...stored,
      checkpoint: stored.checkpoint && { ...stored.checkpoint, marks: [] },
    }));
    expect(violations(() => forget, 300).length).toBeGreaterThan(0);
  });
});
