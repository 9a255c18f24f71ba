/** LogWriter in workerd: acceptance, flush, sleep, and crashes between plan, put and done. R2 is counted by listing. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { LogWriter } from "../../durable/log-writer.ts";
import type { ObjectEnv } from "../../durable/env.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { batchOf, lines, writerId } from "../support/log-batch.ts";
import { LogTrunk } from "../support/log-trunk.ts";

/** The logger's objects in R2, in the order of their batches: key and text. */
async function objectsOf({ logger }: LogTrunk): Promise<{ key: string; text: string }[]> {
  const { objects } = await env.LOGS.list();
  const keys = objects.map(({ key }) => key).filter((key) => key.includes(`/${logger}-`));
  const out = keys.map(async (key) => {
    const object = await env.LOGS.get(key);
    return { key, text: gunzipSync(new Uint8Array(await object!.arrayBuffer())).toString() };
  });
  return (await Promise.all(out)).toSorted((a, b) => firstOf(a.key) - firstOf(b.key));
}

const firstOf = (key: string) => Number(/-(\d+)-\d+\.ndjson\.gz$/.exec(key)![1]);

/** Replaces the object's bucket for as long as this memory of it lives. */
async function withBucket(trunk: LogTrunk, put: (...args: Parameters<R2Bucket["put"]>) => Promise<unknown>) {
  await runInDurableObject(trunk.stub, (instance: LogWriter) => {
    const target = instance as unknown as { env: ObjectEnv };
    target.env = { ...target.env, LOGS: { put } as unknown as R2Bucket };
  });
}

/** A crash: memory goes, without warning, and so do the sockets. */
async function crash(trunk: LogTrunk): Promise<void> {
  await runInDurableObject(trunk.stub, (_: LogWriter, ctx) => ctx.abort("crash")).catch(() => undefined);
}

/** Makes the buffered batches as old as a flush by age wants them, and sleeps, so that the object reads it. */
async function makeOld(trunk: LogTrunk): Promise<void> {
  await runInDurableObject(trunk.stub, (_: LogWriter, ctx) => {
    ctx.storage.sql.exec("UPDATE batches SET received_ms = received_ms - ?", LIMITS.logObjectAgeMs);
  });
  await evictDurableObject(trunk.stub);
}

describe("a batch on its way to R2", () => {
  it("[R17] is acknowledged, kept, flushed on request, and leaves the buffer", async () => {
    const trunk = await LogTrunk.open();
    expect(await trunk.ask(trunk.batch(1, lines("a", 10)))).toMatchObject([
      { type: "logAck", last: { number: 1 } },
    ]);
    expect(await trunk.stub.stat()).toMatchObject({ bufferedBatches: 1, objects: 0 });

    expect(await trunk.stub.flush([])).toEqual({ pending: 0 });
    expect(await trunk.stub.stat()).toMatchObject({ bufferedBatches: 0, objects: 1, objectRecords: 10 });
    expect(await objectsOf(trunk)).toEqual([
      {
        key: expect.stringMatching(
          new RegExp(`^logs/conn/date=\\d{4}-\\d\\d-\\d\\d/hour=\\d\\d/${trunk.logger}-1-1\\.ndjson\\.gz$`),
        ) as string,
        text: lines("a", 10),
      },
    ]);
  });

  it("[R36] is flushed by the alarm when it is old enough, and not before", async () => {
    const trunk = await LogTrunk.open();
    await trunk.ask(trunk.batch(1, lines("a", 1)));
    expect(await runDurableObjectAlarm(trunk.stub)).toBe(true);
    expect(await objectsOf(trunk)).toEqual([]);

    await makeOld(trunk);
    expect(await runDurableObjectAlarm(trunk.stub)).toBe(true);
    expect((await objectsOf(trunk)).map(({ text }) => text)).toEqual([lines("a", 1)]);
    expect(await trunk.stub.stat()).toMatchObject({ bufferedBatches: 0 });
    expect(await runDurableObjectAlarm(trunk.stub)).toBe(false);
  });

  it("[R17] is answered as a repeat over the same socket after sleep, and as a conflict when it differs", async () => {
    const trunk = await LogTrunk.open();
    const [first, second] = [trunk.batch(1, lines("a", 1)), trunk.batch(2, lines("b", 1))];
    await trunk.ask(first, second);
    await evictDurableObject(trunk.stub);
    const other = trunk.batch(2, lines("c", 1));
    expect(await trunk.ask(second, first, other, trunk.batch(9, lines("d", 1)))).toMatchObject([
      { type: "logAck", last: { number: 2, hash: second.hash } },
      { type: "logAck", last: { number: 2 } },
      { type: "logRefused", code: "conflict", number: 2, last: { number: 2, hash: second.hash } },
      { type: "logRefused", code: "expected", number: 9, last: { number: 2 } },
    ]);
    expect(await trunk.stub.stat()).toMatchObject({ bufferedBatches: 2, writers: 1 });
  });

  it("makes one object of consecutive batches of a stream, members as they were sent, with their lengths", async () => {
    const trunk = await LogTrunk.open();
    const range = { source: "file", from: 0, to: 9 };
    const batches = [
      trunk.batch(1, lines("a", 2), { range }),
      trunk.batch(2, lines("b", 2), { stream: "dns" }),
      trunk.batch(3, lines("c", 2)),
      trunk.batch(1, lines("d", 2), { writer: writerId(2) }),
    ];
    await trunk.ask(...batches);
    await trunk.stub.flush(["conn"]);
    expect((await objectsOf(trunk)).map(({ text }) => text)).toEqual([
      lines("a", 2) + lines("c", 2) + lines("d", 2),
    ]);
    const [object] = await objectsOf(trunk);
    const head = await env.LOGS.head(object!.key);
    expect(head?.customMetadata).toEqual({
      records: "6",
      batches: "3",
      members: [0, 2, 3].map((i) => batches[i]!.bytes.length).join(","),
    });
    await trunk.stub.flush([]);
    expect(await objectsOf(trunk)).toHaveLength(2);
  });
});

