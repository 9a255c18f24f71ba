/** Random pools and views against naive models: a sort by weight, a walk over a list. Failing cases print their seed. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hrwWeight } from "../../../src/cluster/hrw.ts";
import { hasMoved } from "../../../src/cluster/pool-move.ts";
import { PoolViews } from "../../../src/cluster/pool-views.ts";
import { Pools } from "../../../src/cluster/pools.ts";
import { nodeNames, onePool, setUpVector, viewId } from "../../support/pool-rig.ts";

const NAMES = Array.from({ length: 12 }, (_, i) => `proxy-${i + 1}`);
const digests = fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 1, maxLength: 50 });
const aliveSets = fc.array(fc.subarray(NAMES), { minLength: 1, maxLength: 6 });

/** Zeek's rule, with whole numbers of any size. */
function naiveWeight(siteId: number, digest: number): bigint {
  const [a, b, word] = [1_103_515_245n, 12_345n, 2n ** 32n];
  const mixed = (a * BigInt(siteId) + b) % word;
  return (a * (mixed ^ (BigInt(digest) & 0x7fffffffn)) + b) % 2n ** 31n;
}

describe("pools under random views", () => {
  it("a key belongs to the heaviest live node, and moves only with its owner or to one that came", () => {
    fc.assert(
      fc.property(aliveSets, digests, (views, keys) => {
        const pools = onePool(NAMES, []);
        let number = 1;
        for (const alive of views) {
          const before = pools.views.of("p");
          pools.views.advance(viewId(++number), nodeNames(alive));
          const after = pools.views.of("p");
          const sites = after.pool.nodes.filter(({ name }) => alive.includes(name));
          for (const key of keys) {
            const heaviest = sites.toSorted((a, b) => {
              const [x, y] = [naiveWeight(a.siteId, key), naiveWeight(b.siteId, key)];
              return x === y ? b.siteId - a.siteId : x < y ? 1 : -1;
            })[0];
            expect(pools.hrwNode("p", key)).toBe(heaviest);
            if (heaviest !== undefined) {
              expect(BigInt(hrwWeight(heaviest.siteId, key))).toBe(naiveWeight(heaviest.siteId, key));
            }
            const [old, now] = [before.ownerOf(key), after.ownerOf(key)];
            const hasLeft = old !== undefined && !alive.includes(old.name);
            const isNew = now !== undefined && before.isAlive[before.pool.nodes.indexOf(now)] === 0;
            expect(hasMoved(before, after, key)).toBe(hasLeft || isNew);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("round robin serves whoever is alive next, evenly", () => {
    fc.assert(
      fc.property(aliveSets, fc.integer({ min: 1, max: 40 }), (views, turns) => {
        const pools = onePool(NAMES, []);
        const order = pools.views.of("p").pool.nodes.map(({ name }) => name);
        let number = 1;
        let next = 0;
        for (const alive of views) {
          pools.views.advance(viewId(++number), nodeNames(alive));
          for (let turn = 0; turn < turns; turn++) {
            const steps = order.map((_, i) => (next + i) % order.length);
            const found = steps.find((i) => alive.includes(order[i]!));
            expect(pools.rrNode("p", "k")?.name).toBe(found === undefined ? undefined : order[found]);
            if (found !== undefined) next = (found + 1) % order.length;
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("two who have the same view choose alike, however they came to it", () => {
    fc.assert(
      fc.property(aliveSets, fc.subarray(NAMES), digests, (views, last, keys) => {
        const layout = Object.fromEntries(NAMES.map((name) => [name, "PROXY"]));
        const spec = { topic: "p", nodeType: "PROXY" };
        const walked = onePool(NAMES, []);
        for (const [i, alive] of views.entries()) walked.views.advance(viewId(i + 2), nodeNames(alive));
        walked.views.advance(viewId(100), nodeNames(last));
        const fresh = new Pools(new PoolViews(setUpVector(layout, [spec], false)));
        fresh.views.advance(viewId(100), nodeNames(last.toReversed()));
        expect(fresh.view).toEqual(walked.view);
        for (const key of keys) expect(fresh.hrwNode("p", key)?.name).toBe(walked.hrwNode("p", key)?.name);
      }),
      { numRuns: 100 },
    );
  });
});
