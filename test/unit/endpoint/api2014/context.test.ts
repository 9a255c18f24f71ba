/** Contexts and connections. */
import { describe, expect, test } from "vitest";
import { CONNECTION_FLAGS, type Connection } from "../../../../src/endpoint/api2014/connection.ts";
import { createContext } from "../../../../src/endpoint/api2014/context.ts";
import checklist from "../../../vectors/checklist.json" with { type: "json" };
import { connect, Contexts, event } from "../../../support/contexts.ts";
import { place } from "../../../support/endpoints.ts";

test("[C20] a context is made with flags 0; others are refused", () => {
  expect(createContext(0).errno()).toBe("none");
  expect(() => createContext(1)).toThrow(expect.objectContaining({ code: "invalid_data" }) as Error);
});

test("[C21] destroying a context closes its connections, and later calls fail", async () => {
  await using all = new Contexts();
  const { listener, dialler, in: taken } = await all.pair();
  await listener.destroy();
  await taken.closed;
  expect(listener.topic.subscribe("t")).toBe(false);
  expect(listener.errno()).toBe("shutting_down");
  expect(listener.connection.open("x", place())).toBeUndefined();
  expect(await listener.connection.listen(place())).toBeUndefined();
  expect(listener.event.raise("t", event(dialler, "ev"))).toBe(false);
});

test("[C22][C23] errno and strerrno are of the last operation", () => {
  const context = createContext();
  expect([context.errno(), context.strerrno()]).toEqual(["none", ""]);
  expect(context.topic.unsubscribe("nothing")).toBe(false);
  expect([context.errno(), context.strerrno()]).toEqual(["not_found", "'nothing' is not in the list"]);
  expect(context.topic.subscribe("something")).toBe(true);
  expect([context.errno(), context.strerrno()]).toEqual(["none", ""]);
});

describe("connections", () => {
  test("[C13] a handle identifies the peer", async () => {
    await using all = new Contexts();
    const { out, in: taken } = await all.pair();
    expect(out.peer).toMatchObject({ name: "listener", isOutbound: true, status: "peered" });
    expect(taken.peer).toMatchObject({ name: "dialler", isOutbound: false, status: "peered" });
    expect(out.peer.id).not.toBe(taken.peer.id);
  });

  test("[C2] an unknown scheme is an error, to open and to listen", async () => {
    const context = createContext();
    expect(context.connection.open("x", "tcp://127.0.0.1:1")).toBeUndefined();
    expect([context.errno(), context.strerrno()]).toEqual([
      "invalid_uri",
      expect.stringContaining("unknown scheme 'tcp'"),
    ]);
    expect(await context.connection.listen("ipc://x")).toBeUndefined();
    expect(context.errno()).toBe("invalid_uri");
  });

  test("flags that there are not are refused", async () => {
    const context = createContext();
    expect(context.connection.open("x", place(), 4)).toBeUndefined();
    expect(context.errno()).toBe("invalid_data");
    expect(await context.connection.listen(place(), 8)).toBeUndefined();
    const both = CONNECTION_FLAGS.autoPublish | CONNECTION_FLAGS.autoSubscribe;
    expect(context.connection.open("x", place(), both)?.flags).toBe(3);
    await context.destroy();
  });

  test("[C27] the peer of a connection that is closed sees the loss; closing it twice fails", async () => {
    await using all = new Contexts();
    const { dialler, out, in: taken } = await all.pair();
    expect(dialler.connection.close(out)).toBe(true);
    await Promise.all([out.closed, taken.closed]);
    expect(dialler.connection.close(out)).toBe(false);
    expect(dialler.errno()).toBe("not_found");
  });

  test("a listener closes a connection that it has taken", async () => {
    await using all = new Contexts();
    const { listener, in: taken } = await all.pair();
    expect(listener.connection.close(taken)).toBe(true);
    await taken.closed;
  });

  test("[C28] the callback refuses a connection before it is used, and gets the cookie", async () => {
    await using all = new Contexts();
    const [listener, dialler] = [all.make(), all.make()];
    const asked: [string | undefined, unknown][] = [];
    const url = await listener.connection.listen(
      place(),
      0,
      (connection: Connection, cookie) => {
        asked.push([connection.peer.url, cookie]);
        return asked.length > 1;
      },
      "cookie",
    );
    const refused = dialler.connection.open("x", url!, 0, { retryMs: 1 })!;
    expect(await refused.opened).toBe(false);
    const taken = dialler.connection.open("x", url!, 0, { retryMs: 1 })!;
    expect(await taken.opened).toBe(true);
    expect(asked).toEqual([
      [url, "cookie"],
      [url, "cookie"],
    ]);
  });
});

test("[C10] nodes come and go while events flow", async () => {
  await using all = new Contexts();
  const [source, sink] = [all.make(), all.make()];
  const first = await connect(sink, source);
  source.topic.publish("t");
  sink.topic.subscribe("t");
  const got: bigint[] = [];
  sink.event.registerHandler("t", ({ args: [n] }) => void (n?.type === "count" && got.push(n.value)));
  await sink.flush();
  for (let round = 0; round < 3; round++) {
    const guest = all.make();
    const link = await connect(guest, source, {}, "guest");
    source.event.raise("t", event(source, "ev", { type: "count", value: BigInt(round) }));
    guest.connection.close(link.out);
    await link.in.closed;
  }
  await source.flush();
  while (got.length < 3) await new Promise(setImmediate);
  expect(got).toEqual([0n, 1n, 2n]);
  expect(first.out.peer.status).toBe("peered");
});

test("[C83] every call of the proposal is there under its own name", () => {
  const context = createContext();
  const parts = context as unknown as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  const calls = checklist
    .filter(({ id }) => /^C(2[4-9]|3\d|4[0-7]|7[4-9]|80)$/.test(id))
    .flatMap(({ capability }) => [...capability.matchAll(/bro_([a-z]+)(?:_([a-z_]+))?/g)]);
  expect(calls.length).toBeGreaterThan(20);
  for (const [call, noun, verb = "write"] of calls) {
    const name = verb.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    expect(typeof parts[noun!]?.[name], call).toBe("function");
  }
});
