/** The trunks between routers and nodes of the fabric: rows until a node has taken them, bounds, what a node refuses. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { ClusterNode } from "../../durable/cluster-node.ts";
import type { Push, PushAnswer } from "../../durable/node-calls.ts";
import { NODE_PUSH_SCHEMA, nodeTrunkId, nodeTrunkOf, RouterNodes } from "../../durable/router-nodes.ts";
import type { TopicRouter } from "../../durable/topic-router.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { hello as helloOf, subscribe } from "../support/router-rig.ts";
import { encodeFrame } from "../../src/protocol/frame-codec.ts";
import { tableVersion } from "../../src/routing/placement.ts";
import { deployedLayout } from "../../src/site/deployed.ts";

let names = 0;
const TRUNK = { node: "proxy-1", connection: 3 };
const frame = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(7);

/** The pushes of a router, to a node that takes them as `take` says. */
async function pushing(
  take: (pushes: readonly Push[]) => Promise<PushAnswer>,
  run: (nodes: RouterNodes, rows: () => number, calls: readonly unknown[]) => Promise<void>,
): Promise<{ readonly calls: (readonly Push[])[]; readonly woken: (number | undefined)[] }> {
  const calls: (readonly Push[])[] = [];
  const woken: (number | undefined)[] = [];
  // The storage of an object that does not push by itself.
  await runInDurableObject(env.NODE.getByName(`storage-${++names}`), async (_: ClusterNode, { storage }) => {
    storage.sql.exec(NODE_PUSH_SCHEMA);
    const nodes = new RouterNodes({
      router: "main",
      sql: storage.sql,
      stub: () => ({
        attach: async () => Promise.resolve(),
        push: async (_router, pushes) => {
          calls.push(pushes);
          return take(pushes);
        },
      }),
      received: () => {},
      wakeAt: (atMs) => woken.push(atMs),
    });
    const rows = () => Number(storage.sql.exec("SELECT count(*) AS n FROM node_pushes").one()["n"]);
    await run(nodes, rows, calls);
  });
  return { calls, woken };
}

const taken = async (pushes: readonly Push[]): Promise<PushAnswer> =>
  Promise.resolve({ taken: pushes.at(-1)!.number, connection: TRUNK.connection, frames: [] });

describe("pushes of a router", () => {
  it("R31 go in order and one call at a time, and are rows until they are taken", async () => {
    let most = 0;
    const { calls } = await pushing(taken, async (nodes, rows) => {
      nodes.add(TRUNK, frame(1));
      nodes.push("proxy-1");
      nodes.add(TRUNK, null);
      nodes.add(TRUNK, frame(2));
      nodes.push("proxy-1");
      most = rows();
      await expect.poll(rows).toBe(0);
    });
    expect(most).toBe(3);
    expect(calls.map((pushes) => pushes.map((push) => push.frame?.length ?? null))).toEqual([[1], [null, 2]]);
    const numbers = calls.flat().map(({ number }) => number);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(calls.flat().every(({ connection }) => connection === TRUNK.connection)).toBe(true);
  });

  it("T-9 a call holds at most nodePushesMax frames, and ends with the one that fills nodePushBytes", async () => {
    const { calls } = await pushing(taken, async (nodes, rows) => {
      for (let n = 0; n <= LIMITS.nodePushesMax; n++) nodes.add(TRUNK, frame(1));
      nodes.push("proxy-1");
      await expect.poll(rows).toBe(0);
      for (const bytes of [LIMITS.nodePushBytes - 1, 1, 1]) nodes.add(TRUNK, frame(bytes));
      nodes.push("proxy-1");
      await expect.poll(rows).toBe(0);
    });
    expect(calls.map((pushes) => pushes.length)).toEqual([LIMITS.nodePushesMax, 1, 2, 1]);
  });

  it(
    "R31 T-9 that fail stay, are tried again at once a few times, and then by an alarm",
    { timeout: 20_000 },
    async () => {
      let fails = true;
      const { woken } = await pushing(
        async (pushes) => (fails ? Promise.reject(new Error("gone")) : taken(pushes)),
        async (nodes, rows, calls) => {
          nodes.add(TRUNK, frame(1));
          nodes.push("proxy-1");
          await expect.poll(() => calls.length, { timeout: 10_000 }).toBe(7);
          expect(rows()).toBe(1);
          fails = false;
          nodes.pushAll();
          await expect.poll(rows).toBe(0);
        },
      );
      expect(woken.length).toBe(2);
      expect(woken[0]).toBeGreaterThan(Date.now());
      expect(woken[1]).toBeUndefined();
    },
  );

  it("a trunk to a node has an id that no socket has", () => {
    expect(nodeTrunkOf(nodeTrunkId(TRUNK))).toEqual(TRUNK);
    expect(nodeTrunkOf(crypto.randomUUID())).toBeUndefined();
  });
});

describe("a node", () => {
  it("R31 T-9 takes a push once, and nothing of an older connection", async () => {
    const node = env.NODE.getByName("logger-2");
    const push = { number: 5, connection: 0, frame: encodeFrame({ type: "pong", id: 1 }) };
    expect(await node.push("main", [push])).toMatchObject({ taken: 5 });
    expect(await node.push("main", [push, { ...push, number: 4 }])).toMatchObject({ taken: 5 });
    expect(await node.push("main", [{ ...push, number: 6, connection: 99 }])).toMatchObject({ taken: 6 });
  });

  it("R31 takes no more while nodeOutboxMax of what it has to say waits", async () => {
    const full = async (waiting: number): Promise<unknown> =>
      runInDurableObject(env.NODE.getByName(`full-${waiting}`), async (_: ClusterNode, ctx) => {
        for (let n = 1; n <= waiting; n++) {
          ctx.storage.sql.exec(
            "INSERT INTO report_batches VALUES (?, 'logger-1', ?, 'x', 1, x'00', x'00')",
            n,
            n,
          );
        }
        // A logger that does not answer: what waits goes on waiting.
        const LOGGER = { getByName: () => ({ append: async () => new Promise(() => {}) }) };
        const node = new ClusterNode(ctx, { ...env, LOGGER } as unknown as ConstructorParameters<
          typeof ClusterNode
        >[1]);
        return node.push("main", []).then(
          () => "taken",
          (error: unknown) => (error as { code: string }).code,
        );
      });
    expect(await full(LIMITS.nodeOutboxMax - 1)).toBe("taken");
    expect(await full(LIMITS.nodeOutboxMax)).toBe("unavailable");
  });

  it("that opens its trunk anew takes over from its older connection, which is heard no more", async () => {
    const stub: DurableObjectStub<TopicRouter> = env.ROUTER.getByName("refusing");
    const table = tableVersion(deployedLayout((env as { LAYOUT?: string }).LAYOUT).routers);
    const trunk = { node: "full-0", connection: 1 };
    await stub.nodeFrames(trunk, [encodeFrame(helloOf(900, 1, table)), encodeFrame(subscribe(["a/"]))]);
    expect((await stub.stat()).trunks).toBe(1);
    await stub.nodeFrames({ ...trunk, connection: 2 }, [encodeFrame(helloOf(900, 2, table))]);
    expect((await stub.stat()).trunks).toBe(1);
    await stub.nodeFrames(trunk, [encodeFrame(subscribe(["b/"]))]);
    expect((await stub.stat()).trunks).toBe(1);
  });
});
