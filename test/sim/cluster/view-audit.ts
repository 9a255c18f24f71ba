/**
 * What must hold of the views that Membership commits: numbers without holes in each of its lives, up and down in turns
 * for each name and life of a node, nobody down who is there and talks, and nobody up for long who is gone.
 */
import { LIMITS } from "../../../src/base/limits.ts";
import type { MembershipCommit } from "../../../src/membership/membership-state.ts";
import type { Departure, Member } from "../../../src/protocol/member-frame.ts";
import { Violation, type World } from "../kit/world.ts";

/** What the world knows of one life of a node. */
export interface NodeTruth {
  readonly nodeId: string;
  /** Since when it is joined, talks, and can be heard, ms; Infinity when it is not. */
  readonly wellSinceMs: number;
  /** When it ended or fell silent, ms; Infinity while it is there. */
  readonly goneMs: number;
  /** How long Membership may take to learn that it is gone, ms. */
  readonly noticeMs: number;
}

/** A node that has been well for so long is in the view, and must stay there, ms. */
const WELL_MS = LIMITS.viewMs + 2_000;
/** For what is on its way, and a look of once in a while, ms. */
const SLACK_MS = 1_500;

/** Up and down in turns. */
export class Turns {
  readonly #up = new Map<string, string>();

  get nodes(): ReadonlyMap<string, string> {
    return this.#up;
  }

  /** Departures go first. */
  take(who: string, { down, up }: { readonly down: readonly Departure[]; readonly up: readonly Member[] }) {
    for (const { name, nodeId } of down) {
      if (this.#up.get(name) !== nodeId)
        throw new Violation(`${who}: ${name} ${nodeId} is down and was not up`);
      this.#up.delete(name);
    }
    for (const { name, nodeId } of up) {
      if (this.#up.has(name)) throw new Violation(`${who}: ${name} ${nodeId} is up, and was up before`);
      this.#up.set(name, nodeId);
    }
  }
}

export class ViewAudit {
  readonly #world: World;
  readonly #isStrict: boolean;
  readonly #truthOf: (nodeId: string) => NodeTruth | undefined;
  #life = "";
  #number = 0;
  #turns = new Turns();

  /** @param isStrict Nothing in the world holds messages up: nodes are up and down within their bounds. */
  constructor(world: World, isStrict: boolean, truthOf: (nodeId: string) => NodeTruth | undefined) {
    this.#world = world;
    this.#isStrict = isStrict;
    this.#truthOf = truthOf;
  }

  committed(life: string, commit: MembershipCommit): void {
    if (life !== this.#life) {
      this.#life = life;
      this.#number = 0;
      this.#turns = new Turns();
    }
    if (commit.view !== ++this.#number)
      throw new Violation(`view ${commit.view} follows ${this.#number - 1}`);
    this.#turns.take(`view ${commit.view}`, commit);
    this.#world.tally("views");
    this.#world.tally("nodes up", commit.up.length);
    this.#world.tally("nodes down", commit.down.length);
    this.#world.tally("duplicates", commit.duplicates.length);
    if (!this.#isStrict) return;
    // Another life may take the name over at any time.
    const taken = new Set(commit.up.map(({ name }) => name));
    for (const { name, nodeId } of commit.down) if (!taken.has(name)) this.#checkDown(name, nodeId);
  }

  #checkDown(name: string, nodeId: string): void {
    const { wellSinceMs = Infinity } = this.#truthOf(nodeId) ?? {};
    const { nowMs } = this.#world;
    if (nowMs - wellSinceMs < WELL_MS || wellSinceMs === Infinity) return;
    throw new Violation(`${name} is down, and has been there and talking for ${nowMs - wellSinceMs} ms`);
  }

  /** To be called once in a while. @param graceMs Since when nodes that it lost sight of have time to be back. */
  checkUp(members: readonly Member[], graceMs: number): void {
    const { nowMs } = this.#world;
    if (!this.#isStrict || nowMs - graceMs < LIMITS.memberGraceMs + LIMITS.viewMs + SLACK_MS) return;
    for (const { name, nodeId } of members) {
      const truth = this.#truthOf(nodeId);
      if (truth === undefined) throw new Violation(`${name} ${nodeId} is up, and there was no such life`);
      const { goneMs, noticeMs } = truth;
      const lateMs = nowMs - goneMs - noticeMs - LIMITS.viewMs - SLACK_MS;
      if (lateMs > 0)
        throw new Violation(`${name} ${nodeId} is up, and has been gone for ${nowMs - goneMs} ms`);
    }
  }
}
