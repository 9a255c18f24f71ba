/** The SDK over the real runtime, on both of its transports. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../src/base/limits.ts";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";
import {
  addr,
  connect,
  count,
  enumValue,
  int,
  interval,
  port,
  real,
  string,
  subnet,
  time,
  toJs,
  toValue,
  type Argument,
  type Client,
  type ClientStatus,
  type Gap,
  type ReceivedEvent,
} from "../../src/sdk/index.ts";
import { startInProcess, startServe } from "../support/fabric.ts";

const JSON_V1 = "/v1/messages/json";
/** One of every type. */
const EVERYTHING: readonly Argument[] = [
  null,
  true,
  count(2n ** 64n - 1n),
  int(-(2n ** 63n)),
  real(0.1),
  "é€😀",
  addr("10.0.0.1"),
  addr("2001:db8::1"),
  subnet("10.0.0.0/8"),
  port(53, "udp"),
  time(1_700_000_000_123),
  interval("1.5s"),
  enumValue("Notice::LOG"),
  new Set(["b", "a"]),
  new Map([["k", ["v", count(1)]]]),
];

let fabric: Awaited<ReturnType<typeof startInProcess>>;
const clients: Client[] = [];
let topics = 0;

beforeAll(async () => {
  fabric = await startInProcess();
});

afterAll(async () => {
  for (const client of clients) client.abort();
  await fabric.close();
});

async function open(path = "", options: Parameters<typeof connect>[1] = {}): Promise<Client> {
  const client = await connect(fabric.url + path, options);
  clients.push(client);
  return client;
}

/** A prefix that no other test uses. */
const fresh = () => `sdk/${++topics}/`;

async function take(stream: AsyncIterable<ReceivedEvent>, number: number): Promise<ReceivedEvent[]> {
  const events: ReceivedEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    if (events.length === number) break;
  }
  return events;
}

describe.each([
  ["native", "", ""],
  ["JSON v1", JSON_V1, JSON_V1],
  ["native to JSON v1", "", JSON_V1],
  ["JSON v1 to native", JSON_V1, ""],
])("%s", (_name, publisherPath, subscriberPath) => {
  test("every type arrives as it was", async () => {
    const prefix = fresh();
    const [publisher, subscriber] = await Promise.all([open(publisherPath), open(subscriberPath)]);
    const stream = subscriber.subscribe(prefix);
    await stream.ready;
    publisher.publish(`${prefix}x`, "Every::type", EVERYTHING, {
      metadata: [{ id: 200n, value: string("mine") }],
    });
    const [event] = await take(stream, 1);
    expect(event).toMatchObject({ topic: `${prefix}x`, name: "Every::type" });
    expect(event!.args).toEqual(EVERYTHING.map(toValue));
    expect(event!.metadata).toEqual([{ id: 200n, value: string("mine") }]);
  });

  test("many events come once, in order, with a reader that iterates and one that handles", async () => {
    const prefix = fresh();
    const number = 20_000;
    const [publisher, subscriber] = await Promise.all([open(publisherPath), open(subscriberPath)]);
    const handled: bigint[] = [];
    const stream = subscriber.subscribe(prefix);
    await stream.ready;
    await subscriber.subscribe([prefix, `${prefix}x`], (event) => {
      const [n] = event.args;
      if (n?.type === "count") handled.push(toJs(n));
    });
    for (let i = 1; i <= number; i++) publisher.publish(`${prefix}x`, "N::n", [count(i)]);
    await publisher.flush();
    const events = await take(stream, number);
    expect(events.map(({ args: [n] }) => n)).toEqual(Array.from({ length: number }, (_, i) => count(i + 1)));
    expect(handled).toHaveLength(number);
  });

  test("a request is answered, a survey by all", async () => {
    const prefix = fresh();
    const asker = await open(publisherPath);
    for (const name of ["One", "Two"]) {
      const answerer = await open(subscriberPath);
      await answerer.subscribe(prefix, (event) => answerer.reply(event, `Answer::${name}`, event.args));
    }
    const reply = await asker.request(`${prefix}ask`, "Ask::it", [count(7)]);
    expect(reply.args).toEqual([count(7)]);
    const names = (await take(asker.survey(`${prefix}ask`, "Ask::all", [], { replies: 2 }), 2)).map(
      (r) => r.name,
    );
    expect(names.toSorted()).toEqual(["Answer::One", "Answer::Two"]);
  });
});

