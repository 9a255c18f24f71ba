/** Round robin: Zeek's sequences, and its bound. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { RoundRobin } from "../../../src/cluster/round-robin.ts";
import vectors from "../../vectors/cluster/round-robin.json" with { type: "json" };

const ALL = Uint8Array.of(1, 1, 1);

describe("round robin", () => {
  it("[A63] gives each key a sequence of its own", () => {
    const { nodes, keys, resultsPerKey } = vectors.publishRr;
    const rotation = new RoundRobin();
    for (const expected of resultsPerKey) {
      for (const key of keys) expect(nodes[rotation.next(Uint8Array.of(1, 1), key)]).toBe(expected);
    }
  });

  it.each(vectors.computed.map((v) => [v.what, v] as const))("%s", (_, { nodes, initiallyAlive, ops }) => {
    const alive = Uint8Array.from(nodes as string[], (node) =>
      (initiallyAlive as string[]).includes(node) ? 1 : 0,
    );
    const rotation = new RoundRobin();
    for (const op of ops as {
      op: string;
      node?: string;
      key?: string;
      result?: string;
      positionAfter?: number;
    }[]) {
      if (op.op !== "next") {
        alive[(nodes as string[]).indexOf(op.node!)] = op.op === "up" ? 1 : 0;
        continue;
      }
      expect((nodes as string[])[rotation.next(alive, op.key!)] ?? "").toBe(op.result);
      expect(rotation.position(op.key!)).toBe(op.positionAfter);
    }
  });

  it("goes on in a shorter list", () => {
    const rotation = new RoundRobin();
    for (const expected of [0, 1]) expect(rotation.next(ALL, "k")).toBe(expected);
    expect(rotation.next(Uint8Array.of(1, 1), "k")).toBe(0);
  });

  it(`remembers ${LIMITS.roundRobinKeysMax} keys; one more, and the first begins anew`, () => {
    const rotation = new RoundRobin();
    for (let i = 0; i < LIMITS.roundRobinKeysMax; i++) rotation.next(ALL, `k${i}`);
    expect(rotation.position("k0")).toBe(1);
    rotation.next(ALL, "k0");
    expect(rotation.position("k0")).toBe(2);
    rotation.next(ALL, "one more");
    expect([rotation.position("k0"), rotation.position("k1"), rotation.position("one more")]).toEqual([
      0, 1, 1,
    ]);
  });
});
