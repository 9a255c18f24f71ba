/** Events over several endpoints: one hop, or more where messages are forwarded; each once, in rings and meshes too. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/base/limits.ts";
import { count } from "../../../src/data/value.ts";
import type { Endpoint } from "../../../src/endpoint/endpoint.ts";
import { Endpoints, Inbox, join } from "../../support/endpoints.ts";

const forwarding = { forwardMessages: true };

/** Everybody forwards t/. */
async function forwardAll(endpoints: readonly Endpoint[]): Promise<void> {
  for (const endpoint of endpoints) await endpoint.forward("t/");
}

describe("one hop", () => {
  test("what came from a peer goes no further, whoever dialled whom", async () => {
    await using all = new Endpoints();
    const [a, b, c] = await all.line(3);
    const inbox = new Inbox(c!, "ev", "end");
    await b!.subscribe("t/");
    await c!.subscribe("t/");
    const middle = new Inbox(b!, "ev");
    a!.publish("t/x", "ev");
    await middle.until(1);
    b!.publish("t/x", "end");
    expect((await inbox.until(1)).map(({ name }) => name)).toEqual(["end"]);
  });

  test("a forwarded prefix alone forwards nothing, and is not handled", async () => {
    await using all = new Endpoints();
    const [a, b, c] = await all.line(3);
    expect([await b!.forward("t/"), await b!.forward("t/")]).toEqual([true, false]);
    await b!.subscribe("u/");
    await c!.subscribe("t/");
    const [middle, end] = [new Inbox(b!, "ev", "end"), new Inbox(c!, "ev", "end")];
    a!.publish("t/x", "ev");
    a!.publish("u/x", "end");
    expect((await middle.until(1)).map(({ name }) => name)).toEqual(["end"]);
    b!.publish("t/x", "end");
    expect((await end.until(1)).map(({ name }) => name)).toEqual(["end"]);
  });
});

describe("forwarding", () => {
  test.each([
    ["from the first to the last", 0, 4],
    ["from the last to the first", 4, 0],
  ])("[C4] over a line of five, %s, with the origin of the first", async (_name, from, to) => {
    await using all = new Endpoints();
    const line = await all.line(5, forwarding);
    const inbox = new Inbox(line[to]!, "ev");
    await line[to]!.subscribe("t/");
    await forwardAll(line.filter((_, i) => i !== from && i !== to));
    for (let n = 1; n <= 10; n++) line[from]!.publish("t/x", "ev", count(n));
    const events = await inbox.until(10);
    expect(inbox.firsts).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n]);
    expect(new Set(events.map(({ origin }) => origin))).toEqual(new Set([line[from]!.nodeId()]));
    expect(events[0]!.metadata).toEqual([]);
  });

  test("over a ring of four each event comes to each once, and the ring is quiet then", async () => {
    await using all = new Endpoints();
    const ring = await all.line(4, forwarding);
    await join(ring[0]!, ring[3]!);
    const inboxes = ring.map((endpoint) => new Inbox(endpoint, "ev"));
    for (const endpoint of ring) await endpoint.subscribe("t/");
    for (const [i, endpoint] of ring.entries()) endpoint.publish("t/x", "ev", count(i));
    await Promise.all(inboxes.map((inbox) => inbox.until(3)));
    await quiet(ring);
    for (const [i, inbox] of inboxes.entries()) {
      expect(new Set(inbox.firsts)).toEqual(new Set([0n, 1n, 2n, 3n].filter((n) => n !== BigInt(i))));
      expect(inbox.events).toHaveLength(3);
    }
    expect(ring.some(({ counts }) => counts.repeats > 0)).toBe(true);
  });

  test("over a full mesh of five, too", async () => {
    await using all = new Endpoints();
    const mesh = Array.from({ length: 5 }, () => all.make(forwarding));
    for (const [i, listener] of mesh.entries()) {
      for (const dialler of mesh.slice(i + 1)) await join(dialler, listener);
    }
    const inboxes = mesh.map((endpoint) => new Inbox(endpoint, "ev"));
    for (const endpoint of mesh) await endpoint.subscribe("t/");
    for (let n = 1; n <= 20; n++) mesh[n % 5]!.publish("t/x", "ev", count(n));
    await Promise.all(inboxes.map((inbox) => inbox.until(16)));
    await quiet(mesh);
    for (const [i, inbox] of inboxes.entries()) {
      const others = Array.from({ length: 20 }, (_, n) => n + 1).filter((n) => n % 5 !== i);
      expect(inbox.firsts.map(Number).toSorted((x, y) => x - y)).toEqual(others);
    }
  });

  test("an event goes over hopsMax connections and no further", async () => {
    await using all = new Endpoints();
    const line = await all.line(LIMITS.hopsMax + 2, forwarding);
    const inboxes = line.map((endpoint) => new Inbox(endpoint, "ev"));
    for (const endpoint of line) await endpoint.subscribe("t/");
    line[0]!.publish("t/x", "ev");
    await inboxes[LIMITS.hopsMax]!.until(1);
    await quiet(line);
    expect(inboxes.map(({ events }) => events.length)).toEqual([
      0,
      ...Array<number>(LIMITS.hopsMax).fill(1),
      0,
    ]);
    expect(line[LIMITS.hopsMax]!.counts).toMatchObject({ tooFar: 1, relayed: 0 });
  });
});

/** Whatever was on its way when all endpoints have flushed, each hop after the other, has arrived. */
async function quiet(endpoints: readonly Endpoint[]): Promise<void> {
  for (let hop = 0; hop <= endpoints.length; hop++) {
    await Promise.all(endpoints.map((endpoint) => endpoint.flush()));
    await new Promise(setImmediate);
  }
}