describe("L-3 a file", () => {
  it("is parts of chunks as they were sent, in their order over a crash, with the time of the first in the key", async () => {
    let trunk = await LogTrunk.open();
    const path = `${trunk.logger}/a b.bin`;
    const chunk = (number: number, bytes: number[]) =>
      trunk.batch(number, "x\n", { stream: `files/${path}`, bytes: Uint8Array.from(bytes) });
    await trunk.ask(chunk(1, [0, 255]), chunk(2, [10]));
    await crash(trunk);
    trunk = await LogTrunk.open(trunk.logger);
    expect(await trunk.ask(chunk(2, [10]), chunk(3, [7]))).toMatchObject([
      { type: "logAck", last: { number: 2 } },
      { type: "logAck", last: { number: 3 } },
    ]);
    const { entries } = await trunk.stub.manifest(`files/${path}`, undefined);
    const since = entries[0]!.sinceMs;
    await trunk.stub.flush([`files/${path}`]);
    await trunk.ask(chunk(4, [9]));
    await trunk.stub.flush([]);
    const { objects } = await env.LOGS.list({ prefix: `files/${path}/` });
    expect(objects[0]!.key).toBe(`files/${path}/${since}-${trunk.logger}-1-3`);
    const parts = await Promise.all(objects.map(async ({ key }) => env.LOGS.get(key)));
    expect(parts.map((part) => part!.httpMetadata?.contentType)).toEqual(
      Array.from({ length: 2 }, () => "application/octet-stream"),
    );
    const bytes = await Promise.all(
      parts.map(async (part) => [...new Uint8Array(await part!.arrayBuffer())]),
    );
    expect(bytes).toEqual([[0, 255, 10, 7], [9]]);
  });
});

