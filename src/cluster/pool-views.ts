/**
 * The views of all pools, as Membership and the layout say: one copy for all sessions of an isolate, since making a view
 * costs a sort of its nodes. Who chooses from it is in pools.ts.
 */
import { FabricError } from "../base/errors.ts";
import type { ViewId } from "../protocol/member-frame.ts";
import type { NodeName } from "./node.ts";
import type { PoolSet } from "./pool-setup.ts";
import { PoolView, type PoolViewId } from "./pool-view.ts";

/** A pool in two views. */
export interface ViewChange {
  readonly before: PoolView;
  readonly after: PoolView;
}

export class PoolViews {
  readonly #local: NodeName | undefined;
  #set: PoolSet;
  #id: PoolViewId;
  #views: ReadonlyMap<string, PoolView>;

  /**
   * Nobody is alive before the first view. `local` asks for Zeek's own habit for that node (PoolView); without it a key
   * has the same owner for all, its owner included.
   */
  constructor(set: PoolSet, local?: NodeName) {
    this.#local = local;
    this.#set = set;
    this.#id = { life: "", number: 0, pools: set.digest };
    this.#views = this.#build(new Set());
  }

  /** Number 0 before the first view. */
  get id(): PoolViewId {
    return this.#id;
  }

  /** The pools that it shows. */
  get set(): PoolSet {
    return this.#set;
  }

  /** Whether there is such a pool, and a node of this name in it that is alive. */
  isUp(pool: string, node: string): boolean {
    return this.#views.get(pool)?.aliveNode(node) !== undefined;
  }

  /** The view of a pool. Throws `not_found` for a pool that there is not. */
  of(pool: string): PoolView {
    const view = this.#views.get(pool);
    if (view === undefined) throw new FabricError("not_found", `there is no pool ${pool}`);
    return view;
  }

  /**
   * Takes a view of Membership: all nodes that are alive in it, and the pools of another layout where that changed.
   * Returns the pools whose live nodes are others (`poolMove` says what that moved); undefined, and changes nothing, for
   * a number that is not higher within one life of Membership, or as high with the same pools.
   */
  advance(
    view: ViewId,
    alive: Iterable<NodeName>,
    set: PoolSet = this.#set,
  ): readonly ViewChange[] | undefined {
    const { life, number, pools } = this.#id;
    if (view.life === life) {
      if (view.number < number || (view.number === number && set.digest === pools)) return undefined;
    }
    const before = this.#views;
    this.#set = set;
    this.#id = { life: view.life, number: view.number, pools: set.digest };
    this.#views = this.#build(new Set(alive));
    return [...before].flatMap(([name, old]) => {
      const now = this.#views.get(name);
      return now === undefined || isSame(old, now) ? [] : [{ before: old, after: now }];
    });
  }

  #build(alive: ReadonlySet<NodeName>): ReadonlyMap<string, PoolView> {
    return new Map(
      this.#set.pools.map((pool) => [pool.spec.name, new PoolView(this.#id, pool, alive, this.#local)]),
    );
  }
}

function isSame(a: PoolView, b: PoolView): boolean {
  const { nodes } = a.pool;
  if (nodes.length !== b.pool.nodes.length) return false;
  return nodes.every(({ alias }, i) => alias === b.pool.nodes[i]!.alias && a.isAlive[i] === b.isAlive[i]);
}
