/** What the contract suites of /v1/messages/json share: clients that end with their test, and topics of their own. */
import type { ClientOptions } from "ws";
import { afterEach, expect } from "vitest";
import { endpointUrl, JsonClient } from "./json-v1-client.ts";
import { event, string } from "./json-v1-event.ts";
import { RawSocket, type UpgradeRequest } from "./ws-raw.ts";

/** The fabric under test: asked for within a test, because it starts in a hook. */
export type Fabric = () => { readonly url: string };

export interface Clients {
  open(options?: ClientOptions & { readonly path?: string }): Promise<JsonClient>;
  subscribed(...prefixes: readonly string[]): Promise<JsonClient>;
  /** An upgraded TCP socket. */
  raw(request?: UpgradeRequest & { readonly path?: string }): Promise<RawSocket>;
  /** A TCP socket with an acknowledged subscription to nothing. */
  rawPublisher(): Promise<RawSocket>;
}

/** Opens clients and ends them after each test. */
export function useClients(fabric: Fabric): Clients {
  const ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });
  const track = (client: JsonClient): JsonClient => {
    ends.push(() => client.terminate());
    return client;
  };
  const raw: Clients["raw"] = async ({ path, ...request } = {}) => {
    const socket = await RawSocket.open(endpointUrl(fabric().url, path), request);
    ends.push(() => socket.destroy());
    return socket;
  };
  return {
    open: async (options) => track(await JsonClient.open(fabric().url, options)),
    subscribed: async (...prefixes) => track(await JsonClient.subscribed(fabric().url, prefixes)),
    raw,
    rawPublisher: async () => {
      const socket = await raw();
      socket.text("[]");
      expect(await socket.nextText()).toContain('"type":"ack"');
      return socket;
    },
  };
}

let topics = 0;

/** A topic that no other test of this process uses. */
export const freshTopic = (): string => `test/${process.pid}/${++topics}/`;

let markers = 0;

/**
 * Publishes a marker and expects it as the reader's next message: whatever the publisher sent before it reached the
 * reader not at all, or was read already. Rests on the order of one publisher (§5.1).
 */
export async function expectNothingBefore(
  reader: JsonClient,
  publisher: { send(text: string): void },
  topic: string,
): Promise<void> {
  const marker = event(topic, "marker", [string(`marker ${++markers}`)]);
  publisher.send(marker);
  expect(await reader.next("the marker")).toBe(marker);
}
