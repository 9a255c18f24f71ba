/** Log streams of a client, over loggers in memory. */
import { gunzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { count, type Value } from "../../../src/data/value.ts";
import { LogDelivery } from "../../../src/sdk/log-delivery.ts";
import { LogStreams } from "../../../src/sdk/log-streams.ts";
import { LogConnection } from "../../support/log-connection.ts";

const LOGGING = {
  prefix: "zeek/logs/",
  isRoundRobin: true,
  nodes: ["a", "b"].map((name) => ({ name, topic: `node/${name}/`, isRemote: false })),
};

function bench(logging = LOGGING) {
  const port = new LogConnection(["a", "b"], logging);
  const logs = new LogStreams(port);
  return { port: port.open(), logs };
}

const linesOf = ({ taken }: LogConnection) =>
  taken.flatMap(({ bytes }) => gunzipSync(bytes).toString().split("\n").slice(0, -1));

/** A record whose line has this many bytes. */
const recordOf = (bytes: number) => ({ x: "y".repeat(bytes - '{"x":""}'.length) });

describe("log streams of a client", () => {
  it("send 400 records by themselves, spread over the loggers, and fewer after a second", async () => {
    const { port, logs } = bench();
    for (let n = 1; n < LIMITS.logFlushRecords; n++) logs.write("conn", { n: count(n) });
    await new Promise(setImmediate);
    expect(port.taken).toEqual([]);
    logs.write("conn", { n: count(LIMITS.logFlushRecords) });
    await vi.waitFor(() => expect(port.taken).toHaveLength(2));
    expect(port.taken.map(({ logger, records }) => [logger, records])).toEqual([
      ["a", 200],
      ["b", 200],
    ]);
    logs.write("conn", { n: count(0) });
    await vi.waitFor(() => expect(port.taken).toHaveLength(3), 5 * LIMITS.logFlushMs);
  });

  it("write what is set, as Zeek's JSON logs do; the path is the module of the id", async () => {
    const { port, logs } = bench();
    logs.write("Conn::LOG", { n: count(1), s: "é", unset: null });
    await logs.flush();
    expect(port.taken[0]).toMatchObject({ stream: "conn", records: 1 });
    expect(linesOf(port)).toEqual(['{"n":1,"s":"é"}']);
  });

  it("[A49] raise their event where a record is written, also while nothing is sent; [A45] off sends nothing", async () => {
    const { port, logs } = bench();
    const event = vi.fn();
    const stream = logs.stream("s", { event, remote: false });
    stream.write({ n: count(1) });
    await stream.flush();
    expect(event).toHaveBeenCalledWith({ n: count(1) });
    expect([port.taken, port.published]).toEqual([[], []]);
    await stream.close();
    expect(() => stream.write({})).toThrow(expect.objectContaining({ code: "shutting_down" }));
  });

  it("L-2 name the columns of all that is sent together ahead of it; what a record lacks is not set", async () => {
    const { port, logs } = bench();
    logs.logTopic = () => "site/logs";
    logs.write("s", { a: "1" });
    logs.write("s", { b: "2" });
    await logs.flush();
    expect(port.published.map(({ topic, name }) => [topic, name])).toEqual([
      ["site/logs", "Broker::log_create"],
      ["site/logs", "Broker::log_write"],
      ["site/logs", "Broker::log_write"],
    ]);
    const values = port.published.map(({ args }) => args[2] as Value & { elements: readonly Value[] });
    expect(values.map(({ elements }) => elements.map(({ type }) => type))).toEqual([
      ["string", "string"],
      ["string", "none"],
      ["none", "string"],
    ]);
    expect(port.taken).toEqual([]);
  });

  it("bounds: a record may have the bytes of one, and all that waits the bytes of all", async () => {
    const { port, logs } = bench();
    port.lose();
    expect(() => logs.write("s", recordOf(LIMITS.logRecordBytesMax + 1))).toThrow(
      expect.objectContaining({ code: "too_large" }),
    );
    logs.write("s", recordOf(LIMITS.logRecordBytesMax));
    const rest = LIMITS.logHeldBytesMax - LIMITS.logRecordBytesMax;
    const some = 512 * 1024;
    for (let held = 0; held + some <= rest; held += some) logs.write("s", recordOf(some));
    logs.write("s", recordOf(rest % some));
    expect(() => logs.write("s", {})).toThrow(expect.objectContaining({ code: "publisher_too_fast" }));
    port.open();
    await logs.flush();
    expect(linesOf(port)).toHaveLength(Math.floor(rest / some) + 2);
    logs.write("s", {});
  });

  it("what is refused for good is counted and told; what is written later goes its way", async () => {
    const { port, logs } = bench({ ...LOGGING, nodes: LOGGING.nodes.slice(0, 1) });
    port.refuses = () => "forbidden";
    logs.write("s", { n: count(1) });
    logs.write("s", { n: count(2) });
    await expect(logs.flush()).rejects.toMatchObject({ code: "forbidden" });
    expect(logs.dropped).toBe(2);
    port.refuses = () => undefined;
    await logs.flush();
    logs.write("s", { n: count(3) });
    await logs.flush();
    expect([linesOf(port), logs.dropped]).toEqual([['{"n":3}'], 2]);
  });

  it("a flush ends with the client", async () => {
    const { port, logs } = bench();
    port.refuses = () => "unavailable";
    logs.write("s", {});
    const flushed = logs.flush();
    const refused = vi.fn();
    port.on("logRefused", refused);
    await vi.waitFor(() => expect(refused).toHaveBeenCalled());
    port.end();
    await expect(flushed).rejects.toMatchObject({ code: "unavailable" });
    logs.write("s", {});
    await expect(logs.flush()).rejects.toMatchObject({ code: "unavailable" });
    expect(logs.dropped).toBe(2);
  });
});

describe("the writer behind them", () => {
  it("[R18] is the same for all batches of a life, and another one when it has become old", async () => {
    const port = new LogConnection(["a"], LOGGING).open();
    const delivery = new LogDelivery(port);
    const send = async (nowMs: number) => {
      port.nowMs = nowMs;
      await delivery.send([{ stream: "s", lines: ["{}"] }], nowMs);
      await delivery.settled();
    };
    const start = Date.now();
    for (const ms of [0, LIMITS.logLifeMs, LIMITS.logLifeMs + 1]) await send(start + ms);
    const [first, second, third] = port.taken.map(({ writer, number }) => ({ writer, number }));
    expect([first!.number, second, third!.number]).toEqual([1, { ...first!, number: 2 }, 1]);
    expect(third!.writer).not.toBe(first!.writer);
    expect(LIMITS.logLifeMs).toBeLessThan(LIMITS.logBirthAgeMsMax);
  });

  it("lines that do not compress are cut until they fit a batch", async () => {
    const port = new LogConnection(["a"], LOGGING).open();
    const delivery = new LogDelivery(port);
    const noise = () => Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("latin1");
    const lines = Array.from({ length: 20 }, () => JSON.stringify({ x: noise() }));
    await delivery.send([{ stream: "s", lines }], Date.now());
    await delivery.settled();
    expect(port.taken.length).toBeGreaterThan(1);
    expect(port.taken.every(({ bytes }) => bytes.length <= LIMITS.logBatchBytesMax)).toBe(true);
    expect(linesOf(port)).toEqual(lines);
  });
});
