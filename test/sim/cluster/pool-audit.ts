/**
 * What must hold of the choices in every isolate: one owner for each key and view, whoever asks; no key on a node that
 * the view says is dead; and from one view to the next only the keys that have to move do.
 */
import { hasMoved } from "../../../src/cluster/pool-move.ts";
import type { PoolView } from "../../../src/cluster/pool-view.ts";
import { Violation, type World } from "../kit/world.ts";
import type { Isolate } from "./isolate.ts";

/** Digests of keys that are looked at. */
const DIGESTS = Array.from({ length: 12 }, (_, i) => Math.imul(i + 1, 0x9e3779b1));

export class PoolAudit {
  readonly #world: World;
  /** By view, pool: the owners of all digests. */
  readonly #owners = new Map<string, string>();
  /** What each isolate had when it was looked at last. */
  readonly #seen = new WeakMap<Isolate, readonly PoolView[]>();

  constructor(world: World) {
    this.#world = world;
  }

  look(isolate: Isolate): void {
    const { views } = isolate.pools;
    if (views === undefined) return;
    const now = views.set.pools.map(({ spec }) => views.of(spec.name));
    const before = this.#seen.get(isolate) ?? [];
    if (before[0] === now[0]) return;
    this.#seen.set(isolate, now);
    for (const view of now) {
      this.#checkOwners(isolate, view);
      const old = before.find(({ pool }) => pool.spec.name === view.pool.spec.name);
      if (old !== undefined) this.#checkMoves(isolate, old, view);
    }
  }

  #checkOwners(isolate: Isolate, view: PoolView): void {
    const { id, pool } = view;
    const owners = DIGESTS.map((digest) => view.ownerOf(digest)?.name ?? "nobody");
    for (const owner of owners) {
      const entry = isolate.layout.nodes.find(({ name }) => name === owner);
      const isThere = entry?.place === "edge" ? entry.enabled : isolate.views.members.has(owner);
      if (owner !== "nobody" && !isThere) {
        throw new Violation(`${isolate.name}: view ${id.number} gives keys of ${pool.spec.name} to ${owner}`);
      }
    }
    const key = `${id.life} ${id.number} ${id.pools} ${pool.spec.name}`;
    const text = owners.join(" ");
    const known = this.#owners.get(key);
    if (known !== undefined && known !== text) {
      throw new Violation(`two choosers with the view ${key}: ${known}, and ${isolate.name} has ${text}`);
    }
    this.#owners.set(key, text);
    this.#world.tally("pools: views looked at");
  }

  /** A key moves only from a node that has gone or to one that has come. */
  #checkMoves(isolate: Isolate, before: PoolView, after: PoolView): void {
    const [old, now] = [aliveIn(before), aliveIn(after)];
    for (const digest of DIGESTS) {
      const [from, to] = [before.ownerOf(digest)?.name, after.ownerOf(digest)?.name];
      const mustMove = from !== undefined && !now.has(from);
      const mayMove = mustMove || (to !== undefined && !old.has(to));
      if (hasMoved(before, after, digest) ? mayMove : !mustMove) continue;
      const what = `${isolate.name}: a key of ${after.pool.spec.name} went from ${from} to ${to}`;
      throw new Violation(`${what} in view ${after.id.number}`);
    }
    if (old.size > now.size) this.#world.tally("pools: keys moved by a departure");
  }
}

/** HRW depends on names alone, so nodes of another layout compare. */
function aliveIn({ pool, isAlive }: PoolView): ReadonlySet<string> {
  return new Set(pool.nodes.filter((_, i) => isAlive[i] !== 0).map(({ name }) => name));
}
