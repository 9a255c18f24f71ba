/** Retention in workerd: kept rows in real SQLite over sleep, crash and expiry, and readers that come back to them. */
import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { ObjectEnv } from "../../durable/env.ts";
import { KeptTables } from "../../durable/kept-tables.ts";
import { RouterTables } from "../../durable/router-tables.ts";
import type { TopicRouter } from "../../durable/topic-router.ts";
import { encodeSequenced } from "../../src/protocol/frame-codec.ts";
import type { FrameOf, Position } from "../../src/protocol/frame.ts";
import { parsePrefix } from "../../src/protocol/topic.ts";
import { tableVersion } from "../../src/routing/placement.ts";
import { LOG_IDS, type KeptRow } from "../../src/routing/kept.ts";
import { deployedLayout } from "../../src/site/deployed.ts";
import { hello as helloOf, instance, publish, segment, subscribe, textsOf } from "../support/router-rig.ts";
import { Trunk } from "../support/router-trunk.ts";

const table = tableVersion(deployedLayout((env as ObjectEnv).LAYOUT).routers);
let tests = 0;

/** A storage of its own, with the tables of a router. */
const withTables = <T>(act: (tables: RouterTables, ctx: DurableObjectState) => T) => {
  return runInDurableObject(env.ROUTER.getByName(`tables-${++tests}`), (_: TopicRouter, ctx) =>
    act(new RouterTables(ctx.storage), ctx),
  );
};

const row = (id: number, more: Partial<KeptRow> = {}): KeptRow => ({
  id: LOG_IDS + id,
  incarnation: 2,
  last: 10 * (id + 1),
  timeMs: 1_700_000_000_000 + id,
  eventsEnd: id + 1,
  bytesEnd: 100 * (id + 1),
  frames: new Uint8Array(
    encodeSequenced([{ seq: 10 * (id + 1), publisher: instance(1), publisherSeq: id, segments: [] }]),
  ),
  ...more,
});
const prefix = parsePrefix("k/\u00ff");

describe("KeptTables", () => {
  it("R10 keeps rows, finds them by id, and drops them from the front", async () => {
    await withTables((tables) => {
      tables.apply([
        { type: "log", number: 1, prefix },
        ...[0, 1, 2, 3].map((id) => ({ type: "keep" as const, row: row(id) })),
      ]);
      expect(tables.load().logs).toEqual([
        { number: 1, prefix, expired: undefined, first: LOG_IDS, next: LOG_IDS + 4 },
      ]);
      const { frames: _, ...head } = row(2);
      expect(tables.kept.head(LOG_IDS + 2)).toEqual(head);
      expect(tables.kept.rows(LOG_IDS + 1, LOG_IDS + 3, 1e6)).toEqual([row(1), row(2)]);
      expect(tables.kept.rows(LOG_IDS + 1, LOG_IDS + 4, 0)).toEqual([row(1)]);
      const expired = { incarnation: 2, seq: 20 };
      tables.apply([{ type: "expire", number: 1, through: LOG_IDS + 1, expired }]);
      expect(tables.load().logs).toEqual([
        { number: 1, prefix, expired, first: LOG_IDS + 2, next: LOG_IDS + 4 },
      ]);
      tables.apply([{ type: "logGone", number: 1 }]);
      expect(tables.load().logs).toEqual([]);
    });
  });

  it("keeps a row of as many bytes as a publish may have, and drops all of it", async () => {
    await withTables((tables, ctx) => {
      const frames = new Uint8Array(14 * 1024 * 1024).map((_, i) => i % 251);
      tables.apply([
        { type: "log", number: 1, prefix },
        { type: "keep", row: row(0, { frames }) },
        { type: "keep", row: row(1) },
      ]);
      const [first] = tables.kept.rows(LOG_IDS, LOG_IDS + 2, 1);
      expect(Buffer.compare(first!.frames, frames)).toBe(0);
      tables.apply([{ type: "expire", number: 1, through: LOG_IDS, expired: { incarnation: 2, seq: 10 } }]);
      expect([...ctx.storage.sql.exec("SELECT * FROM kept_more")]).toEqual([]);
      expect(tables.load().logs).toMatchObject([{ first: LOG_IDS + 1 }]);
    });
  });

  it("a commit writes one row, and a look-up reads few", async () => {
    await withTables((tables, ctx) => {
      tables.apply([{ type: "log", number: 1, prefix }]);
      const written = ctx.storage.sql.exec("INSERT INTO kept VALUES (1, 1, 1, 1, 1, 1, 1, x'80')");
      expect(written.rowsWritten).toBe(1);
      expect(new KeptTables(ctx.storage.sql).logs()).toHaveLength(1);
    });
  });

  it("R2 a used checkpoint is none, but its marks stay", async () => {
    await withTables((tables) => {
      const checkpoint = { incarnation: 1, seq: 5, marks: [[instance(1), 7] as const], lastSeqs: [] };
      tables.apply([{ type: "checkpoint", checkpoint }]);
      expect(tables.load()).toMatchObject({ checkpoint, marks: undefined });
      tables.apply([{ type: "checkpointUsed" }]);
      expect(tables.load()).toMatchObject({ checkpoint: undefined, marks: checkpoint });
      tables.apply([{ type: "marks", checkpoint: { ...checkpoint, seq: 9 } }]);
      expect(tables.load()).toMatchObject({ checkpoint: undefined, marks: { seq: 9 } });
    });
  });
});

