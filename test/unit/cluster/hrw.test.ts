/** Weights, choices and site ids, as Zeek computes them. */
import { describe, expect, it } from "vitest";
import { HrwSites, hrwWeight, sitesOf } from "../../../src/cluster/hrw.ts";
import { keyDigest } from "../../../src/cluster/key-digest.ts";
import { string } from "../../../src/data/value.ts";
import { keyOf } from "../../support/pool-rig.ts";
import siteIds from "../../vectors/cluster/site-ids.json" with { type: "json" };
import vectors from "../../vectors/cluster/hrw-weights.json" with { type: "json" };

const sites = (ids: readonly number[]) => new HrwSites(ids, new Uint8Array(ids.length).fill(1));

describe("highest random weight", () => {
  it.each(vectors.steps.map((step) => [step.what, step] as const))(
    "[A20] weighs and chooses as Zeek: %s",
    (_, step) => {
      for (const { type, value, weights, selected } of step.selections) {
        const digest = keyDigest(keyOf(type, value));
        for (const [site, weight] of Object.entries(weights))
          expect(hrwWeight(Number(site), digest)).toBe(weight);
        expect(step.sites[sites(step.sites).choose(digest)]).toBe(selected);
      }
    },
  );

  it("gives a tie to the larger id, in whatever order they come", () => {
    for (const { key, sites: ids, weights, selected } of vectors.ties.vectors) {
      const digest = keyDigest(string(key));
      expect(ids.map((id) => hrwWeight(id, digest))).toEqual(weights);
      expect(ids[sites(ids).choose(digest)]).toBe(selected);
    }
  });

  it("chooses nobody from nobody", () => {
    expect(sites([]).choose(1)).toBe(-1);
    expect(new HrwSites([5, 6], Uint8Array.of(0, 0)).choose(1)).toBe(-1);
    expect(new HrwSites([5, 6], Uint8Array.of(0, 1)).size).toBe(1);
  });
});

describe("site ids", () => {
  it("are those of the names", () => {
    for (const [name, id] of Object.entries(siteIds.ids))
      expect(sitesOf([name])).toEqual([{ alias: `${name}.0`, siteId: id }]);
  });

  it("that collide in a pool are counted on, the first keeps its own", () => {
    for (const { assigned, assignedIfOrderReversed } of siteIds.collisions) {
      for (const order of [assigned, assignedIfOrderReversed]) {
        expect(sitesOf(order.map(({ name }) => name))).toEqual(
          order.map(({ alias, siteId }) => ({ alias, siteId })),
        );
      }
    }
  });
});
