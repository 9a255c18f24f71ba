/**
 * The pools as one session, client or script sees them: it chooses nodes from its own copy, without asking anybody.
 * Views come from Membership. Source: Zeek's `hrw_topic`, `rr_topic`, `publish_hrw`, `publish_rr`.
 */
import { FabricError } from "../base/errors.ts";
import type { Value } from "../data/value.ts";
import type { ViewId } from "../protocol/member-frame.ts";
import type { Topic } from "../protocol/topic.ts";
import { keyDigest, type HrwGeneration } from "./key-digest.ts";
import type { NodeName } from "./node.ts";
import type { PoolNode, PoolSet } from "./pool-setup.ts";
import { PoolView, type PoolViewId } from "./pool-view.ts";
import { RoundRobin } from "./round-robin.ts";

export interface PoolsOptions {
  readonly generation?: HrwGeneration;
  /** Zeek's own habit for this node (PoolView); without it a key has the same owner for all, its owner included. */
  readonly local?: NodeName;
}

/** Told once for each view in which somebody found a pool without a live node. */
export interface EmptyPoolWarning {
  readonly pool: string;
  readonly view: PoolViewId;
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
  /** The view in which that was told. */
  warned: PoolView | undefined;
}

const NO_VIEW: ViewId = { life: "", number: 0 };

export class Pools {
  readonly #options: PoolsOptions;
  #set: PoolSet;
  #entries = new Map<string, Entry>();
  #id: PoolViewId;
  #warnings: EmptyPoolWarning[] = [];

  /** Nobody is alive before the first view. */
  constructor(set: PoolSet, options: PoolsOptions = {}) {
    this.#options = options;
    this.#set = set;
    this.#id = { ...NO_VIEW, pools: set.digest };
    this.#rebuild(new Set());
  }

  /** The view that choices are made in; number 0 before the first. A pool publish carries it. */
  get view(): PoolViewId {
    return this.#id;
  }

  /** Names of the pools, by topic. */
  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /**
   * Takes a view of Membership: all nodes that are alive in it, and the pools of another layout where that changed.
   * Returns the pools whose live nodes are others (`poolMove` says what that moved); undefined, and changes nothing, for
   * a number that is not higher within one life of Membership, or as high with the same pools. Positions of round robin
   * stay.
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
    const before = [...this.#entries.values()].map((entry) => entry.view);
    this.#set = set;
    this.#id = { life: view.life, number: view.number, pools: set.digest };
    this.#rebuild(new Set(alive));
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
    if (entry.warned === entry.view) return;
    entry.warned = entry.view;
    this.#warnings.push({ pool, view: this.#id });
  }

  #rebuild(alive: ReadonlySet<NodeName>): void {
    this.#entries = new Map(
      this.#set.pools.map((pool): [string, Entry] => {
        const old = this.#entries.get(pool.spec.name);
        const view = new PoolView(this.#id, pool, alive, this.#options.local);
        const rotation = old?.rotation ?? new RoundRobin();
        return [pool.spec.name, { view, rotation, empty: old?.empty ?? 0, warned: undefined }];
      }),
    );
  }
}

function isSame(a: PoolView, b: PoolView): boolean {
  const { nodes } = a.pool;
  if (nodes.length !== b.pool.nodes.length) return false;
  return nodes.every(({ alias }, i) => alias === b.pool.nodes[i]!.alias && a.isAlive[i] === b.isAlive[i]);
}
