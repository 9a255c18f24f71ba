/** What another view of a pool moved: for operators, and for scripts that hold data by key. */
import type { NodeName } from "./node.ts";
import type { PoolNode } from "./pool-setup.ts";
import type { PoolView, PoolViewId } from "./pool-view.ts";

export interface PoolMove {
  readonly pool: string;
  readonly from: PoolViewId;
  readonly to: PoolViewId;
  /** Nodes that are no longer in the pool or alive, and that have come. */
  readonly left: readonly NodeName[];
  readonly joined: readonly NodeName[];
  /** Share of all keys that have another owner, 0 to 1, from a fixed sample of SHARE_SAMPLE digests. */
  readonly movedShare: number;
}

/** Digests that a share is taken from: it is right to about a hundredth. */
const SHARE_SAMPLE = 4_096;
/** 2^32 divided by the golden ratio: its multiples are spread evenly. */
const STEP = 0x9e3779b1;

/** The report of a change. Cost: SHARE_SAMPLE choices in each of the two views. */
export function poolMove(before: PoolView, after: PoolView): PoolMove {
  const [old, now] = [aliveNames(before), aliveNames(after)];
  let moved = 0;
  for (let i = 1; i <= SHARE_SAMPLE; i++) if (hasMoved(before, after, Math.imul(i, STEP))) moved++;
  return {
    pool: after.pool.spec.name,
    from: before.id,
    to: after.id,
    left: [...old].filter((name) => !now.has(name)),
    joined: [...now].filter((name) => !old.has(name)),
    movedShare: moved / SHARE_SAMPLE,
  };
}

/** Whether the key with this digest has another owner in the later view: exact. */
export function hasMoved(before: PoolView, after: PoolView, digest: number): boolean {
  return nameOf(before.ownerOf(digest)) !== nameOf(after.ownerOf(digest));
}

function nameOf(node: PoolNode | undefined): NodeName | undefined {
  return node?.name;
}

function aliveNames({ pool, isAlive }: PoolView): ReadonlySet<NodeName> {
  return new Set(pool.nodes.filter((_, i) => isAlive[i] !== 0).map(({ name }) => name));
}