describe("[R20] a crash of the logger", () => {
  it("after the acknowledgement loses nothing", async () => {
    const trunk = await LogTrunk.open();
    await trunk.ask(trunk.batch(1, lines("a", 3)));
    await crash(trunk);
    expect(await trunk.stub.flush([])).toEqual({ pending: 0 });
    expect((await objectsOf(trunk)).map(({ text }) => text)).toEqual([lines("a", 3)]);
  });

  it("between plan and put ends in one object of the plan's bytes, whatever came since", async () => {
    let trunk = await LogTrunk.open();
    await trunk.ask(trunk.batch(1, lines("a", 1)));
    await withBucket(trunk, async () => new Promise(() => undefined));
    void trunk.stub.flush([]).catch(() => undefined);
    await expect.poll(async () => trunk.stub.stat()).toMatchObject({ plannedObjects: 1 });
    await trunk.ask(trunk.batch(2, lines("b", 1)));
    expect(await trunk.stub.stat()).toMatchObject({ plannedObjects: 1, bufferedBatches: 2 });
    await crash(trunk);
    expect(await objectsOf(trunk)).toEqual([]);

    trunk = await LogTrunk.open(trunk.logger);
    await trunk.ask(trunk.batch(3, lines("c", 1)));
    expect(await trunk.stub.flush([])).toEqual({ pending: 0 });
    expect((await objectsOf(trunk)).map(({ text }) => text)).toEqual([
      lines("a", 1),
      lines("b", 1) + lines("c", 1),
    ]);
  });

  it("between put and done puts the same object again; the alarm does it alone", async () => {
    const trunk = await LogTrunk.open();
    await trunk.ask(trunk.batch(1, lines("a", 1)));
    await withBucket(trunk, async (...args) => {
      await env.LOGS.put(...args);
      return new Promise(() => undefined);
    });
    void trunk.stub.flush([]).catch(() => undefined);
    await expect.poll(async () => objectsOf(trunk)).toHaveLength(1);
    await crash(trunk);
    expect(await trunk.stub.stat()).toMatchObject({ plannedObjects: 1, objects: 0 });
    expect(await runDurableObjectAlarm(trunk.stub)).toBe(true);
    expect(await trunk.stub.stat()).toMatchObject({ plannedObjects: 0, objects: 1, bufferedBatches: 0 });
    expect((await objectsOf(trunk)).map(({ text }) => text)).toEqual([lines("a", 1)]);
  });

  it("never uses a batch number twice, also when the buffer was empty", async () => {
    let trunk = await LogTrunk.open();
    await trunk.ask(trunk.batch(1, lines("a", 1)));
    await trunk.stub.flush([]);
    await crash(trunk);
    trunk = await LogTrunk.open(trunk.logger);
    await trunk.ask(trunk.batch(2, lines("b", 1)));
    await trunk.stub.flush([]);
    expect((await objectsOf(trunk)).map(({ key }) => firstOf(key))).toEqual([1, 2]);
  });

  it("[R35] in the middle of a commit leaves nothing of it, and the repeat is taken", async () => {
    let trunk = await LogTrunk.open();
    await trunk.ask(trunk.batch(1, lines("a", 1)));
    const sql = async (statement: string) =>
      runInDurableObject(trunk.stub, (_: LogWriter, ctx) => void ctx.storage.sql.exec(statement));
    await sql("CREATE TRIGGER broken BEFORE INSERT ON marks BEGIN SELECT RAISE(ABORT, 'broken'); END");
    const second = trunk.batch(2, lines("b", 1));
    trunk.send(second);
    await trunk.whenClosed();
    await sql("DROP TRIGGER broken");
    expect(await trunk.stub.stat()).toMatchObject({ bufferedBatches: 1 });
    trunk = await LogTrunk.open(trunk.logger);
    expect(await trunk.ask(second)).toMatchObject([{ type: "logAck", last: { number: 2 } }]);
  });
});

describe("R2 that fails", () => {
  it("is tried again, and a flush says what is pending", async () => {
    const trunk = await LogTrunk.open();
    await trunk.ask(trunk.batch(1, lines("a", 1)));
    let failures = 0;
    await withBucket(trunk, async (...args) => {
      if (++failures < 3) throw new Error("no");
      return env.LOGS.put(...args);
    });
    const flushed = trunk.stub.flush([]);
    await expect.poll(() => failures).toBe(1);
    void trunk.stub.flush(["conn"]);
    await expect.poll(() => failures).toBe(2);
    void trunk.stub.flush(["conn"]);
    expect(await flushed).toEqual({ pending: 0 });
    expect(await objectsOf(trunk)).toHaveLength(1);
  });
});

describe("a trunk", () => {
  it("[R37] begins with hello, and refuses versions that it does not speak", async () => {
    const silent = await LogTrunk.connect();
    silent.send(silent.batch(1, lines("a", 1)));
    expect(await silent.next()).toMatchObject({ type: "error", code: "invalid_message" });
    expect(await silent.whenClosed()).toEqual({ code: 1008, reason: "invalid_message" });

    const future = await LogTrunk.connect();
    future.send({ type: "hello", versions: [7, 9], instance: writerId(1), connection: 1, options: {} });
    expect(await future.next()).toMatchObject({ type: "error", code: "version_unsupported" });
    expect(await future.whenClosed()).toMatchObject({ code: 1002 });
  });

  it("refuses text, frames for routers, and batches for another logger; others notice nothing", async () => {
    const good = await LogTrunk.open();
    const text = await LogTrunk.open(good.logger);
    text.sendText("hello");
    expect(await text.whenClosed()).toEqual({ code: 1008, reason: "invalid_message" });
    const router = await LogTrunk.open(good.logger);
    router.send({ type: "publish", seq: 1, repeat: false, segments: [] });
    expect(await router.whenClosed()).toEqual({ code: 1008, reason: "invalid_message" });
    const other = await LogTrunk.open(good.logger);
    other.send(batchOf(lines("a", 1), { logger: "another" }));
    expect(await other.whenClosed()).toEqual({ code: 1008, reason: "unknown_logger" });
    expect(await good.ask({ type: "ping", id: 4 })).toEqual([{ type: "pong", id: 4 }]);
  });

  it("is closed from both sides, also without a code", async () => {
    const trunk = await LogTrunk.open();
    trunk.close(4001, "bye");
    expect(await trunk.whenClosed()).toEqual({ code: 4001, reason: "bye" });
  });

  it("is asked for by an upgrade only", async () => {
    const { stub } = await LogTrunk.connect();
    const response = await stub.fetch("https://fabric/trunk");
    expect(response.status).toBe(426);
  });
});
