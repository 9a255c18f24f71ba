/** Logs and chunks of files between nodes. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../../src/base/limits.ts";
import { count, string } from "../../../../src/data/value.ts";
import { createContext } from "../../../../src/endpoint/api2014/context.ts";
import type { LogCallback } from "../../../../src/endpoint/api2014/logs.ts";
import type { WriteCallback } from "../../../../src/endpoint/api2014/writes.ts";
import { Calls, Contexts, raiseAll } from "../../../support/contexts.ts";

const flags = { dialler: 3, listener: 3 };

describe("logs", () => {
  test("[C74][C75][C77] a log that is opened is there at the receiver, and its records come with topic, log, values and cookie", async () => {
    await using all = new Contexts();
    const { listener, dialler } = await all.pair(flags);
    const calls: Parameters<LogCallback>[] = [];
    listener.log.registerHandler("logs.*", (...call) => void calls.push(call), "cookie");
    const end = new Calls(listener, "end");
    await listener.flush();
    const log = dialler.log.open("logs.conn", "conn", "ascii")!;
    expect(dialler.log.write(log, [count(1), "tcp"])).toBe(true);
    await raiseAll(dialler, [], end);
    const known = { topic: "logs.conn", id: "conn", writer: "ascii" };
    expect(calls).toEqual([["logs.conn", known, [count(1), string("tcp")], "cookie"]]);
    expect(listener.log.streams).toEqual([known]);
  });

  test("[C74] who asks for the topic later knows the log, too", async () => {
    await using all = new Contexts();
    const { listener, dialler } = await all.pair(flags);
    dialler.log.open("logs.conn", "conn", "ascii");
    await dialler.flush();
    const end = new Calls(listener, "end");
    listener.log.registerHandler("logs.*", () => {});
    await listener.flush();
    await raiseAll(dialler, [], end);
    expect(listener.log.streams).toEqual([{ topic: "logs.conn", id: "conn", writer: "ascii" }]);
  });

  test("[C76] writes to a closed log fail, and so does closing it again", () => {
    const context = createContext();
    const log = context.log.open("logs.conn", "conn", "ascii")!;
    expect(context.log.close(log)).toBe(true);
    expect([context.log.write(log, []), context.errno()]).toEqual([false, "not_found"]);
    expect([context.log.close(log), context.errno()]).toEqual([false, "not_found"]);
  });

  test("[C78] a handler that was taken away is not called", async () => {
    await using all = new Contexts();
    const { listener, dialler } = await all.pair(flags);
    const calls: string[] = [];
    const gone: LogCallback = () => calls.push("gone");
    listener.log.registerHandler("logs.*", gone);
    listener.log.registerHandler("logs.*", () => calls.push("stays"));
    expect([
      listener.log.unregisterHandler("logs.*", gone),
      listener.log.unregisterHandler("logs.*", gone),
    ]).toEqual([true, false]);
    const end = new Calls(listener, "end");
    await listener.flush();
    dialler.log.write(dialler.log.open("logs.conn", "conn", "ascii")!, []);
    await raiseAll(dialler, [], end);
    expect(calls).toEqual(["stays"]);
  });
});

describe("raw writes", () => {
  test("[C79][C80] all subscribers get path and bytes, handlers with topic, length and cookie", async () => {
    await using all = new Contexts();
    const { listener, dialler } = await all.pair(flags);
    const calls: Parameters<WriteCallback>[] = [];
    listener.write.registerHandler("files.*", (...call) => void calls.push(call), "cookie");
    const end = new Calls(listener, "end");
    await listener.flush();
    const bytes = Uint8Array.of(0, 255, 128);
    expect(dialler.write.write("files.pcap", "a/b.pcap", bytes)).toBe(true);
    dialler.write.write("files.text", "c.txt", "text");
    dialler.write.write("files.text", "empty", "");
    await raiseAll(dialler, [], end);
    expect(calls).toEqual([
      ["files.pcap", "a/b.pcap", 3, bytes, "cookie"],
      ["files.text", "c.txt", 4, new TextEncoder().encode("text"), "cookie"],
      ["files.text", "empty", 0, new Uint8Array(), "cookie"],
    ]);
  });

  test("[C81] printing is redirected to a file of the receiver", async () => {
    await using all = new Contexts();
    const { listener, dialler } = await all.pair(flags);
    const files = new Map<string, string>();
    listener.write.registerHandler("print", (_topic, path, _length, data) => {
      files.set(path, (files.get(path) ?? "") + new TextDecoder().decode(data));
    });
    const end = new Calls(listener, "end");
    await listener.flush();
    const print = (...words: readonly string[]) =>
      dialler.write.write("print", "out.log", `${words.join(", ")}\n`);
    print("hello", "world");
    print("bye");
    await raiseAll(dialler, [], end);
    expect(files).toEqual(new Map([["out.log", "hello, world\nbye\n"]]));
  });

  test("a chunk that is larger than an event may be is refused, with a connection and without", async () => {
    await using all = new Contexts();
    const { dialler } = await all.pair(flags);
    const chunk = new Uint8Array(LIMITS.eventBytesMax);
    for (const context of [dialler, createContext()]) {
      expect(context.write.write("t", "p", chunk)).toBe(false);
      expect(context.errno()).toBe("too_large");
    }
  });
});
