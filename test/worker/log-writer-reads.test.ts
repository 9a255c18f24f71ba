/** Readers of logs in workerd: manifest, records and flush over HTTP answers, while batches move to R2. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { constants, gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { LogWriter } from "../../durable/log-writer.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { Grant } from "../../src/protocol/grant.ts";
import { flushLogs, listLogs, readLogRecords, statLogs } from "../../src/worker/logs-routes.ts";
import { lines, writerId } from "../support/log-batch.ts";
import { LogTrunk } from "../support/log-trunk.ts";

const ALL: Grant = {
  publish: [],
  subscribe: [],
  logs: ["*"],
  name: undefined,
  nodeType: undefined,
  admin: true,
  peer: false,
};

/** An environment whose layout has just these loggers. */
const envOf = (...trunks: LogTrunk[]) => ({
  ...env,
  LAYOUT: JSON.stringify({ loggers: trunks.map(({ logger }) => ({ name: logger })) }),
});

const textOf = async (response: Response) =>
  gunzipSync(new Uint8Array(await response.arrayBuffer())).toString();

interface Listed {
  readonly stream: string;
  readonly key: string | null;
  readonly logger: string;
  readonly records: number;
  readonly bytes: number;
  readonly buffered: boolean;
}

describe("GET /v1/logs", () => {
  it("lists objects and buffered batches of all loggers, with records and bytes", async () => {
    const [one, two] = [await LogTrunk.open(), await LogTrunk.open()];
    const batches = [one.batch(1, lines("a", 3)), one.batch(2, lines("b", 4)), two.batch(1, lines("c", 5))];
    await one.ask(batches[0]!);
    await one.stub.flush([]);
    await one.ask(batches[1]!);
    await two.ask(batches[2]!, two.batch(2, lines("d", 1), { stream: "dns" }));
    const response = listLogs(envOf(one, two), ALL);
    expect(response.headers.get("content-type")).toBe("application/json");
    const listed = (await response.json()) as Listed[];
    expect(
      listed.map(({ stream, logger, records, buffered }) => [logger, stream, records, buffered]),
    ).toEqual([
      [one.logger, "conn", 3, false],
      [one.logger, "conn", 4, true],
      [two.logger, "conn", 5, true],
      [two.logger, "dns", 1, true],
    ]);
    expect(listed.slice(0, 3).map(({ bytes }) => bytes)).toEqual(batches.map(({ bytes }) => bytes.length));
    expect(listed.map(({ key }) => key === null)).toEqual([false, true, true, true]);
    expect(await env.LOGS.head(listed[0]!.key!)).toMatchObject({ size: listed[0]!.bytes });
  });

  it("is an empty array when there is nothing, and shows only granted streams", async () => {
    const trunk = await LogTrunk.open();
    expect(await listLogs(envOf(trunk), ALL).json()).toEqual([]);
    await trunk.ask(trunk.batch(1, lines("a", 1)), trunk.batch(2, lines("b", 1), { stream: "dns" }));
    const listed = (await listLogs(envOf(trunk), { ...ALL, logs: ["dns"] }).json()) as Listed[];
    expect(listed.map(({ stream }) => stream)).toEqual(["dns"]);
  });

  it("pages objects past logReadUnitsMax without a hole", async () => {
    const trunk = await LogTrunk.open();
    const count = LIMITS.logReadUnitsMax + 1;
    await runInDurableObject(trunk.stub, (_: LogWriter, { storage }) => {
      for (let n = 1; n <= count; n++) {
        storage.sql.exec(
          `INSERT INTO objects (stream, first, last, done, key, hour_ms, length, records, hash, members)
           VALUES ('conn', ?1, ?1, 1, ?2, 0, 9, 1, x'00', ?3)`,
          n,
          `k${n}`,
          JSON.stringify([[n, 9, 1]]),
        );
      }
      storage.sql.exec("INSERT INTO counters VALUES ('last_id', ?)", count);
    });
    await evictDurableObject(trunk.stub);
    await trunk.ask(trunk.batch(1, lines("a", 1)), trunk.batch(2, lines("b", 1), { stream: "dns" }));

    const page = await trunk.stub.manifest("conn", undefined);
    expect(page.entries).toHaveLength(LIMITS.logReadUnitsMax);
    const listed = (await listLogs(envOf(trunk), ALL).json()) as Listed[];
    const keys = Array.from({ length: count }, (_, i) => `k${i + 1}`);
    expect(listed.map(({ key }) => key)).toEqual([...keys, null, null]);

    const units = await trunk.stub.read("conn", 0, count + 1);
    const rest = await trunk.stub.read("conn", units.at(-1)!.last, count + 1);
    expect([...units, ...rest].map((unit) => (unit.type === "object" ? unit.key : unit.last))).toEqual([
      ...keys,
      count + 1,
    ]);
  });
});

