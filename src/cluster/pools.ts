/**
 * The pools as one session, client or script uses them: it chooses nodes from the views that it has, without asking
 * anybody. Source: Zeek's `hrw_topic`, `rr_topic`, `publish_hrw`, `publish_rr`.
 */
import type { Value } from "../data/value.ts";
import type { Topic } from "../protocol/topic.ts";
import { keyDigest } from "./key-digest.ts";
import type { PoolNode } from "./pool-setup.ts";
import type { PoolView, PoolViewId } from "./pool-view.ts";
import type { PoolViews } from "./pool-views.ts";
import { RoundRobin } from "./round-robin.ts";

/** Told once for each view in which this chooser found a pool without a live node. */
export interface EmptyPoolWarning {
  readonly pool: string;
  readonly view: PoolViewId;
}

/** What one chooser has of a pool. */
interface Use {
  readonly rotation: RoundRobin;
  /** Choices that found nobody. */
  empty: number;
  /** The view in which that was told. */
  warned: PoolView | undefined;
}

export class Pools {
  readonly views: PoolViews;
  readonly #uses = new Map<string, Use>();
  #warnings: EmptyPoolWarning[] = [];

  constructor(views: PoolViews) {
    this.views = views;
  }

  /** The view that choices are made in: a pool publish carries it. */
  get view(): PoolViewId {
    return this.views.id;
  }

  /** The node that has this key, or undefined, which is counted, when none is alive. Throws `not_found`. */
  hrwNode(pool: string, digest: number): PoolNode | undefined {
    const view = this.views.of(pool);
    return view.ownerOf(digest) ?? this.#foundNobody(view);
  }

  /** The node whose turn it is for this key, or undefined, which is counted. Throws `not_found`. */
  rrNode(pool: string, key = ""): PoolNode | undefined {
    const view = this.views.of(pool);
    const { rotation } = this.#useOf(pool);
    return view.pool.nodes[rotation.next(view.isAlive, key)] ?? this.#foundNobody(view);
  }

  /** Zeek's `hrw_topic`: the topic of the node that has the key, "" when none is alive. Throws `invalid_data`, `not_found`. */
  hrwTopic(pool: string, key: Value, enumType?: string): Topic | "" {
    return this.hrwNode(pool, keyDigest(key, this.views.set.generation, enumType))?.topic ?? "";
  }

  /** Zeek's `rr_topic`: the topic of the node whose turn it is, "" when none is alive. Throws `not_found`. */
  rrTopic(pool: string, key = ""): Topic | "" {
    return this.rrNode(pool, key)?.topic ?? "";
  }

  /** Choices so far that found a pool empty. */
  emptyChoices(pool: string): number {
    return this.#uses.get(pool)?.empty ?? 0;
  }

  /** The warnings since the last call. */
  takeWarnings(): readonly EmptyPoolWarning[] {
    return this.#warnings.splice(0);
  }

  #useOf(pool: string): Use {
    let use = this.#uses.get(pool);
    if (use === undefined) {
      use = { rotation: new RoundRobin(), empty: 0, warned: undefined };
      this.#uses.set(pool, use);
    }
    return use;
  }

  #foundNobody(view: PoolView): undefined {
    const pool = view.pool.spec.name;
    const use = this.#useOf(pool);
    use.empty++;
    if (use.warned === view) return;
    use.warned = view;
    this.#warnings.push({ pool, view: view.id });
  }
}
