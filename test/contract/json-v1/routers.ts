/** Several routers behind one connection (rules.md 7 to 9): the client cannot tell, but for the order across routers. */
import { describe, expect, test } from "vitest";
import { numbered, numberOf } from "../../support/json-v1-event.ts";
import { expectNothingBefore, freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";

/** The layout that this suite needs: prefixes inside one another, cut in the middle of a name and of a character. */
export const ROUTERS_LAYOUT = {
  routers: [
    { name: "rest", prefix: "" },
    { name: "zeek", prefix: "zeek/" },
    { name: "workers", prefix: "zeek/cluster/node/worker-1" },
    { name: "test", prefix: "te" },
  ],
} as const;

/** Topics of each router, by its name. */
const TOPICS: Readonly<Record<string, readonly string[]>> = {
  rest: ["", "z", "zee", "zeek", "t", "other/", "Zeek/"],
  zeek: ["zeek/", "zeek/control", "zeek/cluster/node/worker-2/", "zeek/cluster/node/worker-"],
  workers: ["zeek/cluster/node/worker-1", "zeek/cluster/node/worker-1/", "zeek/cluster/node/worker-10/"],
  test: ["te", "test/x", "tester"],
};
const ALL = Object.values(TOPICS).flat();

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

export function routersSuite(fabric: Fabric): void {
  describe("§4 subscriptions over several routers", () => {
    const clients = useClients(fabric);

    test.each([
      "",
      "z",
      "ze",
      "zeek/",
      "zeek/cluster/",
      "zeek/cluster/node/worker-1",
      "zeek/cluster/node/worker-10",
      "t",
      "te",
      "q",
    ])(
      "R7 R8 §4 prefix %j receives each matching topic of every router once, and no other",
      async (prefix) => {
        const reader = await clients.subscribed(prefix, "marker/");
        const publisher = await clients.subscribed();
        const expected = upTo(ALL.length).filter((i) => ALL[i]!.startsWith(prefix));
        ALL.forEach((topic, i) => publisher.send(numbered(topic, i)));
        const got = (await reader.take(expected.length)).map(numberOf);
        expect(got.toSorted((a, b) => a - b)).toEqual(expected);
        await expectNothingBefore(reader, publisher, "marker/");
      },
    );

    test("R9 §5.1 each router keeps a publisher's order, whatever the others carry", async () => {
      const reader = await clients.subscribed("");
      const publisher = await clients.subscribed();
      const names = Object.keys(TOPICS);
      for (const i of upTo(4000)) publisher.send(numbered(TOPICS[names[i % 4]!]![1]!, i));
      const got = (await reader.take(4000)).map(numberOf);
      for (const k of upTo(4))
        expect(got.filter((n) => n % 4 === k)).toEqual(upTo(1000).map((i) => 4 * i + k));
    });

    test("R7 §2.2 the ack comes when every router has the subscription: nothing after it is missed", async () => {
      const publisher = await clients.subscribed();
      for (let round = 0; round < 20; round++) {
        const reader = await clients.subscribed("");
        ALL.forEach((topic, i) => publisher.send(numbered(topic, i)));
        const got = (await reader.take(ALL.length)).map(numberOf);
        expect(got.toSorted((a, b) => a - b)).toEqual(upTo(ALL.length));
        await reader.close();
      }
    });

    test("§4 overlapping prefixes at several routers still give one copy", async () => {
      const reader = await clients.subscribed(
        "",
        "z",
        "zeek/",
        "zeek/cluster/node/worker-1",
        "zeek/cluster/node/worker-10/",
      );
      const publisher = await clients.subscribed();
      publisher.send(numbered("zeek/cluster/node/worker-10/", 1));
      expect(numberOf(await reader.next())).toBe(1);
      await expectNothingBefore(reader, publisher, "zeek/cluster/node/worker-1/");
    });

    test("§4 no own echo from any router", async () => {
      const a = await clients.subscribed("");
      const b = await clients.subscribed("");
      ALL.forEach((topic, i) => a.send(numbered(topic, i)));
      await b.take(ALL.length);
      for (const [, [topic]] of Object.entries(TOPICS)) await expectNothingBefore(a, b, topic!);
    });

    test("§3 publish to all routers, then close at once: all is delivered", async () => {
      const topic = freshTopic();
      const reader = await clients.subscribed("zeek/", topic, "other/");
      const publisher = await clients.open();
      publisher.send("[]");
      const topics = ["zeek/control", "zeek/cluster/node/worker-1/", topic, "other/"];
      for (const i of upTo(400)) publisher.send(numbered(topics[i % 4]!, i));
      await publisher.close(1000);
      const got = (await reader.take(400)).map(numberOf);
      for (const k of upTo(4))
        expect(got.filter((n) => n % 4 === k)).toEqual(upTo(100).map((i) => 4 * i + k));
    });
  });
}
