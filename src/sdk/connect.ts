/** The way in. */
import { Client } from "./client.ts";
import type { ConnectOptions } from "./connect-options.ts";

/**
 * Connects to a fabric, or, when the URL's path is that of Zeek's WebSocket API (`/v1/messages/json`), to a Zeek.
 * Throws `unavailable` when nothing answers, the code of a refusal (`token_expired`, …), or the signal's reason. Once
 * connected, a lost connection is made again until `close`.
 *
 * @example
 * await using client = await connect("http://127.0.0.1:8787");
 * client.publish("zeek/hello", "Hello::greet", ["world", count(5)]);
 * for await (const event of client.subscribe("zeek/")) console.log(event.topic, event.name, event.args);
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<Client> {
  options.signal?.throwIfAborted();
  const client = new Client(url, options);
  await client.opened;
  return client;
}