/** The layout of the worker tests (vitest.config.ts) has routers of these names, and keeps what is under "kept/". */
let names = 0;
const stubOf = () => env.ROUTER.getByName(`kept-${names}`);
const stream = () => `kept-${names}+kept/`;
const resuming = (n: number, connection: number) => helloOf(n, connection, table, { resume: true });

async function reader(connection: number, at?: Position): Promise<Trunk> {
  const positions = at === undefined ? [] : [at];
  const trunk = await Trunk.open(stubOf(), resuming(1, connection), subscribe(["kept/"], 1, positions));
  await trunk.take("welcome");
  await trunk.take("subscribed");
  return trunk;
}

async function said(connection: number, from: number, to: number): Promise<Trunk> {
  const trunk = await Trunk.open(stubOf(), helloOf(2, connection, table));
  await trunk.take("welcome");
  for (let seq = from; seq <= to; seq++) trunk.send(publish(seq, segment("kept/a", `${seq}`)));
  while ((await trunk.take("published")).seq < to);
  return trunk;
}

/** Everything up to the frame that says that the reader is live again. */
async function recovered(trunk: Trunk): Promise<{ texts: string[]; end: FrameOf<"recovered"> }> {
  const texts: string[] = [];
  for (;;) {
    const frame = await trunk.next();
    if (frame.type === "recovered") return { texts, end: frame };
    if (frame.type === "deliver") texts.push(...textsOf(frame));
  }
}

describe("TopicRouter with retention", () => {
  it("R11 a reader gets what it missed, over a crash of the router, once and in order", async () => {
    names++;
    const first = await reader(1);
    await said(1, 1, 3);
    const got = await first.take("deliver");
    const at = { router: stream(), incarnation: got.incarnation, seq: got.frames.at(-1)!.seq };
    first.close();
    await abortAllDurableObjects();
    await said(2, 4, 6);
    await abortAllDurableObjects();
    const again = await reader(2, at);
    const { texts, end } = await recovered(again);
    expect([...textsOf(got), ...texts]).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(end).toMatchObject({ complete: true, position: { router: stream() } });
    await said(3, 7, 7);
    expect(textsOf(await again.take("deliver"))).toEqual(["7"]);
  });

  it("R5 a publish that was stored is not stored again when it is sent again after a crash", async () => {
    names++;
    await said(1, 1, 2);
    await abortAllDurableObjects();
    await said(2, 1, 3);
    const { texts } = await recovered(await reader(1, { router: stream(), incarnation: 1, seq: 0 }));
    expect(texts).toEqual(["1", "2", "3"]);
  });

  it("R3 R11 sleep changes nothing for a reader of kept events, and what has expired goes with the alarm", async () => {
    names++;
    const live = await reader(1);
    const writer = await said(1, 1, 1);
    await live.take("deliver");
    const checkpoint = () =>
      runInDurableObject(stubOf(), (_: TopicRouter, ctx) => new RouterTables(ctx.storage).load().checkpoint);
    await expect.poll(checkpoint, { timeout: 10_000, interval: 100 }).toBeDefined();
    await evictDurableObject(stubOf());
    writer.send(publish(2, segment("kept/a", "2")));
    expect(await live.take("deliver")).toMatchObject({ prev: 1, frames: [{ seq: 2 }] });
    await expect.poll(checkpoint, { timeout: 10_000, interval: 100 }).toBeDefined();
    await runInDurableObject(stubOf(), (_: TopicRouter, ctx) => {
      ctx.storage.sql.exec("UPDATE kept SET time = 1");
    });
    await evictDurableObject(stubOf());
    expect(await runDurableObjectAlarm(stubOf())).toBe(true);
    const logs = await runInDurableObject(
      stubOf(),
      (_: TopicRouter, ctx) => new RouterTables(ctx.storage).load().logs,
    );
    expect(logs).toMatchObject([{ expired: { incarnation: 1, seq: 2 }, first: LOG_IDS, next: LOG_IDS }]);
  });
});
