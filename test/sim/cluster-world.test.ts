/** Some hundred seeds of the world of the cluster, and proof that its checkers see what rules 32 and 33 prevent. */
import { describe, expect, it } from "vitest";
import { Membership } from "../../src/membership/membership.ts";
import { ViewCopy, type Taken } from "../../src/membership/view-copy.ts";
import { decodeFrame } from "../../src/protocol/frame-codec.ts";
import type { ViewFrame } from "../../src/protocol/member-frame.ts";
import { runClusterWorld, type ClusterParts } from "./cluster-world.ts";
import { runShards } from "./kit/shards.ts";
import { failureOf } from "./kit/shrink.ts";
import { Violation } from "./kit/world.ts";

const SEEDS = 300;
/** A planted defect is caught within so many. */
const SEEDS_PLANTED = 500;
const ENOUGH = 3;
const FAULTS = [
  "another life of MembershipHost",
  "clock jump back",
  "clock jump forward",
  "connection cut",
  "connection lost",
  "crash between effects",
  "crash of ClusterSession",
  "crash of JsonNode",
  "crash of MembershipHost",
  "crash of NativeNode",
  "crash of RouterHost",
  "death of an isolate",
  "death with its isolate of ClusterSession",
  "deploy of MembershipHost",
  "eviction, sockets closed of MembershipHost",
  "eviction, sockets closed of RouterHost",
  "hang",
  "late timer",
  "layout changed",
  "leave of JsonNode",
  "leave of NativeNode",
  "long delay",
  "reorder between connections",
  "restart after a storage error of MembershipHost",
  "sleep of MembershipHost",
  "sleep of RouterHost",
  "storage error",
];
/** What a world that checks something must have seen. */
const FIGURES = [
  "copies of the view that agree",
  "duplicates",
  "nodes down",
  "nodes up",
  "pool events handled",
  "pool events taken again",
  "pools: keys moved by a departure",
  "pools: views looked at",
];

const PARTS: ClusterParts = {
  makeMembership: (...args) => new Membership(...args),
  makeViews: () => new ViewCopy(),
};

/** The first seeds that fail with a plant, and what they say; each seed gets a plant of its own. */
function caught(plant: (seed: number) => Partial<ClusterParts>) {
  const out: { readonly seed: number; readonly message: string }[] = [];
  for (let seed = 1; seed <= SEEDS_PLANTED && out.length < ENOUGH; seed++) {
    const failure = failureOf((options) => runClusterWorld(options, { ...PARTS, ...plant(seed) }), { seed });
    if (failure === undefined) continue;
    if (!(failure instanceof Violation)) throw new Error(`seed ${seed} breaks`, { cause: failure });
    out.push({ seed, message: failure.message });
  }
  return out;
}

/** Takes one change for taken that it has not looked at: every so many, counted over all copies of a seed. */
class Stale extends ViewCopy {
  protected readonly isSkipped: () => boolean;

  constructor(isSkipped: () => boolean) {
    super();
    this.isSkipped = isSkipped;
  }

  override take(frame: ViewFrame): Taken {
    const follows = frame.base !== undefined && frame.base === this.id?.number;
    return super.take(follows && this.isSkipped() ? { ...frame, up: [], down: [] } : frame);
  }
}

/** Misses as many, and applies the next change to what it has. */
class AnyBase extends Stale {
  override take(frame: ViewFrame): Taken {
    const { id } = this;
    if (frame.base === undefined || id?.life !== frame.id.life) return super.take(frame);
    return this.isSkipped() ? "known" : ViewCopy.prototype.take.call(this, { ...frame, base: id.number });
  }
}

/** The close of any trunk that has joined under a name ends the life that has the name now. */
class CloseByName extends Membership {
  readonly #nameOf = new Map<string, string>();
  readonly #current = new Map<string, string>();

  override receive(trunk: string, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame.type === "join") {
      this.#nameOf.set(trunk, frame.name);
      this.#current.set(frame.name, trunk);
    }
    super.receive(trunk, bytes);
  }

  override closed(trunk: string, code: number): void {
    super.closed(this.#current.get(this.#nameOf.get(trunk) ?? "") ?? trunk, code);
  }
}

const forgetRows: ClusterParts["makeMembership"] = (stored, ...args) =>
  new Membership({ ...stored, members: [] }, ...args);

/** The runtime's answers to heartbeats are not looked at: an idle node falls silent. */
const forgetBeats: ClusterParts["makeMembership"] = (stored, live, _, nowMs) =>
  new Membership(stored, live, () => undefined, nowMs);

/** One view in a seed, another one in each. */
const oneView = (Copy: typeof Stale) => (seed: number) => {
  let left = seed % 20;
  return { makeViews: () => new Copy(() => left-- === 0) };
};

const PLANTS: readonly (readonly [string, (seed: number) => Partial<ClusterParts>])[] = [
  ["R33 a session ignores one view", oneView(Stale)],
  ["M-5 R33 a session applies a change to the wrong base", oneView(AnyBase)],
  [
    "R32 the close of an old connection ends the new life",
    () => ({ makeMembership: (...args) => new CloseByName(...args) }),
  ],
  ["R32 a restart forgets its rows", () => ({ makeMembership: forgetRows })],
  ["R32 an idle node is down", () => ({ makeMembership: forgetBeats })],
];

describe("the world of the cluster", { timeout: 240_000 }, () => {
  it(`[R32] [R33] holds over ${SEEDS} seeds, and every kind of fault happens`, async () => {
    const { failedSeed, faults, figures } = await runShards("cluster", { from: 1, seeds: SEEDS, jobs: 2 });
    expect(failedSeed, "npm run sim says more").toBeUndefined();
    expect([...faults.keys()]).toEqual(expect.arrayContaining(FAULTS));
    for (const figure of FIGURES) expect(figures.get(figure), figure).toBeGreaterThan(0);
  });

  it("repeats a seed event for event", () => {
    const traceOf = (seed: number) => {
      const lines: string[] = [];
      runClusterWorld({ seed, trace: (line) => lines.push(line) });
      return lines;
    };
    expect(traceOf(7)).toEqual(traceOf(7));
    expect(traceOf(8)).not.toEqual(traceOf(7));
  });

  it.each(PLANTS)(`catches within ${SEEDS_PLANTED} seeds: %s`, (name, plant) => {
    const seeds = caught(plant);
    expect(seeds, name).not.toEqual([]);
    const all = seeds.map(({ seed }) => seed);
    process.stdout.write(`${name}: caught in ${all.length} of ${all.at(-1)!} seeds (${all.join(", ")})\n`);
  });
});
