/**
 * Chooses nodes of pools for a session: from the view that all sessions of the isolate share, with rotations and counts
 * of its own. A change of the layout is taken up when a session asks for it.
 */
import { keyDigest } from "../cluster/key-digest.ts";
import type { Layout } from "../cluster/layout.ts";
import { layoutPools } from "../cluster/layout-pools.ts";
import { PoolViews } from "../cluster/pool-views.ts";
import { Pools } from "../cluster/pools.ts";
import { aliveNodes } from "../cluster/roles.ts";
import { CborReader } from "../data/cbor-reader.ts";
import { readValue } from "../data/cbor-value.ts";
import type { ViewCopy } from "./view-copy.ts";
import type { PoolKey, PoolViewRef } from "../protocol/pool-frame.ts";
import type { ChosenNode, PoolChooser } from "../protocol/pool-publishes.ts";

/** The pools of an isolate: as its layout says, and as its copy of the view does. */
export class IsolatePools {
  readonly #members: ViewCopy;
  #layout: Layout | undefined;
  #views: PoolViews | undefined;

  constructor(members: ViewCopy) {
    this.#members = members;
  }

  /** The layout in force. */
  use(layout: Layout): void {
    this.#layout = layout;
  }

  /** The id of a node's life; undefined for one that has not joined. */
  lifeOf(node: string): string | undefined {
    return this.#members.members.get(node)?.nodeId;
  }

  /** The newest views; undefined before the first of Membership. Cost: a comparison, unless something has changed. */
  get views(): PoolViews | undefined {
    const { id, members } = this.#members;
    const layout = this.#layout;
    if (id === undefined || layout === undefined) return this.#views;
    const set = layoutPools(layout);
    this.#views ??= new PoolViews(set);
    const at = this.#views.id;
    if (at.life !== id.life || at.number !== id.number || at.pools !== set.digest) {
      this.#views.advance(id, aliveNodes(layout, members.keys()), set);
    }
    return this.#views;
  }
}

export interface SessionPoolsPorts {
  /** A choice is made: the layout may be old. */
  readonly refresh: () => void;
  /** A choice found a pool without a live node. */
  readonly emptied: (pool: string) => void;
}

export class SessionPools implements PoolChooser {
  readonly #isolate: IsolatePools;
  readonly #ports: SessionPoolsPorts;
  #pools: Pools | undefined;

  constructor(isolate: IsolatePools, ports: SessionPoolsPorts) {
    this.#isolate = isolate;
    this.#ports = ports;
  }

  get view(): PoolViewRef | undefined {
    return this.#isolate.views?.id;
  }

  choose(pool: string, key: PoolKey): ChosenNode | undefined {
    this.#ports.refresh();
    const pools = this.#current();
    const node = pools === undefined ? undefined : nodeOf(pools, pool, key);
    if (node === undefined) {
      this.#ports.emptied(pool);
      return undefined;
    }
    const { name, topic } = node;
    return { name, topic, life: this.#isolate.lifeOf(name) };
  }

  isAlive(pool: string, { name, life }: ChosenNode): boolean {
    return this.#isolate.views?.isUp(pool, name) === true && this.#isolate.lifeOf(name) === life;
  }

  #current(): Pools | undefined {
    const { views } = this.#isolate;
    if (this.#pools === undefined && views !== undefined) this.#pools = new Pools(views);
    return this.#pools;
  }
}

function nodeOf(pools: Pools, pool: string, key: PoolKey): ChosenNode | undefined {
  switch (key.choice) {
    case "hrw":
      return pools.hrwNode(pool, keyDigest(valueOf(key.key), pools.views.set.generation));
    case "rr":
      return pools.rrNode(pool, key.key);
    case "node":
      return pools.views.of(pool).aliveNode(key.key) ?? pools.rrNode(pool);
  }
}

function valueOf(key: Uint8Array): ReturnType<typeof readValue> {
  const reader = new CborReader(key);
  const value = readValue(reader);
  if (reader.left > 0) reader.fail("the key of a pool event is not one value");
  return value;
}
