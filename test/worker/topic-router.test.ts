/** TopicRouter in workerd: trunks over real upgrades, sleep with sockets kept, crash, and what stands in SQLite. */
import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { ObjectEnv } from "../../durable/env.ts";
import { RouterTables } from "../../durable/router-tables.ts";
import type { TopicRouter } from "../../durable/topic-router.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { Frame, Position } from "../../src/protocol/frame.ts";
import { RouterLedger } from "../../src/routing/ledger.ts";
import { tableVersion } from "../../src/routing/placement.ts";
import { deployedLayout } from "../../src/site/deployed.ts";
import { Trunk } from "../support/router-trunk.ts";
import { hello as helloOf, instance, publish, segment, subscribe, textsOf } from "../support/router-rig.ts";

const table = tableVersion(deployedLayout((env as ObjectEnv).LAYOUT).routers);
const hello = (n: number, connection = 1): Frame => helloOf(n, connection, table);
let names = 0;
/** A new stub of the newest router: the old one is of no use after an abort. */
const again = (): DurableObjectStub<TopicRouter> => env.ROUTER.getByName(`router-${names}`);
const fresh = (): DurableObjectStub<TopicRouter> => env.ROUTER.getByName(`router-${++names}`);

async function subscriber(
  stub: DurableObjectStub<TopicRouter>,
  n: number,
  ...prefixes: string[]
): Promise<Trunk> {
  const trunk = await Trunk.open(stub, hello(n), subscribe(prefixes));
  await trunk.take("welcome");
  await trunk.take("subscribed");
  return trunk;
}

async function publisher(stub: DurableObjectStub<TopicRouter>, n: number): Promise<Trunk> {
  const trunk = await Trunk.open(stub, hello(n));
  await trunk.take("welcome");
  return trunk;
}

/** Waits until the router has written its checkpoint: it does so after 2 s of quiet, and may sleep then. */
async function quiet(stub: DurableObjectStub<TopicRouter>): Promise<void> {
  await expect
    .poll(
      () =>
        runInDurableObject(stub, (_: TopicRouter, ctx) => new RouterTables(ctx.storage).load().checkpoint),
      {
        timeout: 10 * LIMITS.checkpointMs,
        interval: 100,
      },
    )
    .toBeDefined();
}

const rowsOf = (stub: DurableObjectStub<TopicRouter>) =>
  runInDurableObject(stub, (_: TopicRouter, ctx) => new RouterTables(ctx.storage).load().trunks);

describe("TopicRouter", () => {
  it("[A1] R10 delivers over trunks what matches, and acknowledges it", async () => {
    const stub = fresh();
    const reader = await subscriber(stub, 1, "a/");
    const writer = await publisher(stub, 2);
    writer.send(publish(1, segment("a/x", "one"), segment("b", "two")), publish(2, segment("a/y", "three")));
    const acks = [(await writer.take("published")).seq];
    if (acks[0] === 1) acks.push((await writer.take("published")).seq);
    expect(acks.at(-1)).toBe(2);
    const texts: string[] = [];
    while (texts.length < 2) texts.push(...textsOf(await reader.take("deliver")));
    expect(texts).toEqual(["one", "three"]);
  });

  it("knows its name", async () => {
    const stub = fresh();
    const trunk = await Trunk.open(stub, hello(1));
    expect((await trunk.take("welcome")).endpoint).toBe(`router-${names}`);
    expect(await stub.stat()).toEqual({ router: `router-${names}`, incarnation: 1, seq: 0, trunks: 1 });
  });

  it("R8 refuses the trunk of another table, and plain requests", async () => {
    const stub = fresh();
    const trunk = await Trunk.open(stub, helloOf(1, 1, "of yesterday"));
    expect((await trunk.take("error")).code).toBe("moved");
    expect(await trunk.closed).toEqual({ code: 1012, reason: "moved" });
    expect((await stub.fetch("https://fabric/trunk")).status).toBe(426);
  });

  it("refuses text, and others notice nothing", async () => {
    const stub = fresh();
    const reader = await subscriber(stub, 1, "");
    const bad = await publisher(stub, 2);
    bad.sendText("hello");
    expect((await bad.closed).code).toBe(1007);
    const writer = await publisher(stub, 3);
    writer.send(publish(1, segment("t", "one")));
    expect(textsOf(await reader.take("deliver"))).toEqual(["one"]);
  });

  it("R1 closes the older connection of an instance", async () => {
    const stub = fresh();
    const older = await subscriber(stub, 1, "");
    await Trunk.open(stub, hello(1, 2));
    expect((await older.take("error")).code).toBe("superseded");
    expect(await older.closed).toEqual({ code: 1008, reason: "superseded" });
  });

  it("R6 keeps a row for each trunk until it closes", async () => {
    const stub = fresh();
    const reader = await subscriber(stub, 1, "b", "a\u00e9");
    expect(await rowsOf(stub)).toMatchObject([{ instance: instance(1), prefixes: ["b", "a\u00c3\u00a9"] }]);
    reader.close();
    expect((await reader.closed).code).toBe(1000);
    await expect.poll(() => rowsOf(stub)).toEqual([]);
  });
});