describe("a native client", () => {
  test("R10 an acknowledged publish is sequenced; a flush waits for all before it", async () => {
    const prefix = fresh();
    const client = await open();
    expect(await client.publishAcked(`${prefix}x`, "A::a")).toMatchObject({ means: "sequenced" });
    for (let i = 0; i < 1_000; i++) client.publish(`${prefix}x`, "A::b");
    await client.flush();
    await client.flush();
  });

  test("N-9 gets its own events only where it asks for them, in their place", async () => {
    const prefix = fresh();
    const [client, other] = await Promise.all([open(), open()]);
    const plain: string[] = [];
    await client.subscribe(prefix, (event) => plain.push(event.name));
    const local = client.subscribe(prefix, { local: true });
    await local.ready;
    await client.publishAcked(`${prefix}x`, "Own::one");
    await other.publishAcked(`${prefix}x`, "Other::two");
    await client.publishAcked(`${prefix}x`, "Own::three");
    const names = (await take(local, 3)).map(({ name }) => name);
    expect(names).toEqual(["Own::one", "Other::two", "Own::three"]);
    expect(plain).toEqual(["Other::two"]);
  });

  test("N-20 counts the readers of an event's topic; a request that none can answer ends at once", async () => {
    const [client, other] = await Promise.all([open(), open()]);
    const prefix = fresh();
    await other.subscribe(`${prefix}read`, () => {});
    const receiversOf = async (topic: string) => (await client.publishAcked(topic, "A::a")).receivers;
    expect(await Promise.all([receiversOf(`${prefix}read`), receiversOf(`${prefix}none`)])).toEqual([1, 0]);
    const none = client.request(`${prefix}none`, "Nobody::there");
    await expect(none).rejects.toMatchObject({ code: "no_receiver" });
    const own = (request: ReceivedEvent) => client.reply(request, "Own::answer");
    await client.subscribe(`${prefix}own`, own, { local: true });
    expect((await client.request(`${prefix}own`, "Own::ask")).name).toBe("Own::answer");
  });

  test("what does not fit a value or a topic is refused at once, and the client lives", async () => {
    const client = await open();
    expect(() => client.publish("x".repeat(LIMITS.topicBytesMax + 1), "A::a")).toThrow(
      expect.objectContaining({ code: "invalid_topic_key" }),
    );
    expect(() => client.publish("x", "A::a", ["\ud800"])).toThrow(
      expect.objectContaining({ code: "invalid_data" }),
    );
    await client.publishAcked(`${fresh()}x`, "A::a");
  });

  test("signals end what waits, and await using ends the client", async () => {
    const [client, silent] = await Promise.all([open(), open()]);
    const prefix = fresh();
    await silent.subscribe(prefix, () => {});
    const controller = new AbortController();
    const iteration = take(client.subscribe(prefix, { signal: controller.signal }), 1);
    const request = client.request(`${prefix}x`, "Nobody::answers", [], { signal: controller.signal });
    const outcomes = Promise.allSettled([iteration, request]);
    await sleep(50);
    controller.abort(new Error("enough"));
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { message: "enough" } });
    }
    let ended: Client;
    {
      await using scoped = await open();
      ended = scoped;
    }
    expect(ended.status).toBe("closed");
    expect(() => ended.publish("x", "A::a")).toThrow(expect.objectContaining({ code: "shutting_down" }));
    await expect(connect(fabric.url, { signal: AbortSignal.abort(new Error("never")) })).rejects.toThrow(
      "never",
    );
  });
});

