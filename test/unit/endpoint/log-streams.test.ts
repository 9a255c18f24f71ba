/** Log streams: remote logging, its topics, and log events. */
import { describe, expect, test } from "vitest";
import { count, none, string } from "../../../src/data/value.ts";
import { Endpoint } from "../../../src/endpoint/endpoint.ts";
import type { LogRecord } from "../../../src/endpoint/log-streams.ts";
import { Endpoints, Inbox, join } from "../../support/endpoints.ts";

const columns = ["n", "msg"];

function recordsOf(endpoint: Endpoint): LogRecord[] {
  const records: LogRecord[] = [];
  endpoint.logs.on((record) => records.push(record));
  return records;
}

/** Two endpoints; the second one writes Test::LOG, the first one subscribes to logs. */
async function loggers(all: Endpoints, options: ConstructorParameters<typeof Endpoint>[0] = {}) {
  const [reader, writer] = [all.make(), all.make(options)];
  await join(writer, reader);
  await reader.subscribe("zeek/logs/");
  await reader.subscribe("end");
  writer.logs.create("Test::LOG", { columns });
  const end = new Inbox(reader, "end");
  const ended = async () => {
    writer.publish("end", "end");
    await end.until(1);
  };
  return { reader, writer, records: recordsOf(reader), ended };
}

describe("remote logging", () => {
  test("[A46] who subscribes to the logs of a peer gets its records, with stream, path and columns", async () => {
    await using all = new Endpoints();
    const { writer, records, ended } = await loggers(all);
    writer.logs.write("Test::LOG", { n: count(0), msg: "hello" });
    writer.logs.write("Test::LOG", { n: count(1) });
    await ended();
    const same = { stream: "Test::LOG", path: "test", columns, isRemote: true, topic: "zeek/logs/Test::LOG" };
    expect(records).toEqual([
      { ...same, values: [count(0), string("hello")] },
      { ...same, values: [count(1), none()] },
    ]);
  });

  test("who subscribes after the first records has the columns with the next one", async () => {
    await using all = new Endpoints();
    const [reader, writer] = await all.line(2);
    writer!.logs.create("Test::LOG", { columns });
    writer!.logs.write("Test::LOG", { n: count(0) });
    const records = recordsOf(reader!);
    await reader!.subscribe("zeek/logs/");
    await reader!.subscribe("end");
    const end = new Inbox(reader!, "end");
    writer!.logs.write("Test::LOG", { n: count(1) });
    writer!.publish("end", "end");
    await end.until(1);
    expect(records).toMatchObject([{ columns, values: [count(1), none()] }]);
  });

  test("[A45] off: nothing is sent; on: records arrive", async () => {
    await using all = new Endpoints();
    const { writer, records, ended } = await loggers(all, { remoteLogging: false });
    writer.logs.write("Test::LOG", { n: count(1) });
    expect([writer.logs.enableRemote("Test::LOG"), writer.logs.enableRemote("No::LOG")]).toEqual([
      true,
      false,
    ]);
    writer.logs.write("Test::LOG", { n: count(2) });
    writer.logs.disableRemote("Test::LOG");
    writer.logs.write("Test::LOG", { n: count(3) });
    await ended();
    expect(records.map(({ values: [n] }) => n)).toEqual([count(2)]);
  });

  test("[A49] log events are raised where the record is written, and nowhere else", async () => {
    await using all = new Endpoints();
    const [reader, writer] = await all.line(2);
    const raised: string[] = [];
    for (const [name, endpoint] of Object.entries({ reader: reader!, writer: writer! })) {
      endpoint.logs.create("Test::LOG", { columns, event: () => raised.push(name) });
    }
    const records = recordsOf(reader!);
    const end = new Inbox(reader!, "end");
    await reader!.subscribe("");
    writer!.logs.write("Test::LOG", { n: count(1) });
    writer!.publish("end", "end");
    await end.until(1);
    expect(raised).toEqual(["writer"]);
    expect(records).toHaveLength(1);
  });
});

describe("topics of logs", () => {
  test("[A47] log_topic decides, for each record", async () => {
    await using all = new Endpoints();
    const { reader, writer, records, ended } = await loggers(all, {
      logTopic: (stream, path) => `mine/${path}/${stream}`,
    });
    await reader.subscribe("mine/");
    writer.logs.write("Test::LOG", { n: count(1) });
    writer.logs.logTopic = () => "mine/other";
    writer.logs.write("Test::LOG", { n: count(2) });
    await ended();
    expect(records.map(({ topic, columns: known }) => [topic, known])).toEqual([
      ["mine/test/Test::LOG", columns],
      ["mine/other", columns],
    ]);
  });

  test("[A31][B6] by default a record of an endpoint alone is published below zeek/logs/", async () => {
    await using all = new Endpoints();
    const [reader, writer] = await all.line(2);
    const inbox = new Promise<string>((resolve) => reader!.logs.on(({ topic }) => resolve(topic)));
    await reader!.subscribe("zeek/logs/");
    writer!.logs.create("Conn::LOG", { columns });
    writer!.logs.write("Conn::LOG", {});
    expect(await inbox).toBe("zeek/logs/Conn::LOG");
  });
});

describe("mistakes", () => {
  test("a stream that exists, one that does not, and a column that does not", () => {
    const { logs } = new Endpoint();
    logs.create("Test::LOG", { columns, path: "elsewhere" });
    const refused = (code: string) => expect.objectContaining({ code }) as Error;
    expect(() => logs.create("Test::LOG", { columns })).toThrow(refused("invalid_data"));
    expect(() => logs.write("No::LOG", {})).toThrow(refused("not_found"));
    expect(() => logs.write("Test::LOG", { extra: "x" })).toThrow(refused("invalid_data"));
  });
});
