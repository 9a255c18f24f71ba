/** Subscriptions of a node: an event comes once, however many of them match. */
import { expect, it } from "vitest";
import { NodeSubscriptions } from "../../../src/node/subscriptions.ts";
import { parsePrefix } from "../../../src/protocol/topic.ts";
import type { Client } from "../../../src/sdk/client.ts";
import type { ReceivedEvent } from "../../../src/sdk/received-event.ts";

type Handler = (event: ReceivedEvent) => unknown;

/** The part of a client that hands each event to every subscription that matches. */
function clientOf(): { client: Client; publish: (topic: string) => void; prefixes: () => readonly string[] } {
  const handlers = new Map<string, Handler>();
  const subscribe = async (prefix: string, handler: Handler) => {
    if (prefix === "forbidden") throw new Error("forbidden");
    handlers.set(prefix, handler);
    return Promise.resolve({ unsubscribe: async () => Promise.resolve(void handlers.delete(prefix)) });
  };
  return {
    client: { subscribe } as unknown as Client,
    publish: (topic) => {
      for (const [prefix, handler] of handlers) {
        if (topic.startsWith(prefix)) void handler({ topic } as ReceivedEvent);
      }
    },
    prefixes: () => [...handlers.keys()],
  };
}

it("delivers an event that several prefixes match once, whichever of them go", async () => {
  const { client, publish, prefixes } = clientOf();
  const got: string[] = [];
  const subscriptions = new NodeSubscriptions(client, ({ topic }) => void got.push(topic));
  for (const prefix of ["a/", "a/b/", ""]) await subscriptions.add(parsePrefix(prefix));
  await subscriptions.add(parsePrefix("a/"));
  for (const topic of ["a/b/c", "a/x", "z"]) publish(topic);
  expect(got.splice(0)).toEqual(["a/b/c", "a/x", "z"]);
  await subscriptions.remove(parsePrefix("a/"));
  await subscriptions.remove(parsePrefix("never"));
  for (const topic of ["a/b/c", "a/x"]) publish(topic);
  expect(got).toEqual(["a/b/c", "a/x"]);
  expect(prefixes()).toEqual(["a/b/", ""]);
});

it("forgets a prefix that is refused, so that others deliver what it would have had", async () => {
  const { client, publish } = clientOf();
  const got: string[] = [];
  const subscriptions = new NodeSubscriptions(client, ({ topic }) => void got.push(topic));
  await expect(subscriptions.add(parsePrefix("forbidden"))).rejects.toThrow("forbidden");
  await subscriptions.add(parsePrefix("for"));
  publish("forbidden");
  expect(got).toEqual(["forbidden"]);
});