describe("N-19 a reader that stopped", () => {
  test("holds no more than its window and one delivery; what was dropped is told, the rest comes in order", async () => {
    const prefix = fresh();
    const windowBytes = 128 * 1024;
    const [publisher, reader] = await Promise.all([
      open(),
      open("", { windowBytes, queueBytes: 256 * 1024 }),
    ]);
    const drops: Gap[] = [];
    reader.on("drop", (drop) => drops.push(drop));
    const stream = reader.subscribe(prefix);
    await stream.ready;
    const padding = "x".repeat(1_000);
    const number = 4_000;
    let mostBytes = 0;
    for (let i = 1; i <= number; i++) {
      publisher.publish(`${prefix}x`, "N::n", [count(i), padding]);
      if (i % 20 === 0) await publisher.flush();
      mostBytes = Math.max(mostBytes, reader.heldBytes);
    }
    expect(mostBytes).toBeGreaterThan(windowBytes / 2);
    // One delivery is at most what was published in one frame, and what the router put around it.
    expect(mostBytes).toBeLessThan(windowBytes + 2 * 20 * 1_100);
    const seen: bigint[] = [];
    for await (const { args } of stream) {
      const [n] = args;
      if (n?.type === "count") seen.push(toJs(n));
      if (seen.at(-1) === BigInt(number)) break;
    }
    const dropped = drops.reduce((sum, { events = Number.NaN }) => sum + events, 0);
    expect(seen.length).toBeLessThan(number);
    expect(seen).toEqual(seen.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(seen.length + dropped).toBe(number);
  });
});

describe("kept topics", () => {
  const layout = {
    routers: [{ name: "main", prefix: "" }],
    loggers: [{ name: "logger", enabled: true }],
    retention: [{ prefix: "kept/", seconds: 3_600 }],
  };

  test("R11 a reader that was away gets what it missed, once and in order, also after SIGKILL", async () => {
    const first = await startServe({ layout });
    const [publisher, reader] = await Promise.all([connect(first.url), connect(first.url)]);
    const seen: bigint[] = [];
    const gaps: Gap[] = [];
    const recovered: boolean[] = [];
    reader.on("gap", (gap) => gaps.push(gap));
    reader.on("recovered", ({ complete }) => recovered.push(complete));
    await reader.subscribe("kept/", ({ args: [n] }) => n?.type === "count" && seen.push(toJs(n)));
    let number = 0;
    const publish = (events: number) => {
      for (let i = 0; i < events; i++) publisher.publish("kept/x", "N::n", [count(++number)]);
    };
    publish(2_000);
    await publisher.flush();
    publish(2_000);
    await first.kill();
    publish(2_000);
    const second = await startServe({ layout, state: first.state, port: first.port });
    try {
      await publisher.flush();
      while (seen.length < number || recovered.length === 0) await sleep(10);
      expect(seen).toEqual(Array.from({ length: number }, (_, i) => BigInt(i + 1)));
      expect(gaps).toEqual([]);
      expect(recovered).toEqual([true]);
    } finally {
      publisher.abort();
      reader.abort();
      await second.dispose();
      await first.dispose();
    }
  });

  test("N-18 a subscription may begin with the past", async () => {
    const kept = await startInProcess({ layout });
    try {
      const [publisher, reader] = await Promise.all([connect(kept.url), connect(kept.url)]);
      for (let i = 1; i <= 10; i++) await publisher.publishAcked(`kept/${i % 2}`, "N::n", [count(i)]);
      const numbers = async (stream: AsyncIterable<ReceivedEvent>, events: number) =>
        (await take(stream, events)).map(({ args: [n] }) => (n?.type === "count" ? Number(n.value) : 0));
      expect(await numbers(reader.subscribe("kept/", { history: { last: 3 } }), 3)).toEqual([8, 9, 10]);
      expect(await numbers(reader.subscribe("kept/", { history: { lastPerTopic: true } }), 2)).toEqual([
        9, 10,
      ]);
      const all = reader.subscribe("kept/", { history: { sinceMs: 0 } });
      await all.ready;
      await publisher.publishAcked("kept/1", "N::n", [count(11)]);
      expect(await numbers(all, 11)).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
      await expect(reader.subscribe("lost/", () => {}, { history: { last: 1 } })).rejects.toMatchObject({
        code: "invalid_data",
      });
      publisher.abort();
      reader.abort();
    } finally {
      await kept.close();
    }
  });
});

describe("JSON v1", () => {
  test("a new subscription makes a new connection, and what that cost is told", async () => {
    const [a, b] = [fresh(), fresh()];
    const client = await open(JSON_V1);
    const gaps: Gap[] = [];
    const statuses: ClientStatus[] = [];
    client.on("gap", (gap) => gaps.push(gap));
    client.on("status", (status) => statuses.push(status));
    await client.subscribe(a, () => {});
    expect(gaps).toEqual([]);
    await client.subscribe(b, () => {});
    expect(gaps).toMatchObject([{ extent: "unknown", reason: "away" }]);
    expect(statuses).toEqual(["open", "connecting", "open"]);
    expect(await client.publishAcked(`${a}x`, "A::a")).toEqual({ means: "sent", receivers: undefined });
  });

  test("comes back after SIGKILL of the server, and says that it cannot say what it missed", async () => {
    const first = await startServe();
    const client = await connect(first.url + JSON_V1);
    const gaps: Gap[] = [];
    client.on("gap", (gap) => gaps.push(gap));
    const stream = client.subscribe("kill/");
    await stream.ready;
    await first.kill();
    const second = await startServe({ state: first.state, port: first.port });
    try {
      const publisher = await connect(second.url);
      while (gaps.length === 0) await sleep(10);
      publisher.publish("kill/x", "Came::back");
      expect((await take(stream, 1))[0]!.name).toBe("Came::back");
      publisher.abort();
    } finally {
      client.abort();
      await second.dispose();
      await first.dispose();
    }
  });
});

describe("examples", () => {
  const start = (file: string, args: string[], env: Record<string, string> = {}) => {
    const child = spawn(process.execPath, [join(PACKAGE_ROOT, "examples", file), ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    return { child, out: () => out, err: () => err, ended: once(child, "close") };
  };

  test.each(["", JSON_V1])("event-tail.ts prints events (%s)", async (path) => {
    const prefix = fresh();
    const tail = start("event-tail.ts", [fabric.url + path, prefix], { COUNT: "2" });
    while (!tail.err().includes("subscribed") && tail.child.exitCode === null) await sleep(10);
    const client = await open();
    client.publish(`${prefix}x`, "Tail::me", [count(1), addr("10.0.0.1")]);
    client.publish(`${prefix}x`, "Tail::me", ["again"]);
    await tail.ended;
    expect(tail.err()).not.toContain("Error");
    expect(tail.out()).toBe(`${prefix}x Tail::me 1n 10.0.0.1\n${prefix}x Tail::me again\n`);
  });

  test("lookup.ts asks and is answered", async () => {
    const lookup = start("lookup.ts", [fabric.url]);
    await lookup.ended;
    expect(lookup.err()).toBe("");
    expect(lookup.out()).toBe("10.0.0.1 gateway\n10.0.0.2 is not known\n");
  });
});
