/** Endpoints inside one process: Broker's operations, without sockets. */
import { describe, expect, test } from "vitest";
import { count } from "../../../src/data/value.ts";
import { Endpoint } from "../../../src/endpoint/endpoint.ts";
import type { Argument } from "../../../src/sdk/values.ts";
import { Endpoints, Inbox } from "../../support/endpoints.ts";

/** Two endpoints; the second one has dialled. */
async function pair(all: Endpoints): Promise<readonly [Endpoint, Endpoint]> {
  const [a, b] = await all.line(2);
  return [a!, b!];
}

describe("[C1] equal peers", () => {
  test.each(["the listener", "the dialler"])(
    "[A37][A38] %s subscribes at run time, and gets events with their arguments",
    async (who) => {
      await using all = new Endpoints();
      const [a, b] = await pair(all);
      const [reader, writer] = who === "the listener" ? [a, b] : [b, a];
      const inbox = new Inbox(reader, "ev");
      writer.publish("t/x", "ev", count(1));
      await writer.flush();
      expect(await reader.subscribe("t/")).toBe(true);
      const args: Argument[] = [count(2), "text", new Set(["x"])];
      writer.publish("t/x", "ev", ...args);
      expect(await inbox.until(1)).toMatchObject([
        { topic: "t/x", args: writer.makeEvent("ev", ...args).args, isRemote: true, origin: writer.nodeId() },
      ]);
    },
  );

  test("subscribing before peering, and publishing in peer_added, is early enough on both sides", async () => {
    await using all = new Endpoints();
    const [a, b] = [all.make(), all.make()];
    await Promise.all([a.subscribe("t/"), b.subscribe("t/")]);
    const [atA, atB] = [new Inbox(a, "ev"), new Inbox(b, "ev")];
    a.onStatus("peer_added", () => a.publish("t/a", "ev", "from a"));
    b.onStatus("peer_added", () => b.publish("t/b", "ev", "from b"));
    b.peer(await a.listen("inproc://early"), { retryMs: 10 });
    await Promise.all([atA.until(1), atB.until(1)]);
    expect([atA.firsts, atB.firsts]).toEqual([["from b"], ["from a"]]);
  });

  test("unsubscribing ends delivery, and both say whether they changed anything", async () => {
    await using all = new Endpoints();
    const [a, b] = await pair(all);
    const inbox = new Inbox(a, "ev", "end");
    await a.subscribe("t/");
    await a.subscribe("u/");
    expect(await a.subscribe("t/")).toBe(false);
    expect([await a.unsubscribe("t/"), await a.unsubscribe("t/")]).toEqual([true, false]);
    b.publish("t/x", "ev");
    b.publish("u/x", "end");
    expect((await inbox.until(1)).map(({ name }) => name)).toEqual(["end"]);
  });
});

describe("prefixes", () => {
  test("[A1][A44][C3] bro/events receives /foo and /bar, not bro/misc", async () => {
    await using all = new Endpoints();
    const [a, b] = await pair(all);
    const inbox = new Inbox(a, "ev");
    await a.subscribe("bro/events");
    for (const topic of ["bro/events/foo", "bro/misc", "bro/events/bar"]) b.publish(topic, "ev", topic);
    await inbox.until(2);
    expect(inbox.firsts).toEqual(["bro/events/foo", "bro/events/bar"]);
  });

  test("an event that matches several prefixes comes once", async () => {
    await using all = new Endpoints();
    const [a, b] = await pair(all);
    const inbox = new Inbox(a, "ev");
    for (const prefix of ["", "t", "t/"]) await a.subscribe(prefix);
    b.publish("t/x", "ev", count(1));
    b.publish("t/x", "ev", count(2));
    await inbox.until(2);
    expect(inbox.firsts).toEqual([1n, 2n]);
  });
});

