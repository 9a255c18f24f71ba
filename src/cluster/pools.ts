/**
 * The pools as one session, client or script sees them: it chooses nodes from its own copy, without asking anybody.
 * Views come from Membership with rising numbers. Source: Zeek's `hrw_topic`, `rr_topic`, `publish_hrw`, `publish_rr`.
 */
import { FabricError } from "../base/errors.ts";
import type { Value } from "../data/value.ts";
import type { Topic } from "../protocol/topic.ts";
import { keyDigest, type HrwGeneration } from "./key-digest.ts";
import type { NodeName } from "./node.ts";
import type { Pool, PoolNode } from "./pool-setup.ts";
import { PoolView } from "./pool-view.ts";
import { RoundRobin } from "./round-robin.ts";

export interface PoolsOptions {
  readonly generation?: HrwGeneration;
  /** Zeek's own habit for this node (PoolView); without it a key has the same owner for all, its owner included. */
  readonly local?: NodeName;
}

/** Told once for each view in which somebody found a pool without a live node. */
export interface EmptyPoolWarning {
  readonly pool: string;
  readonly view: number;
}

/** A pool in two views. */
export interface ViewChange {
  readonly before: PoolView;
  readonly after: PoolView;
}

interface Entry {
  readonly view: PoolView;
  readonly rotation: RoundRobin;
  /** Choices that found nobody. */
  empty: number;
  warnedView: number;
}

export class Pools {
  readonly #options: PoolsOptions;
  #entries = new Map<string, Entry>();
  #alive: ReadonlySet<NodeName> = new Set();
  #view = 0;
  #warnings: EmptyPoolWarning[] = [];

  /** Nobody is alive before the first view. */
  constructor(pools: readonly Pool[], options: PoolsOptions = {}) {
    this.#options = options;
    this.#rebuild(pools);
  }

  /** The number of the view that choices are made in; 0 before the first. A pool publish carries it. */
  get view(): number {
    return this.#view;
  }

  /** Names of the pools, by topic. */
  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /**
   * Takes the view with this number: all nodes that are alive in it, and the pools of another layout where that changed.
   * Returns the pools whose live nodes are others (`poolMove` says what that moved), or undefined, and changes nothing,
   * when the number is not higher than the one it has. Positions of round robin stay.
   */
  advance(
    view: number,
    alive: Iterable<NodeName>,
    pools?: readonly Pool[],
  ): readonly ViewChange[] | undefined {
    if (view <= this.#view) return undefined;
    const before = [...this.#entries.values()].map((entry) => entry.view);
    this.#view = view;
    this.#alive = new Set(alive);
    this.#rebuild(pools ?? before.map(({ pool }) => pool));
    return before.flatMap((old) => {
      const now = this.#entries.get(old.pool.spec.name)?.view;
      return now === undefined || isSame(old, now) ? [] : [{ before: old, after: now }];
    });
  }

  /** The current view of a pool. Throws `not_found` for a pool that there is not. */
  viewOf(pool: string): PoolView {
    return this.#entry(pool).view;
  }

  /** The node that has this key, or undefined, which is counted, when none is alive. Throws `not_found`. */
  hrwNode(pool: string, digest: number): PoolNode | undefined {
    const entry = this.#entry(pool);
    const node = entry.view.ownerOf(digest);
    if (node === undefined) this.#foundNobody(pool, entry);
    return node;
  }

  /** The node whose turn it is for this key, or undefined, which is counted. Throws `not_found`. */
  rrNode(pool: string, key = ""): PoolNode | undefined {
    const entry = this.#entry(pool);
    const { view, rotation } = entry;
    const node = view.pool.nodes[rotation.next(view.isAlive, key)];
    if (node === undefined) this.#foundNobody(pool, entry);
    return node;
  }

  /** Zeek's `hrw_topic`: the topic of the node that has the key, "" when none is alive. Throws `invalid_data`, `not_found`. */
  hrwTopic(pool: string, key: Value, enumType?: string): Topic | "" {
    return this.hrwNode(pool, keyDigest(key, this.#options.generation, enumType))?.topic ?? "";
  }

  /** Zeek's `rr_topic`: the topic of the node whose turn it is, "" when none is alive. Throws `not_found`. */
  rrTopic(pool: string, key = ""): Topic | "" {
    return this.rrNode(pool, key)?.topic ?? "";
  }

  /** Choices so far that found a pool empty. Throws `not_found`. */
  emptyChoices(pool: string): number {
    return this.#entry(pool).empty;
  }

  /** The warnings since the last call. */
  takeWarnings(): readonly EmptyPoolWarning[] {
    return this.#warnings.splice(0);
  }

  #entry(pool: string): Entry {
    const entry = this.#entries.get(pool);
    if (entry === undefined) throw new FabricError("not_found", `there is no pool ${pool}`);
    return entry;
  }

  #foundNobody(pool: string, entry: Entry): void {
    entry.empty++;
    if (entry.warnedView === this.#view) return;
    entry.warnedView = this.#view;
    this.#warnings.push({ pool, view: this.#view });
  }

  #rebuild(pools: readonly Pool[]): void {
    this.#entries = new Map(
      pools.map((pool) => {
        const old = this.#entries.get(pool.spec.name);
        const view = new PoolView(this.#view, pool, this.#alive, this.#options.local);
        return [
          pool.spec.name,
          {
            view,
            rotation: old?.rotation ?? new RoundRobin(),
            empty: old?.empty ?? 0,
            warnedView: old?.warnedView ?? -1,
          },
        ];
      }),
    );
  }
}

function isSame(a: PoolView, b: PoolView): boolean {
  return a.pool === b.pool && a.isAlive.every((one, i) => one === b.isAlive[i]);
}
