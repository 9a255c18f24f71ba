/** Masters and clones over a network that does its worst (rules 23 to 28). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Value } from "../../../src/data/value.ts";
import type { StoreCommand } from "../../../src/store/command.ts";
import { BACKENDS } from "./backends.ts";
import { Network } from "./network.ts";
import { c, k, put, s, v } from "./rig.ts";

const CLONES = 3;

type Action =
  | { readonly type: "write"; readonly clone: number; readonly key: number; readonly kind: number }
  | {
      readonly type:
        | "up"
        | "down"
        | "dropUp"
        | "dropDown"
        | "repeatUp"
        | "repeatDown"
        | "swapUp"
        | "swapDown"
        | "connect"
        | "cut";
      readonly clone: number;
    }
  | { readonly type: "turn" | "lostTurn" | "crash" }
  | { readonly type: "wait"; readonly ms: number };

const clone = fc.nat(CLONES - 1);
type OfClone = Extract<Action, { clone: number }>["type"];
const of = (...types: Exclude<OfClone, "write">[]) => fc.record({ type: fc.constantFrom(...types), clone });
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant("write" as const), clone, key: fc.nat(4), kind: fc.nat(9) }),
  },
  { weight: 12, arbitrary: of("up", "down") },
  { weight: 6, arbitrary: of("connect") },
  { weight: 3, arbitrary: of("dropUp", "dropDown", "repeatUp", "repeatDown", "swapUp", "swapDown", "cut") },
  { weight: 8, arbitrary: fc.record({ type: fc.constant("turn" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("lostTurn" as const, "crash" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("wait" as const), ms: fc.nat(2_000) }) },
);

/** Of ten writes seven count in a key of their own, so that each one that was carried out is seen. */
function command(kind: number, key: number): StoreCommand {
  if (kind < 7) return { type: "increment", key: k("carried out"), amount: v(c(1)) };
  if (kind === 7) return put(c(key), s("x"));
  if (kind === 8) return { type: "erase", key: k(c(key)) };
  return { ...put(c(key), s("short")), type: "put", expiry: { type: "after", ms: 500 } } as StoreCommand;
}

function act(net: Network, one: Action): void {
  switch (one.type) {
    case "write":
      net.write(one.clone, command(one.kind, one.key));
      return;
    case "up":
      return net.up(one.clone, 1);
    case "down":
      return net.down(one.clone, 1);
    case "connect":
      return net.connect(one.clone);
    case "cut":
      return net.cut(one.clone);
    case "turn":
      return net.turn();
    case "lostTurn":
      return net.turn(true);
    case "crash":
      return net.crash();
    case "wait":
      return net.wait(one.ms);
    default: {
      const { toMaster, toClone } = net.clones[one.clone]!;
      const queue: unknown[] = one.type.endsWith("Up") ? toMaster : toClone;
      // The first messages of a trunk say whose it is: without them there is none.
      const isFirst = queue.some((message) =>
        ["open", "master"].includes((message as { type: string }).type),
      );
      if (queue.length === 0 || isFirst) return;
      if (one.type.startsWith("drop")) queue.shift();
      else if (one.type.startsWith("repeat")) queue.push(queue[0]);
      else queue.push(queue.shift());
    }
  }
}

describe.each(BACKENDS)("clones of a master over the %s backend", (_, make) => {
  it("R23 every write is carried out exactly once, and all clones end as the master", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 150 }), (actions) => {
        const net = new Network(make(), CLONES);
        for (const one of actions) act(net, one);
        net.settle();
        net.wait(1_000);
        net.flow();
        const writes = actions.filter((one) => one.type === "write");
        const increments = writes.filter(({ kind }) => kind < 7).length;
        const results = net.clones.flatMap((one) => one.results);
        expect(results.map(({ result }) => result.code)).toEqual(writes.map(() => undefined));
        const counted: Value | undefined = net.clones[0]!.clone.get(s("carried out"));
        expect(counted).toEqual(increments === 0 ? undefined : c(increments));
        for (const one of net.clones) {
          expect(one.clone.isStale).toBe(false);
          expect(one.clone.unanswered).toBe(0);
          expect(one.content).toEqual(net.content);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("R27 events tell the content, in order, whatever happened in between", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const net = new Network(make(), CLONES);
        for (const one of actions) act(net, one);
        net.settle();
        for (const { events, content } of net.clones) {
          const told = new Map<string, string>();
          for (const event of events) {
            const key = JSON.stringify(event.key, bigints);
            const old = "old" in event ? JSON.stringify(event.old, bigints) : undefined;
            expect(told.get(key)).toBe(old);
            if ("value" in event) told.set(key, JSON.stringify(event.value, bigints));
            else told.delete(key);
          }
          expect(told.size).toBe(content.size);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("R23 put_unique has one winner, also across crashes and repeats", () => {
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 100 }),
        fc.array(fc.nat(3), { minLength: 4, maxLength: 12 }),
        (actions, keys) => {
          const net = new Network(make(), CLONES);
          const every = Math.max(1, Math.floor(actions.length / keys.length));
          const asked = new Set<number>();
          const ids = net.clones.map(() => new Map<number, number>());
          actions.forEach((one, n) => {
            if (n % every === 0 && n / every < keys.length) {
              const key = keys[n / every]!;
              asked.add(key);
              net.clones.forEach((_one, at) => {
                const id = net.write(at, { type: "put_unique", key: k(s(`u${key}`)), value: v(c(at)) });
                ids[at]!.set(id, key);
              });
            }
            if (one.type !== "write") act(net, one);
          });
          net.settle();
          for (const key of asked) {
            const winners = net.clones.flatMap((one, at) =>
              one.results
                .filter(({ id, result }) => ids[at]!.get(id) === key && result.inserted === true)
                .map(() => at),
            );
            expect(winners).toHaveLength(1);
            expect(net.clones[0]!.clone.get(s(`u${key}`))).toEqual(c(winners[0]!));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("R28 an acknowledged write is visible in the writer's own clone", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const net = new Network(make(), 1);
        const ids: number[] = [];
        const seen = () => net.clones[0]!.clone.position && net.clones[0]!.clone.get(s("n"));
        for (const one of actions) {
          if (one.type === "write") {
            ids.push(net.write(0, { type: "increment", key: k("n"), amount: v(c(1)) }));
          } else if (!("clone" in one) || one.clone === 0) act(net, one);
          const acknowledged = net.clones[0]!.results.length;
          const value = net.clones[0]!.clone.isStale ? undefined : seen();
          if (acknowledged > 0)
            expect(value?.type === "count" ? Number(value.value) : 0).toBeGreaterThanOrEqual(acknowledged);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function bigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}
