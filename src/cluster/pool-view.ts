/**
 * One numbered view of a pool: which of its nodes are alive, and so who owns which key. It never changes, so a key has
 * one owner per view (rules.md 33), whoever asks.
 */
import type { ViewId } from "../protocol/member-frame.ts";
import { HrwSites } from "./hrw.ts";
import type { NodeName } from "./node.ts";
import type { Pool, PoolNode } from "./pool-setup.ts";

/** A view of Membership, through the pools of a layout. A pool publish carries it. */
export interface PoolViewId extends ViewId {
  /** The digest of the PoolSet. */
  readonly pools: number;
}

export class PoolView {
  readonly id: PoolViewId;
  readonly pool: Pool;
  /** By the index of the node in the pool: 1 for alive. Not to be changed. */
  readonly isAlive: Uint8Array;
  readonly aliveCount: number;
  readonly #sites: HrwSites;
  #alive: ReadonlyMap<string, PoolNode> | undefined;

  /**
   * `alive` are the nodes that are up. `local` is for Zeek's own habit: a node that is itself in the pool takes part in
   * round robin from the start, and never has a key.
   */
  constructor(id: PoolViewId, pool: Pool, alive: ReadonlySet<NodeName>, local?: NodeName) {
    this.id = id;
    this.pool = pool;
    this.isAlive = Uint8Array.from(pool.nodes, ({ name }) => (alive.has(name) || name === local ? 1 : 0));
    this.aliveCount = this.isAlive.reduce((n, one) => n + one, 0);
    const isSite =
      local === undefined
        ? this.isAlive
        : this.isAlive.map((one, i) => (pool.nodes[i]!.name === local ? 0 : one));
    this.#sites = new HrwSites(
      pool.nodes.map(({ siteId }) => siteId),
      isSite,
    );
  }

  /** The node of this name, if it is in the pool and alive. */
  aliveNode(name: string): PoolNode | undefined {
    const { nodes } = this.pool;
    this.#alive ??= new Map(nodes.flatMap((node, i) => (this.isAlive[i] === 0 ? [] : [[node.name, node]])));
    return this.#alive.get(name);
  }

  /** The node that has the key with this digest; undefined when none is alive. */
  ownerOf(digest: number): PoolNode | undefined {
    return this.pool.nodes[this.#sites.choose(digest)];
  }
}
