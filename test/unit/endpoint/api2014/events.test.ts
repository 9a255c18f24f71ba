/** Events, their handlers, and surveys between nodes. */
import { describe, expect, test } from "vitest";
import { count, real } from "../../../../src/data/value.ts";
import { CONNECTION_FLAGS } from "../../../../src/endpoint/api2014/connection.ts";
import { createContext, type Context } from "../../../../src/endpoint/api2014/context.ts";
import { addr, time } from "../../../../src/sdk/values.ts";
import { Calls, connect, Contexts, event, raiseAll } from "../../../support/contexts.ts";

const flags = { dialler: 3, listener: 3 };

describe("events", () => {
  test("[C14][C41] name, time and arguments are preserved over the wire", async () => {
    await using all = new Contexts();
    const { listener, dialler } = await all.pair(flags);
    const calls = new Calls(listener, "t");
    await listener.flush();
    const at = 1_700_000_000_123_456_789n;
    const args = [count(1), "text", addr("10.0.0.1"), real(0.5)];
    dialler.event.raise("t", dialler.event.new("Mod::ev", at, args)!);
    const [call] = (await calls.until(1)).all;
    expect(call!.event).toMatchObject({ name: "Mod::ev", time: time(at) });
    expect(call!.event.args).toEqual(dialler.event.new("Mod::ev", at, args)!.args);
  });

  test("[C15] a heterogeneous list of values goes over as it is", async () => {
    await using all = new Contexts();
    const { listener, dialler } = await all.pair(flags);
    const calls = new Calls(listener, "t");
    await listener.flush();
    const list = [count(1), null, ["nested", true], new Set(["x"]), new Map([["k", 1n === 1n]])];
    const sent = event(dialler, "ev", list);
    dialler.event.raise("t", sent);
    expect((await calls.until(1)).all[0]!.event.args).toEqual(sent.args);
  });

  test("[C16] the types of an event's arguments", () => {
    const context = createContext();
    const made = event(context, "ev", count(1), "text", addr("10.0.0.1"), ["list"], null);
    expect(context.event.types(made)).toEqual(["count", "string", "address", "vector", "none"]);
  });

  test("an event without a value for an argument is not made", () => {
    const context = createContext();
    expect(context.event.new("ev", 0, [5 as unknown as string])).toBeUndefined();
    expect(context.errno()).toBe("invalid_data");
  });

  test("[C42][C43] raising takes an event over; deleting it twice is safe, raising it then is not", () => {
    const context = createContext();
    const { event: events } = context;
    const raised = event(context, "ev");
    expect([events.raise("t", raised), events.raise("t", raised), context.errno()]).toEqual([
      true,
      false,
      "invalid_data",
    ]);
    const deleted = event(context, "ev");
    events.delete(deleted);
    events.delete(deleted);
    expect([events.raise("t", deleted), context.errno()]).toEqual([false, "invalid_data"]);
  });

  test("[C43] subscribers get what is raised", async () => {
    await using all = new Contexts();
    const hub = all.make();
    hub.topic.publish("t");
    const calls: Calls[] = [];
    for (let n = 0; n < 3; n++) {
      const node = all.make();
      await connect(node, hub, {}, `node.${n}`);
      node.topic.subscribe("t");
      calls.push(new Calls(node));
      await node.flush();
    }
    hub.event.raise("t", event(hub, "ev", "hello"));
    await Promise.all(calls.map((each) => each.until(1)));
    expect(calls.map(({ firsts }) => firsts)).toEqual([["hello"], ["hello"], ["hello"]]);
  });
});

describe("handlers", () => {
  test("[C39] all handlers run, with the event, its own topic and their cookie", async () => {
    await using all = new Contexts();
    const { listener, dialler } = await all.pair(flags);
    const calls = new Calls();
    for (const [topic, cookie] of [
      ["site.*", "glob"],
      ["site.x", "exact"],
      ["site.x", "again"],
      ["site.y", "other"],
    ]) {
      expect(listener.event.registerHandler(topic!, calls.take, cookie)).toBe(true);
    }
    await listener.flush();
    dialler.event.raise("site.x", event(dialler, "ev"));
    await calls.until(3);
    expect(calls.all.map(({ topic, cookie }) => [topic, cookie])).toEqual([
      ["site.x", "glob"],
      ["site.x", "exact"],
      ["site.x", "again"],
    ]);
  });

  test("[C40] a handler that was taken away is not called, and its subscription is withdrawn", async () => {
    await using all = new Contexts();
    const { listener, dialler } = await all.pair(flags);
    const [gone, end] = [new Calls(listener, "site.*"), new Calls(listener, "end")];
    expect([listener.event.unregisterHandler("site.x", gone.take), listener.errno()]).toEqual([
      false,
      "not_found",
    ]);
    expect(listener.event.unregisterHandler("site.*", gone.take)).toBe(true);
    await listener.flush();
    await raiseAll(dialler, ["site.x"], end);
    expect(gone.all).toEqual([]);
    // With the handler back nothing of what was raised meanwhile comes: nobody had asked for it.
    const back = new Calls(listener, "*");
    await listener.flush();
    await raiseAll(dialler, [], back);
    expect(back.topics).toEqual(["end"]);
  });
});

