/**
 * Highest random weight: a key's digest and a node's site id give a weight, and the node with the largest has the key.
 * A node that leaves takes only its own keys with it. Source: Zeek's hash_hrw script, spec/cluster.md §7.
 */
import { stringDigest, type HrwGeneration } from "./key-digest.ts";

const A = 1_103_515_245;
const B = 12_345;

/** The weight of a site for a key, 0 to 2^31-1. The highest bit of the digest does not reach it. */
export function hrwWeight(siteId: number, digest: number): number {
  return weigh(mix(siteId), digest);
}

function mix(siteId: number): number {
  return (Math.imul(A, siteId) + B) | 0;
}

function weigh(mixed: number, digest: number): number {
  return (Math.imul(A, mixed ^ digest) + B) & 0x7fffffff;
}

export interface Site {
  /** NAME.c, c being the first number whose id nobody before it in the pool has. */
  readonly alias: string;
  /** 32 bits, unsigned. */
  readonly siteId: number;
}

/** The sites of nodes, in the same order, which matters only where two ids collide. */
export function sitesOf(names: readonly string[], generation: HrwGeneration = "7.1"): readonly Site[] {
  const taken = new Set<number>();
  return names.map((name) => {
    for (let c = 0; ; c++) {
      const alias = `${name}.${c}`;
      const siteId = stringDigest(alias, generation);
      if (taken.has(siteId)) continue;
      taken.add(siteId);
      return { alias, siteId };
    }
  });
}

/** The sites that can be chosen, ready for many choices. */
export class HrwSites {
  /** Positions in the given list, by descending site id: so the first of equal weights is the right one. */
  readonly #order: readonly number[];
  readonly #mixed: Int32Array;

  /** Of these site ids, those with `isAlive` at the same index that is not 0. */
  constructor(siteIds: readonly number[], isAlive: Uint8Array) {
    this.#order = siteIds
      .map((_, i) => i)
      .filter((i) => isAlive[i] !== 0)
      .toSorted((a, b) => siteIds[b]! - siteIds[a]!);
    this.#mixed = Int32Array.from(this.#order, (i) => mix(siteIds[i]!));
  }

  get size(): number {
    return this.#order.length;
  }

  /** The index of the site that has this key, or -1 when there is none. Cost: a few operations a site. */
  choose(digest: number): number {
    const mixed = this.#mixed;
    let best = -1;
    let weight = -1;
    for (let i = 0; i < mixed.length; i++) {
      const w = weigh(mixed[i]!, digest);
      if (w > weight) {
        weight = w;
        best = i;
      }
    }
    return best < 0 ? -1 : this.#order[best]!;
  }
}
