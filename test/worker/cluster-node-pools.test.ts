/** What a node at the edge keeps of its events for nodes of pools: rows, up to a bound, over restarts. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { NodePools, type NodePoolsPorts } from "../../durable/cluster-node-pools.ts";
import type { ClusterNode } from "../../durable/cluster-node.ts";
import { FabricError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { count } from "../../src/data/value.ts";
import { parseTopic } from "../../src/protocol/topic.ts";

const event = { name: "ev", args: [count(1)], metadata: [] };
const target = { pool: "proxy", choice: "node", node: "proxy-1" } as const;

it("R31 keeps so many events, reports the one past that, and sends what is left when it starts again", async () => {
  const stub: DurableObjectStub<ClusterNode> = env.NODE.getByName("pools");
  await runInDurableObject(stub, (_, { storage }) => {
    const refused: string[] = [];
    const opened: string[] = [];
    let view: { life: string; number: number; pools: number } | undefined;
    let hasPool = true;
    const ports: NodePoolsPorts = {
      sql: storage.sql,
      chooser: {
        get view() {
          return view;
        },
        choose: () => {
          if (!hasPool) throw new FabricError("not_found", "there is no pool proxy");
          return { name: "proxy-1", topic: parseTopic("zeek/cluster/node/proxy-1/") };
        },
        isAlive: () => true,
      },
      table: "t",
      owner: () => "main",
      open: async (router) => {
        opened.push(router);
        return Promise.reject(new Error("not now"));
      },
      guard: (step) => step(),
      refused: ({ code }) => void refused.push(code),
    };
    const pools = new NodePools(ports);
    storage.transactionSync(() => {
      for (let i = 0; i < LIMITS.nodePoolEventsMax; i++) pools.add({ event }, target);
    });
    expect(refused).toEqual([]);
    pools.add({ event }, target);
    expect(refused).toEqual(["publisher_too_fast"]);
    const rows = () => storage.sql.exec("SELECT count(*) AS n FROM pool_events").one()["n"];
    expect(rows()).toBe(LIMITS.nodePoolEventsMax);
    storage.sql.exec("DELETE FROM pool_events WHERE id > 2");
    view = { life: "m", number: 1, pools: 1 };
    const again = new NodePools(ports);
    again.send();
    expect(opened).toEqual(["main"]);
    expect(rows()).toBe(2);
    hasPool = false;
    view = { life: "m", number: 2, pools: 1 };
    again.viewed();
    expect(refused.slice(1)).toEqual(["not_found", "not_found"]);
    expect(rows()).toBe(0);
  });
});
