/** A few hundred seeds of the world of events, and proof that its checkers see what rules 2, 3, 5 and 6 prevent. */
import { describe, expect, it } from "vitest";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { RouterEffect, StoredRouter } from "../../src/routing/router-state.ts";
import { Router } from "../../src/routing/router.ts";
import { runFabricWorld, STORM_MS } from "./fabric-world.ts";
import type { MakeRouter } from "./fabric/router-host.ts";
import { Violation } from "./kit/world.ts";

const SEEDS = 300;

/** What the first seeds that fail say, within `seeds` seeds; each has a maker of its own. */
function violations(plant: () => MakeRouter, seeds: number, isSteady = false): string[] {
  const out: string[] = [];
  for (let seed = 1; seed <= seeds && out.length < 3; seed++) {
    try {
      runFabricWorld({ seed }, { makeRouter: plant(), isSteady });
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      out.push(error.message);
    }
  }
  return out;
}

/** A router that starts from something else than what was stored. */
const startingFrom =
  (change: (stored: StoredRouter) => StoredRouter): MakeRouter =>
  (options, stored, live, nowMs) =>
    new Router(options, change(stored), live, nowMs);

/** Loses every seventh delivery to a trunk while the storm lasts, as if it had never been due. */
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
    if (frame.type !== "deliver") return [effect];
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
  it(`[R1 to R8] holds over ${SEEDS} seeds, and every kind of fault happens`, { timeout: 120_000 }, () => {
    const faults = new Set<string>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      for (const kind of runFabricWorld({ seed }).keys()) faults.add(kind);
    }
    expect([...faults].toSorted()).toEqual([
      "connection cut",
      "connection lost",
      "crash between effects",
      "crash of RouterHost",
      "crash of SessionHost",
      "end of SessionHost",
      "memory lost, sockets kept",
      "sleep of RouterHost",
    ]);
  });

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
  it("R3 with prev, the same losses are told: only a calm world, where nothing may be lost, complains", () => {
    const told = violations(losing(Losing), 11, true);
    expect(told.length).toBeGreaterThan(0);
    for (const text of told) expect(text).toContain("nothing was lost");
  });

  it("R3 catches a router that forgets at wake-up what it sent on each trunk", () => {
    const forget = startingFrom((stored) => ({
      ...stored,
      checkpoint: stored.checkpoint && { ...stored.checkpoint, lastSeqs: [] },
    }));
    expect(violations(() => forget, 100)).toHaveLength(3);
  });

  it("R2 catches a router that uses an incarnation again", () => {
    const reuse = startingFrom((stored) => ({ ...stored, incarnation: Math.max(0, stored.incarnation - 1) }));
    expect(violations(() => reuse, 40)).toHaveLength(3);
  });

  it("R2 catches a router that goes on from a checkpoint that was used", () => {
    const plant = (): MakeRouter => {
      const last = new Map<string, StoredRouter["checkpoint"]>();
      return (options, stored, live, nowMs) => {
        if (stored.checkpoint !== undefined) last.set(options.name, stored.checkpoint);
        return new Router(options, { ...stored, checkpoint: last.get(options.name) }, live, nowMs);
      };
    };
    expect(violations(plant, 100)).toHaveLength(3);
  });

  it("R6 catches a router that forgets one subscription at wake-up", () => {
    const forget = startingFrom((stored) => {
      const first = stored.trunks.find(
        ({ id, prefixes }) => !id.startsWith("witness") && prefixes.length > 0,
      );
      const trunks = stored.trunks.map((row) =>
        row === first ? { ...row, prefixes: row.prefixes.slice(1) } : row,
      );
      return { ...stored, trunks };
    });
    expect(violations(() => forget, 100)).toHaveLength(3);
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
