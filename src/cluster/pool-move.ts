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
  /** Share of all keys that have another owner, 0 to 1, from a fixed sample of digests. */
  readonly movedShare: number;
}

/** Digests that a share is taken from, at most and at least: with all of them it is right to about a hundredth. */
const SHARE_SAMPLE = 4_096;
const SHARE_SAMPLE_MIN = 64;
/** Weights that a report may cost in one view: a pool of very many nodes is measured more roughly. */
const WEIGHTS_MAX = 2 ** 18;
/** 2^32 divided by the golden ratio: its multiples are spread evenly. */
const STEP = 0x9e3779b1;

/** The report of a change. Cost: some thousand choices in each of the two views, fewer in large pools. */
export function poolMove(before: PoolView, after: PoolView): PoolMove {
  const [old, now] = [aliveNames(before), aliveNames(after)];
  let moved = 0;
  const nodes = Math.max(before.pool.nodes.length, after.pool.nodes.length);
  const sample = Math.max(SHARE_SAMPLE_MIN, Math.min(SHARE_SAMPLE, Math.floor(WEIGHTS_MAX / nodes)));
  for (let i = 1; i <= sample; i++) if (hasMoved(before, after, Math.imul(i, STEP))) moved++;
  return {
    pool: after.pool.spec.name,
    from: before.id,
    to: after.id,
    left: [...old].filter((name) => !now.has(name)),
    joined: [...now].filter((name) => !old.has(name)),
    movedShare: moved / sample,
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

/** A line for people: who left and came, and what that moved. */
export function moveMessage({ pool, to, left, joined, movedShare }: PoolMove): string {
  const gone = left.length === 0 ? [] : [`${left.join(", ")} left`];
  const come = joined.length === 0 ? [] : [`${joined.join(", ")} joined`];
  const share = `${(movedShare * 100).toFixed(1)} % of the keys have another node`;
  return `pool ${pool}, view ${to.number}: ${[...gone, ...come, share].join("; ")}`;
}