describe("publish", () => {
  test("[A40][B4] does not call handlers of the publisher, although it subscribes", async () => {
    await using all = new Endpoints();
    const [a, b] = await pair(all);
    const [own, far] = [new Inbox(a, "ev"), new Inbox(b, "ev")];
    await Promise.all([a.subscribe("t/"), b.subscribe("t/")]);
    expect(a.publish("t/x", "ev", count(1))).toBe(true);
    await far.until(1);
    expect(own.events).toEqual([]);
  });

  test("[A39] an event is made once and published twice", async () => {
    await using all = new Endpoints();
    const [a, b] = await pair(all);
    const inbox = new Inbox(a, "ev");
    await a.subscribe("t/");
    const event = b.makeEvent("ev", count(7), ["list"]);
    b.publish("t/1", event);
    b.publish("t/2", event);
    expect((await inbox.until(2)).map(({ topic, args }) => [topic, args])).toEqual([
      ["t/1", event.args],
      ["t/2", event.args],
    ]);
  });

  test("without a peer it is true, and does nothing", () => {
    expect(new Endpoint().publish("t", "ev")).toBe(true);
  });

  test("[C7] one call reaches every subscriber", async () => {
    await using all = new Endpoints();
    const hub = all.make();
    const bound = await hub.listen("inproc://hub");
    const readers = Array.from({ length: 5 }, () => all.make());
    const inboxes = readers.map((reader) => new Inbox(reader, "ev"));
    for (const reader of readers) {
      await reader.subscribe("t/");
      await all.dial(reader, bound);
    }
    hub.publish("t/x", "ev", count(1));
    await Promise.all(inboxes.map((inbox) => inbox.until(1)));
    expect(inboxes.map(({ firsts }) => firsts)).toEqual(readers.map(() => [1n]));
  });

  test("[C8] a topic of a group reaches the group, and nobody else", async () => {
    await using all = new Endpoints();
    const hub = all.make();
    const bound = await hub.listen("inproc://groups");
    const [tier1, tier2] = [all.make(), all.make()];
    const inboxes = [new Inbox(tier1, "ev"), new Inbox(tier2, "ev")] as const;
    await Promise.all([tier1.subscribe("tier/1/"), tier2.subscribe("tier/2/")]);
    await all.dial(tier1, bound);
    await all.dial(tier2, bound);
    hub.publish("tier/1/x", "ev", "for 1");
    hub.publish("tier/2/x", "ev", "for 2");
    await Promise.all(inboxes.map((inbox) => inbox.until(1)));
    expect(inboxes.map(({ firsts }) => firsts)).toEqual([["for 1"], ["for 2"]]);
  });
});

describe("auto_publish", () => {
  test("[A41] one local dispatch runs the handlers here, and those of peers", async () => {
    await using all = new Endpoints();
    const [a, b] = await pair(all);
    const [here, there] = [new Inbox(a, "ev"), new Inbox(b, "ev")];
    await b.subscribe("t/");
    expect(a.autoPublish("t/auto", "ev")).toBe(true);
    expect(a.autoPublish("t/auto", "ev")).toBe(false);
    a.raise("ev", count(1));
    await there.until(1);
    expect(here.events).toMatchObject([{ isRemote: false, topic: "" }]);
    expect([here.firsts, there.firsts]).toEqual([[1n], [1n]]);
  });

  test("[A42] two endpoints that publish the same event by itself do not send it to and fro", async () => {
    await using all = new Endpoints();
    const [a, b] = await pair(all);
    const [atA, atB] = [new Inbox(a, "ev", "end"), new Inbox(b, "ev", "end")];
    for (const endpoint of [a, b]) {
      await endpoint.subscribe("t/");
      endpoint.autoPublish("t/auto", "ev");
    }
    a.raise("ev", count(1));
    await atB.until(1);
    b.publish("t/end", "end");
    await atA.until(2);
    a.publish("t/end", "end");
    await atB.until(2);
    expect([atA, atB].map(({ events }) => events.map(({ name }) => name))).toEqual([
      ["ev", "end"],
      ["ev", "end"],
    ]);
  });

  test("ends with autoUnpublish; the handlers here still run", async () => {
    await using all = new Endpoints();
    const [a, b] = await pair(all);
    const [here, there] = [new Inbox(a, "ev"), new Inbox(b, "ev", "end")];
    await b.subscribe("t/");
    a.autoPublish("t/auto", "ev");
    expect([a.autoUnpublish("t/auto", "ev"), a.autoUnpublish("t/auto", "ev")]).toEqual([true, false]);
    a.raise("ev");
    a.publish("t/end", "end");
    expect((await there.until(1)).map(({ name }) => name)).toEqual(["end"]);
    expect(here.events).toHaveLength(1);
  });

  test("[B5] an endpoint of a release without it says so", () => {
    const endpoint = new Endpoint({ hasAutoPublish: false });
    const refused = expect.objectContaining({ code: "not_supported_here" }) as Error;
    expect(() => endpoint.autoPublish("t", "ev")).toThrow(refused);
    expect(() => endpoint.autoUnpublish("t", "ev")).toThrow(refused);
  });
});

describe("handlers", () => {
  test("one that throws is reported and costs the next one nothing; one that was taken away is not called", () => {
    const endpoint = new Endpoint();
    const called: string[] = [];
    const stop = endpoint.on("ev", () => called.push("gone"));
    endpoint.on("ev", () => called.push("first"));
    endpoint.on("ev", () => called.push("second"));
    stop();
    endpoint.raise("ev");
    expect(called).toEqual(["first", "second"]);
  });

  test("an identifier that is declared takes the value that a peer publishes, another one does not", async () => {
    await using all = new Endpoints();
    const [a, b] = await pair(all);
    const inbox = new Inbox(b, "end");
    await b.subscribe("t/");
    b.identifiers.declare("Site::threshold", count(1));
    a.publishId("t/ids", "Site::threshold", count(5));
    a.publishId("t/ids", "Site::unknown", count(5));
    a.publish("t/end", "end");
    await inbox.until(1);
    expect(b.identifiers.get("Site::threshold")).toEqual(count(5));
    expect(b.identifiers.get("Site::unknown")).toBeUndefined();
  });
});