describe("sleep with sockets kept", () => {
  it("R2 R3 R6 after a checkpoint nobody notices: subscriptions, position, marks", async () => {
    const stub = fresh();
    const reader = await subscriber(stub, 1, "a");
    const writer = await publisher(stub, 2);
    writer.send(publish(1, segment("a", "one")));
    await writer.take("published");
    const before = await reader.take("deliver");
    await quiet(stub);
    await evictDurableObject(stub);
    writer.send(publish(1, segment("a", "one")), publish(2, segment("a", "two")));
    const after = await reader.take("deliver");
    expect(textsOf(after)).toEqual(["two"]);
    expect(after).toMatchObject({ incarnation: before.incarnation, prev: before.frames.at(-1)!.seq });
  });

  it("R38 its ledger survives, and goes on", async () => {
    const stub = fresh();
    const reader = await subscriber(stub, 1, "a");
    const writer = await publisher(stub, 2);
    writer.send(publish(1, segment("a", "ab", 2)));
    await writer.take("published");
    await reader.take("deliver");
    await expect.poll(async () => (await stub.ledger()).readers.inFlight).toBe(0);
    await quiet(stub);
    const before = await stub.ledger();
    expect(before).toMatchObject({ publishers: { published: 2 }, readers: { delivered: 2 }, problems: [] });
    await evictDurableObject(stub);
    expect(await stub.ledger()).toEqual(before);
    writer.send(publish(1, segment("a", "ab", 2)), publish(2, segment("a")));
    await reader.take("deliver");
    expect(await stub.ledger()).toMatchObject({
      publishers: { received: 5, published: 3, repeats: 2 },
      readers: { offered: 3 },
      problems: [],
    });
  });

  it("R2 a router that has sequenced nothing yet may sleep, too", async () => {
    const stub = fresh();
    const reader = await subscriber(stub, 1, "a");
    await quiet(stub);
    await evictDurableObject(stub);
    const writer = await publisher(stub, 2);
    writer.send(publish(1, segment("a", "one")));
    expect(await reader.take("deliver")).toMatchObject({ incarnation: 1, prev: 0 });
  });

  it("R2 the checkpoint is used up by the next delivery", async () => {
    const stub = fresh();
    const writer = await publisher(stub, 2);
    await quiet(stub);
    writer.send(publish(1, segment("a")));
    await writer.take("published");
    const stored = await runInDurableObject(stub, (_: TopicRouter, ctx) =>
      new RouterTables(ctx.storage).load(),
    );
    expect(stored).toMatchObject({ incarnation: 1, checkpoint: undefined });
  });

  it("R2 a router that has not written its checkpoint is kept awake by its timer", async () => {
    const stub = fresh();
    const writer = await publisher(stub, 2);
    writer.send(publish(1, segment("a")));
    await writer.take("published");
    await evictDurableObject(stub);
    const stored = await runInDurableObject(stub, (_: TopicRouter, ctx) =>
      new RouterTables(ctx.storage).load(),
    );
    expect(stored.checkpoint).toMatchObject({ incarnation: 1, seq: 1 });
  });

  it("R4 without a checkpoint trunks begin anew, and readers are told a gap of unknown extent", async () => {
    const stub = fresh();
    const reader = await subscriber(stub, 1, "a");
    const writer = await publisher(stub, 2);
    writer.send(publish(1, segment("a", "one")));
    await writer.take("published");
    const { incarnation, frames } = await reader.take("deliver");
    const from: Position = { router: `router-${names}`, incarnation, seq: frames[0]!.seq };
    await quiet(stub);
    await runInDurableObject(stub, (_: TopicRouter, ctx) => {
      new RouterTables(ctx.storage).apply([{ type: "checkpointUsed" }]);
    });
    await evictDurableObject(stub);
    writer.send(publish(2, segment("a", "two")));
    expect(await reader.closed).toEqual({ code: 1012, reason: "restarted" });
    expect((await writer.closed).code).toBe(1012);
    const again = await Trunk.open(stub, hello(1, 2), subscribe(["a"], 1, [from]));
    await again.take("welcome");
    const { gaps, positions } = await again.take("subscribed");
    expect(positions[0]!.incarnation).toBe(incarnation + 1);
    expect(gaps).toEqual([{ extent: "unknown", from, to: positions[0], reason: "restarted" }]);
  });
});

