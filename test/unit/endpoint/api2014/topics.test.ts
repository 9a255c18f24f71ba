/** Topics: what is available, what is asked for, what passes through. */
import { describe, expect, test } from "vitest";
import { CONNECTION_FLAGS } from "../../../../src/endpoint/api2014/connection.ts";
import { createContext } from "../../../../src/endpoint/api2014/context.ts";
import { Calls, connect, Contexts, event, raiseAll, type Pair } from "../../../support/contexts.ts";

/** The dialler raises, the listener handles; both agree on the topic "end". */
async function sides(all: Contexts, flags = {}): Promise<Pair & { readonly calls: Calls }> {
  const pair = await all.pair(flags);
  pair.dialler.topic.publish("end");
  pair.listener.topic.subscribe("end");
  await pair.listener.flush();
  return { ...pair, calls: new Calls(pair.listener) };
}

describe("publish", () => {
  test.each(["one connection", "all connections"])(
    "[C29] only topics that are published to %s are available",
    async (scope) => {
      await using all = new Contexts();
      const { listener, dialler, out, calls } = await sides(all);
      listener.topic.subscribe("*");
      await listener.flush();
      dialler.topic.publish("a", scope === "one connection" ? out : null);
      await raiseAll(dialler, ["a", "b"], calls);
      expect(calls.topics).toEqual(["a", "end"]);
    },
  );

  test("[C29] a topic of all connections is available on those that are made later, too", async () => {
    await using all = new Contexts();
    const [listener, dialler] = [all.make(), all.make()];
    dialler.topic.publish("a");
    dialler.topic.publish("end");
    listener.topic.subscribe("*");
    const calls = new Calls(listener);
    await connect(dialler, listener);
    await raiseAll(dialler, ["a"], calls);
    expect(calls.topics).toEqual(["a", "end"]);
  });

  test("[C29] a topic of one connection is not available on another one", async () => {
    await using all = new Contexts();
    const [hub, one, two] = [all.make(), all.make(), all.make()];
    const link = await connect(one, hub);
    await connect(two, hub);
    hub.topic.publish("a", link.in);
    hub.topic.publish("end");
    const calls = [new Calls(one), new Calls(two)] as const;
    one.topic.subscribe("*");
    two.topic.subscribe("*");
    await Promise.all([one.flush(), two.flush()]);
    await raiseAll(hub, ["a"], calls[1]);
    await calls[0].until(2);
    expect(calls.map(({ topics }) => topics)).toEqual([["a", "end"], ["end"]]);
  });

  test("[C32] what is unpublished is not delivered over that connection any more", async () => {
    await using all = new Contexts();
    const { listener, dialler, out, calls } = await sides(all);
    listener.topic.subscribe("a");
    dialler.topic.publish("a", out);
    await listener.flush();
    await raiseAll(dialler, ["a"], calls);
    expect(dialler.topic.unpublish("a", out)).toBe(true);
    expect([dialler.topic.unpublish("a", out), dialler.errno()]).toEqual([false, "not_found"]);
    await raiseAll(dialler, ["a"], new Calls(listener, "end"));
    expect(calls.topics).toEqual(["a", "end", "end"]);
  });

  test("[C25] with AUTO_PUBLISH raising an event makes its topic available", async () => {
    await using all = new Contexts();
    const { listener, dialler, calls } = await sides(all, { dialler: CONNECTION_FLAGS.autoPublish });
    listener.topic.subscribe("*");
    await listener.flush();
    await raiseAll(dialler, ["never.published"], calls);
    expect(calls.topics).toEqual(["never.published", "end"]);
  });
});