/** A hub with nodes that answer questions on "ask" with their own number, so many times each. */
async function answering(
  all: Contexts,
  times: readonly number[],
): Promise<{ hub: Context; nodes: Context[] }> {
  const hub = all.make();
  hub.topic.publish("ask");
  const nodes: Context[] = [];
  for (const [n, repeats] of times.entries()) {
    const node = all.make();
    nodes.push(node);
    await connect(node, hub, {}, `node.${n}`);
    node.topic.subscribe("ask");
    node.event.registerHandler("ask", (question) => {
      for (let i = 0; i < repeats; i++)
        node.event.answer(question, event(node, "answer", count(n), count(i)));
    });
    await node.flush();
  }
  return { hub, nodes };
}

describe("surveys", () => {
  test("[C44][C47] the first answer of each node, and none of them is an event to the handlers", async () => {
    await using all = new Contexts();
    const { hub } = await answering(all, [1, 3, 2]);
    const handled = new Calls(hub, "*");
    const [topic, answers, cookie] = await new Promise<readonly [string, readonly unknown[], unknown]>(
      (resolve) =>
        hub.event.survey("ask", event(hub, "question"), 3, 60_000, (...result) => resolve(result), "cookie"),
    );
    expect([topic, cookie]).toEqual(["ask", "cookie"]);
    expect(answers).toHaveLength(3);
    expect(answers).toEqual(
      expect.arrayContaining(
        [0, 1, 2].map((n) => expect.objectContaining({ args: [count(n), count(0)] }) as unknown),
      ),
    );
    expect(handled.all).toEqual([]);
  });

  test("[C46] a survey without a timeout is refused", () => {
    const context = createContext();
    expect(context.event.survey("ask", event(context, "q"), -1, 0, () => {})).toBe(false);
    expect(context.errno()).toBe("invalid_data");
  });

  test("[C5] two surveys are under way, and answered in the other order", async () => {
    await using all = new Contexts();
    const { listener: desk, dialler: asker } = await all.pair(flags);
    const waiting: (() => void)[] = [];
    desk.event.registerHandler("ask", (question) => {
      waiting.push(() => desk.event.answer(question, event(desk, "answer", ...question.args)));
      if (waiting.length === 2) for (const answer of waiting.toReversed()) answer();
    });
    await desk.flush();
    const ask = (what: string) =>
      new Promise<string>((resolve) =>
        asker.event.survey("ask", event(asker, "q", what), 1, 60_000, (_topic, [answer]) =>
          resolve(`${what}: ${JSON.stringify(answer?.args)}`),
        ),
      );
    const order: string[] = [];
    await Promise.all(["first", "second"].map(async (what) => order.push(await ask(what))));
    expect(order).toEqual(
      ["second", "first"].map((what) => `${what}: ${JSON.stringify([{ type: "string", value: what }])}`),
    );
  });

  test("late answers are dropped and counted", async () => {
    await using all = new Contexts();
    const { hub, nodes } = await answering(all, [1, 1]);
    await new Promise<void>((resolve) =>
      hub.event.survey("ask", event(hub, "q"), 1, 60_000, () => resolve()),
    );
    await Promise.all(nodes.map((node) => node.flush()));
    while (hub.lateAnswers < 1) await new Promise(setImmediate);
    expect(hub.lateAnswers).toBe(1);
  });

  test("a node in between passes questions on, and answers back", async () => {
    await using all = new Contexts();
    const { hub } = await answering(all, [1]);
    const far = all.make();
    await connect(far, hub, { dialler: CONNECTION_FLAGS.autoPublish }, "far");
    hub.topic.forward("ask");
    await hub.flush();
    const answers = await new Promise<readonly unknown[]>((resolve) =>
      far.event.survey("ask", event(far, "q"), 1, 60_000, (_topic, all) => resolve(all)),
    );
    expect(answers).toMatchObject([{ args: [count(0), count(0)] }]);
  });

  test("what is no question has no answer", () => {
    const context = createContext();
    expect(context.event.answer(event(context, "ev"), event(context, "answer"))).toBe(false);
    expect(context.errno()).toBe("invalid_data");
  });

  test("a node that is subscribed locally answers its own question", async () => {
    const context = createContext();
    context.topic.subscribeLocally("ask");
    context.event.registerHandler("ask", (question) => {
      context.event.answer(question, event(context, "answer"));
    });
    const answers = await new Promise<readonly unknown[]>((resolve) =>
      context.event.survey("ask", event(context, "q"), 1, 60_000, (_topic, all) => resolve(all)),
    );
    expect(answers).toMatchObject([{ name: "answer" }]);
    await context.destroy();
  });
});
