/**
 * Subscriptions with a policy of their own: what becomes of events that the client is too slow for is decided for each
 * connection, so these have one more, which they share with all that have the same policy.
 */
import { FabricError } from "../base/errors.ts";
import type { Client } from "./client.ts";
import type { ClientEvents } from "./client-events.ts";
import type { ConnectOptions } from "./connect-options.ts";
import type { Handlers } from "./handlers.ts";
import type { SubscribeOptions } from "./subscriptions.ts";

/** What a subscription may choose for itself. */
type Policy = Pick<SubscribeOptions, "overflow" | "queueBytes">;

export class SideClients {
  readonly #options: ConnectOptions;
  readonly #make: (options: ConnectOptions) => Client;
  readonly #handlers: Handlers<ClientEvents>;
  readonly #failed: (error: FabricError) => void;
  readonly #clients = new Map<string, Client>();

  /**
   * @param make Makes a client that connects until it is closed, and takes this client's events for its own.
   * @param failed A connection has ended for good.
   */
  constructor(
    options: ConnectOptions,
    make: (options: ConnectOptions) => Client,
    handlers: Handlers<ClientEvents>,
    failed: (error: FabricError) => void,
  ) {
    this.#options = options;
    this.#make = make;
    this.#handlers = handlers;
    this.#failed = failed;
  }

  /** The client of a subscription; undefined when it has no policy of its own. */
  of({ overflow, queueBytes }: Policy): Client | undefined {
    const { overflow: usual = "drop_oldest", queueBytes: usualBytes } = this.#options;
    const policy = { overflow: overflow ?? usual, queueBytes: queueBytes ?? usualBytes };
    if (policy.overflow === usual && policy.queueBytes === usualBytes) return undefined;
    const key = `${policy.overflow} ${policy.queueBytes}`;
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = this.#tellOf(
        this.#make({ ...this.#options, ...policy, name: undefined, nodeType: undefined }),
      );
      this.#clients.set(key, client);
    }
    return client;
  }

  /** What they hold, bytes. */
  get heldBytes(): number {
    let sum = 0;
    for (const { heldBytes } of this.#clients.values()) sum += heldBytes;
    return sum;
  }

  abort(): void {
    for (const client of this.#clients.values()) client.abort();
    this.#clients.clear();
  }

  #tellOf(client: Client): Client {
    this.#pass(client, "gap");
    this.#pass(client, "drop");
    this.#pass(client, "recovered");
    client.on("close", (error) => {
      if (error !== undefined) this.#failed(error);
    });
    return client;
  }

  #pass(client: Client, type: keyof ClientEvents): void {
    client.on(type, (value) => this.#handlers.emit(type, value));
  }
}
