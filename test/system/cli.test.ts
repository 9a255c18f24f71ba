/** The command line over a running fabric, each command in a process of its own. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../src/base/limits.ts";
import { string } from "../../src/data/value.ts";
import { connect } from "../../src/sdk/index.ts";
import { runCli, startCli, type CliOptions } from "../support/cli.ts";
import { startServe, type ServeProcess } from "../support/fabric.ts";

let fabric: ServeProcess;
beforeAll(async () => {
  fabric = await startServe();
});
afterAll(async () => {
  await fabric.dispose();
});

const run = (args: readonly string[], options: CliOptions = {}) =>
  runCli(args, { ...options, env: { SELVEDGE_URL: fabric.url, ...options.env } });
const start = (args: readonly string[]) => startCli(args, { env: { SELVEDGE_URL: fabric.url } });

const message = (topic: string, name: string) =>
  `{"type":"data-message","topic":"${topic}","@data-type":"vector","data":[{"@data-type":"count","data":1},` +
  `{"@data-type":"count","data":1},{"@data-type":"vector","data":[{"@data-type":"string","data":"${name}"},` +
  `{"@data-type":"vector","data":[]}]}]}`;

describe("pub and sub", () => {
  test("[A3] a bare client endpoint publishes and receives: typed arguments arrive as they were given", async () => {
    const sub = start(["sub", "typed/", "--count", "2"]);
    await sub.until("subscribed");
    const args = ["addr:10.0.0.1", "port:22/tcp", "count:18446744073709551615", "interval:1.5s", "hello"];
    expect(await run(["pub", "typed/scan", "Scan::attempt", ...args])).toMatchObject({
      status: 0,
      stdout: "published 1 event\n",
    });
    await run(["pub", "elsewhere/scan", "Not::this"]);
    await run(["pub", "typed/other", "Other::event"]);
    const { status, stdout } = await sub.done();
    expect(status).toBe(0);
    expect(stdout.split("\n")).toEqual([
      'typed/scan Scan::attempt(10.0.0.1, 22/tcp, 18446744073709551615, 1500ms, "hello")',
      "typed/other Other::event()",
      "",
    ]);
  });

  test("sub --json prints JSON v1 messages, which pub - takes", async () => {
    const sub = start(["sub", "copy/", "again/", "--json", "--count", "3"]);
    await sub.until("subscribed");
    const input = [message("copy/1", "A"), "", message("copy/2", "B")].join("\n");
    const first = await run(["pub", "-", "--json"], { input });
    expect(JSON.parse(first.stdout)).toEqual({ published: 2, refused: 0 });
    await run(["pub", "again/3", "C"]);
    const { stdout } = await sub.done();
    expect(stdout).toBe(
      [message("copy/1", "A"), message("copy/2", "B"), message("again/3", "C"), ""].join("\n"),
    );
  });

  test("a line that is no event is named and skipped, status 3", async () => {
    const { status, stdout, stderr } = await run(["pub", "-"], { input: `{"bad"\n${message("x/1", "A")}\n` });
    expect(status).toBe(3);
    expect(stdout).toBe("published 1 event\n");
    expect(stderr).toContain("stdin:1:");
  });

  test("--repeat publishes so many, in order and without loss", async () => {
    const sub = start(["sub", "many/", "--count", "20000"]);
    await sub.until("subscribed");
    expect((await run(["pub", "many/x", "Many::x", "--repeat", "20000"])).stdout).toBe(
      "published 20000 events\n",
    );
    const { status, stdout } = await sub.done();
    expect(status).toBe(0);
    expect(stdout).toBe("many/x Many::x()\n".repeat(20_000));
  });

  test.each(["SIGINT", "SIGTERM"] as const)("%s ends sub cleanly, status 0", async (signal) => {
    const sub = start(["sub", ""]);
    await sub.until("subscribed");
    sub.signal(signal);
    expect(await sub.done()).toMatchObject({ status: 0, stdout: "" });
  });

  test("one client subscribes and unsubscribes while it runs", async () => {
    const [reader, writer] = await Promise.all([connect(fabric.url), connect(fabric.url)]);
    const seen: string[] = [];
    const note = (event: { topic: string; name: string }) => seen.push(`${event.topic} ${event.name}`);
    const first = await reader.subscribe("run/a", note);
    await reader.subscribe("run/", note);
    writer.publish("run/a", "One", [string("x")]);
    await writer.flush();
    await first.unsubscribe();
    writer.publish("run/a", "Two");
    writer.publish("run/b", "Three");
    await writer.flush();
    const end = Promise.withResolvers<void>();
    await reader.subscribe("end", () => end.resolve());
    writer.publish("end", "End");
    await end.promise;
    expect(seen).toEqual(["run/a One", "run/a One", "run/a Two", "run/b Three"]);
    await Promise.all([reader.close(), writer.close()]);
  });
});

describe("HTTP", () => {
  test("POST /v1/publish takes JSON v1 messages, all or none", async () => {
    const sub = start(["sub", "http/", "--count", "2"]);
    await sub.until("subscribed");
    const post = (body: string) => fetch(`${fabric.url}/v1/publish`, { method: "POST", body });
    const bad = await post(`${message("http/1", "A")}\n{}`);
    expect(bad.status).toBe(400);
    expect(await bad.json()).toMatchObject({
      error: { code: "deserialization_failed", message: expect.stringContaining("line 2") as string },
    });
    const good = await post(`${message("http/1", "B")}\n\n${message("http/2", "C")}\n`);
    expect(await good.json()).toEqual({ published: 2 });
    expect((await sub.done()).stdout).toBe("http/1 B()\nhttp/2 C()\n");
  });

  test("POST /v1/publish: a body of jsonMessageBytesMax bytes is taken, one byte more is 413", async () => {
    const line = `${message("big/1", "A")}\n`;
    const body = line + " ".repeat(LIMITS.jsonMessageBytesMax - line.length);
    const post = (text: string) => fetch(`${fabric.url}/v1/publish`, { method: "POST", body: text });
    expect(await (await post(body)).json()).toEqual({ published: 1 });
    const larger = await post(`${body} `);
    expect(larger.status).toBe(413);
    expect(await larger.json()).toMatchObject({ error: { code: "too_large" } });
  });

  test("a WebSocket path asked without an upgrade is 426", async () => {
    for (const path of ["/v1/connect", "/v1/messages/json"]) {
      expect((await fetch(`${fabric.url}${path}`)).status).toBe(426);
    }
  });
});

describe("logs", () => {
  test("without any records: an empty list, no such stream, and a flush that has nothing to do", async () => {
    expect(JSON.parse((await run(["logs", "ls", "--json"])).stdout)).toEqual([]);
    expect(await run(["logs", "cat", "conn"])).toMatchObject({ status: 1, stdout: "" });
    expect((await run(["logs", "flush"])).status).toBe(0);
    const stat = JSON.parse((await run(["logs", "stat", "--json"])).stdout) as { logger: string }[];
    expect(stat.map(({ logger }) => logger)).toEqual(["logger-1", "logger-2"]);
  });
});

describe("errors say what to do", () => {
  test.each([
    [["bogus"], "no command `bogus`"],
    [["logs"], "say logs ls, logs cat, logs stat, logs flush"],
    [["sub"], "name a topic prefix"],
    [["sub", "a", "--count", "x"], "--count must be"],
    [["pub", "topic"], "name a topic and an event"],
    [["pub", "topic", "E", "count:x"], "argument 'count:x'"],
    [["pub", "topic", "E", "--bogus"], "bogus"],
    [["serve", "--port", "x"], "--port must be"],
    [["sub", "a", "--url", "nonsense"], "nonsense is no URL"],
    [["token", "create", "--admin"], "set SELVEDGE_KEY"],
  ])("%j is a usage error, status 2", async (args, text) => {
    const { status, stdout, stderr } = await run(args);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(text);
  });

  test("nothing under the URL: status 1, also as JSON", async () => {
    const url = "http://127.0.0.1:9";
    for (const args of [
      ["sub", "a"],
      ["pub", "t", "E"],
      ["logs", "ls"],
    ]) {
      const { status, stderr } = await run([...args, "--url", url, "--json"]);
      expect(status).toBe(1);
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: "unavailable" } });
    }
  });

  test("--version, --help with examples", async () => {
    expect((await run(["--version"])).stdout).toMatch(/^selvedge\/\d+\.\d+\.\d+ /);
    expect((await run(["pub", "--help"])).stdout).toContain("selvedge pub zeek/hello Hello::greet world");
    const ship = (await run(["ship", "--help"])).stdout;
    expect(ship).toContain("--no-flush");
    expect(ship).not.toContain("default: true");
  });
});