describe("subscribe", () => {
  test.each([
    ["site.*.scan", ["site.a.scan", "site.a.b.scan"], ["site.a.scans", "site.scan", "other.a.scan"]],
    ["*.scan", ["site.scan", ".scan".slice(0) + "x.scan"].slice(0, 1), ["site.scan.x"]],
    ["site.*", ["site.", "site.x.y"], ["site", "sites.x"]],
    ["site.x", ["site.x"], ["site.x.y"]],
  ])("[C30] %s", async (glob, matching, others) => {
    await using all = new Contexts();
    const { listener, dialler, calls } = await sides(all, { dialler: CONNECTION_FLAGS.autoPublish });
    listener.topic.subscribe(glob);
    await listener.flush();
    await raiseAll(dialler, [...others, ...matching], calls);
    expect(calls.topics).toEqual([...matching, "end"]);
  });

  test("[C30] a wildcard covers topics that appear later", async () => {
    await using all = new Contexts();
    const { listener, dialler, calls } = await sides(all);
    listener.topic.subscribe("site.*");
    await listener.flush();
    dialler.topic.publish("site.new");
    await raiseAll(dialler, ["site.new"], calls);
    expect(calls.topics).toEqual(["site.new", "end"]);
  });

  test("[C33] another spelling does not unsubscribe, the very same string does", async () => {
    await using all = new Contexts();
    const {
      listener,
      dialler,
      in: taken,
      calls,
    } = await sides(all, { dialler: CONNECTION_FLAGS.autoPublish });
    listener.topic.subscribe("site.*", taken);
    expect([listener.topic.unsubscribe("site.**", taken), listener.errno()]).toEqual([false, "not_found"]);
    expect(listener.topic.unsubscribe("site.x", taken)).toBe(false);
    await listener.flush();
    await raiseAll(dialler, ["site.x"], calls);
    expect(listener.topic.unsubscribe("site.*", taken)).toBe(true);
    await listener.flush();
    await raiseAll(dialler, ["site.x"], new Calls(listener, "end"));
    expect(calls.topics).toEqual(["site.x", "end", "end"]);
  });

  test("[C26] with AUTO_SUBSCRIBE registering a handler subscribes", async () => {
    await using all = new Contexts();
    const flags = { dialler: CONNECTION_FLAGS.autoPublish, listener: CONNECTION_FLAGS.autoSubscribe };
    const { listener, dialler } = await all.pair(flags);
    const calls = new Calls(listener, "site.*");
    const end = new Calls(listener, "end");
    await listener.flush();
    await raiseAll(dialler, ["other.x", "site.x"], end);
    expect(calls.topics).toEqual(["site.x"]);
  });

  test("[C31][C34] own events reach own handlers only while they are subscribed to locally", async () => {
    const context = createContext();
    const calls = new Calls(context, "*");
    const raise = (topic: string) => context.event.raise(topic, event(context, "ev"));
    raise("site.1");
    expect(context.topic.subscribeLocally("site.*")).toBe(true);
    raise("site.2");
    raise("other");
    expect([context.topic.unsubscribeLocally("site.2"), context.topic.unsubscribeLocally("site.*")]).toEqual([
      false,
      true,
    ]);
    raise("site.3");
    expect(calls.topics).toEqual(["site.2"]);
    await context.destroy();
  });

  test("[C38] hierarchical names, at each level", async () => {
    await using all = new Contexts();
    const { listener, dialler, calls } = await sides(all, { dialler: CONNECTION_FLAGS.autoPublish });
    listener.topic.subscribe("bro.log.*");
    listener.topic.subscribe("bro.event.http.*");
    await listener.flush();
    const topics = ["bro.log.conn", "bro.event.http.request", "bro.event.dns.request", "bro.log.http.x"];
    await raiseAll(dialler, topics, calls);
    expect(calls.topics).toEqual([topics[0], topics[1], topics[3], "end"]);
  });
});

describe("reserved topics", () => {
  test("[C36] a user may not publish, subscribe to, forward or raise what begins with a dot", () => {
    const context = createContext();
    const { topic } = context;
    for (const verb of [topic.publish, topic.subscribe, topic.subscribeLocally, topic.forward]) {
      expect(verb.call(topic, ".x")).toBe(false);
      expect(context.errno()).toBe("invalid_topic_key");
    }
    expect(context.event.raise(".x", event(context, "ev"))).toBe(false);
    expect(context.errno()).toBe("invalid_topic_key");
  });

  test("[C24][C37] .node.<name> reaches that node, either side's, and no other, without a subscription", async () => {
    await using all = new Contexts();
    const hub = all.make("hub");
    const [one, ten] = [all.make(), all.make()];
    await connect(one, hub, {}, "worker.1");
    await connect(ten, hub, {}, "worker.10");
    const calls = [hub, one, ten].map((context) => new Calls(context));
    hub.event.raise(".node.worker.1", event(hub, "ev", "for 1"));
    hub.event.raise(".node.worker.10", event(hub, "ev", "for 10"));
    one.event.raise(".node.hub", event(one, "ev", "for the hub"));
    await Promise.all(calls.map((each) => each.until(1)));
    expect(calls.map(({ firsts }) => firsts)).toEqual([["for the hub"], ["for 1"], ["for 10"]]);
  });
});

describe("forward", () => {
  /** a connects to b, b to c; what a publishes b may send on to c. */
  async function line(all: Contexts) {
    const [a, b, c] = [all.make(), all.make(), all.make()];
    const first = await connect(a, b);
    const second = await connect(b, c);
    for (const topic of ["site.x", "other.x", "end"]) {
      a.topic.publish(topic);
      c.topic.publish(topic);
    }
    a.topic.subscribe("*");
    c.topic.subscribe("*");
    return { a, b, c, first, second, atA: new Calls(a), atC: new Calls(c) };
  }

  test("[C4][C35] a node is a router for matching topics only, both ways", async () => {
    await using all = new Contexts();
    const { a, b, c, atA, atC } = await line(all);
    const atB = new Calls(b);
    expect(b.topic.forward("site.*")).toBe(true);
    b.topic.forward("end");
    await Promise.all([a, b, c].map((context) => context.flush()));
    await raiseAll(a, ["other.x", "site.x"], atC);
    expect(atC.topics).toEqual(["site.x", "end"]);
    await raiseAll(c, ["other.x", "site.x"], atA);
    expect(atA.topics).toEqual(["site.x", "end"]);
    expect(atB.all).toEqual([]);
  });

  test("[C35] from one connection to another, and not the other way", async () => {
    await using all = new Contexts();
    const { a, b, c, first, second, atA, atC } = await line(all);
    b.topic.forward("site.*", first.in, second.out);
    b.topic.forward("end");
    await Promise.all([a, b, c].map((context) => context.flush()));
    await raiseAll(a, ["site.x"], atC);
    await raiseAll(c, ["site.x"], atA);
    expect([atA.topics, atC.topics]).toEqual([["end"], ["site.x", "end"]]);
  });
});