describe("crash", () => {
  it("R6 rows of trunks that did not come back are gone, the position goes on from the checkpoint", async () => {
    const stub = fresh();
    const reader = await subscriber(stub, 1, "a");
    await quiet(stub);
    await abortAllDurableObjects();
    await reader.closed;
    const writer = await Trunk.open(again(), hello(2), publish(1, segment("a")));
    await writer.take("welcome");
    expect(await rowsOf(again())).toMatchObject([{ instance: instance(2) }]);
    expect(await writer.take("published")).toMatchObject({ seq: 1 });
    expect(await again().stat()).toMatchObject({ incarnation: 1, seq: 1 });
  });

  it("R35 a throw in a turn discards memory and sends nothing: the next life begins from storage", async () => {
    const stub = fresh();
    const reader = await subscriber(stub, 1, "a");
    await runInDurableObject(stub, (_: TopicRouter, ctx) => {
      const refusal = "BEGIN SELECT RAISE(ABORT, 'no such luck'); END";
      ctx.storage.sql.exec(`CREATE TRIGGER broken BEFORE INSERT ON trunks ${refusal}`);
    });
    const writer = await Trunk.open(stub, hello(2), publish(1, segment("a", "never")));
    await Promise.all([reader.closed, writer.closed]);
    expect([reader.unread, writer.unread]).toEqual([[], []]);
    const next = again();
    await runInDurableObject(next, (_: TopicRouter, ctx) => {
      ctx.storage.sql.exec("DROP TRIGGER broken");
    });
    expect(await next.stat()).toMatchObject({ incarnation: 2, seq: 0, trunks: 0 });
    const back = await Trunk.open(next, hello(2, 2), publish(1, segment("a")));
    await back.take("welcome");
    expect(await back.take("published")).toMatchObject({ seq: 1 });
  });
});

describe("RouterTables", () => {
  it("R2 keeps a checkpoint of as many publishers and trunks as the bounds allow", async () => {
    const marks = Array.from({ length: LIMITS.publishersMax }, (_, i) => [instance(i), 2 ** 53 - 1] as const);
    const lastSeqs = Array.from(
      { length: LIMITS.trunksMax },
      () => [crypto.randomUUID() as string, 2 ** 40] as const,
    );
    const ledger = new RouterLedger();
    ledger.received(2 ** 40);
    const counts = ledger.store();
    const checkpoint = { incarnation: 3, seq: 2 ** 40, marks, lastSeqs, counts };
    await runInDurableObject(fresh(), (_: TopicRouter, ctx) => {
      const tables = new RouterTables(ctx.storage);
      tables.apply([{ type: "checkpoint", checkpoint }]);
      expect(tables.load().checkpoint).toEqual(checkpoint);
      tables.apply([{ type: "checkpoint", checkpoint: { ...checkpoint, marks: [], lastSeqs: [] } }]);
      expect(tables.load().checkpoint).toEqual({ ...checkpoint, marks: [], lastSeqs: [] });
      tables.apply([{ type: "checkpointUsed" }]);
      expect(tables.load().checkpoint).toBeUndefined();
    });
  });

  it("R6 keeps a trunk of as many subscriptions as the bounds allow, whatever their bytes", async () => {
    const longest = LIMITS.subscriptionBytesMax / LIMITS.subscriptionsMax;
    const prefixes = Array.from({ length: LIMITS.subscriptionsMax }, (_, i) =>
      `${i}`.padEnd(longest, "\u00ff"),
    ) as never[];
    const terms = { overflow: "block", windowBytes: 1, queueBytes: 2, resume: true } as const;
    const row = { id: "t", instance: instance(255), connection: 2 ** 52, terms, prefixes, lastSeq: 2 ** 40 };
    await runInDurableObject(fresh(), (_: TopicRouter, ctx) => {
      const tables = new RouterTables(ctx.storage);
      tables.apply([{ type: "trunk", row }]);
      expect(tables.load().trunks.find(({ id }) => id === "t")).toEqual(row);
      tables.apply([{ type: "trunkGone", id: "t" }]);
      expect(tables.load().trunks.filter(({ id }) => id === "t")).toEqual([]);
    });
  });
});