describe("GET /v1/logs/:stream/records", () => {
  it("gives objects and then buffered batches of every logger, each record once", async () => {
    const [one, two] = [await LogTrunk.open(), await LogTrunk.open()];
    await one.ask(one.batch(1, lines("a", 2)), one.batch(2, lines("x", 2), { stream: "dns" }));
    await one.stub.flush(["conn"]);
    await one.ask(one.batch(3, lines("b", 2)));
    await two.ask(two.batch(1, lines("c", 2)));
    const response = await readLogRecords(envOf(one, two), ALL, "conn");
    expect(response.headers.get("content-type")).toBe("application/gzip");
    expect(await textOf(response)).toBe(lines("a", 2) + lines("b", 2) + lines("c", 2));
  });

  it("[R20] gives every record once while batches become objects between its reads", async () => {
    const trunk = await LogTrunk.open();
    // Stored, so that each batch is half of what one answer holds.
    const text = (tag: string) => `${tag.repeat(LIMITS.logBatchBytesMax / 2 - 100)}\n`;
    const big = (number: number, tag: string) => {
      const bytes = new Uint8Array(gzipSync(text(tag), { level: constants.Z_NO_COMPRESSION }));
      return trunk.batch(number, text(tag), { bytes });
    };
    const count = 12;
    for (let n = 1; n <= count; n++) await trunk.ask(big(n, String.fromCharCode(96 + n)));
    const { lastId } = await trunk.stub.stat();
    let after = 0;
    const parts: Uint8Array[] = [];
    for (let calls = 0; ; calls++) {
      const units = await trunk.stub.read("conn", after, lastId);
      if (units.length === 0) break;
      for (const unit of units) {
        after = unit.last;
        if (unit.type === "batches") {
          expect(unit.bytes.length).toBeLessThanOrEqual(LIMITS.logReadBytesMax);
          parts.push(unit.bytes);
        } else {
          const { offset, length } = unit;
          const object = await env.LOGS.get(unit.key, { range: { offset, length } });
          parts.push(new Uint8Array(await object!.arrayBuffer()));
        }
      }
      // The first answer was batches; from here on the rest of them stand in an object.
      if (calls === 0) {
        expect(units.map(({ type }) => type)).toEqual(["batches"]);
        await trunk.stub.flush([]);
        await trunk.ask(trunk.batch(count + 1, lines("late", 1)));
      }
    }
    const all = gunzipSync(Buffer.concat(parts)).toString();
    expect(all).toBe(Array.from({ length: count }, (_, i) => text(String.fromCharCode(97 + i))).join(""));
  });

  it("refuses a stream that is not granted, a name that is none, and one that has nothing", async () => {
    const trunk = await LogTrunk.open();
    const codeOf = async (grant: Grant, name: string) =>
      readLogRecords(envOf(trunk), grant, name).then(
        () => "ok",
        (error: { code: string }) => error.code,
      );
    expect(await codeOf({ ...ALL, logs: ["dns"] }, "conn")).toBe("forbidden");
    expect(await codeOf(ALL, "../conn")).toBe("invalid_data");
    expect(await codeOf(ALL, "conn")).toBe("not_found");
  });
});

describe("POST /v1/logs/flush and GET /v1/logs/stat", () => {
  it("brings the named streams to R2, and all of them for an operator", async () => {
    const trunk = await LogTrunk.open();
    await trunk.ask(
      trunk.batch(1, lines("a", 1)),
      trunk.batch(2, lines("b", 1), { stream: "dns" }),
      trunk.batch(1, lines("c", 1), { stream: "http", writer: writerId(2) }),
    );
    const writer: Grant = { ...ALL, logs: ["conn", "dns"], admin: false };
    const codeOf = async (grant: Grant, streams: string[]) =>
      flushLogs(envOf(trunk), grant, streams).then(
        async (response) => response.json(),
        (error: { code: string }) => error.code,
      );
    expect(await codeOf(writer, [])).toBe("forbidden");
    expect(await codeOf(writer, ["conn", "http"])).toBe("forbidden");
    expect(await codeOf(writer, ["conn"])).toEqual({ pending: 0 });
    const stat = async () => (await statLogs(envOf(trunk), ALL)).json();
    expect(await stat()).toMatchObject([
      { logger: trunk.logger, objects: 1, bufferedBatches: 2, writers: 2 },
    ]);
    expect(await codeOf(ALL, [])).toEqual({ pending: 0 });
    expect(await stat()).toMatchObject([{ objects: 3, objectRecords: 3, bufferedBatches: 0 }]);
    await expect(statLogs(envOf(trunk), { ...ALL, logs: [], admin: false })).rejects.toMatchObject({
      code: "forbidden",
    });
  });

  it("asks a logger once for up to flushStreamsMax streams, each counted once", async () => {
    const trunk = await LogTrunk.open();
    await trunk.ask(trunk.batch(1, lines("a", 1)));
    const calls: number[] = [];
    const counting = {
      getByName: (name: string) => ({
        flush: async (streams: readonly string[]) => {
          calls.push(streams.length);
          return env.LOGGER.getByName(name).flush(streams);
        },
      }),
    } as unknown as typeof env.LOGGER;
    const counted = { ...envOf(trunk), LOGGER: counting };
    const many = (count: number) => Array.from({ length: count }, (_, i) => `s${i}`);
    const at = many(LIMITS.flushStreamsMax);
    expect((await flushLogs(counted, ALL, [...at, ...at])).status).toBe(200);
    await expect(flushLogs(counted, ALL, many(at.length + 1))).rejects.toMatchObject({
      code: "too_many",
    });
    expect(calls).toEqual([at.length]);
  });

  it("says unavailable when a logger restarts meanwhile", async () => {
    const trunk = await LogTrunk.open();
    await trunk.ask(trunk.batch(1, lines("a", 1)));
    await runInDurableObject(trunk.stub, (instance: LogWriter) => {
      const put = async () => new Promise(() => undefined);
      Object.assign(instance, { env: { ...env, LOGS: { put } } });
    });
    const flushed = flushLogs(envOf(trunk), ALL, []);
    const refused = expect(flushed).rejects.toMatchObject({ code: "unavailable" });
    await expect.poll(async () => trunk.stub.stat()).toMatchObject({ plannedObjects: 1 });
    await runInDurableObject(trunk.stub, (_: LogWriter, ctx) => ctx.abort("crash")).catch(() => undefined);
    await refused;
    expect(await (await flushLogs(envOf(trunk), ALL, [])).json()).toEqual({ pending: 0 });
  });
});
