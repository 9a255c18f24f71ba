/**
 * Raw writes: chunks of files, to all who subscribe to a topic, and to R2 under `files/<path>` through a logger. One
 * logger has a file, so its chunks stand in the order in which they were written.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { hrwWeight, sitesOf } from "../cluster/hrw.ts";
import { stringDigest } from "../cluster/key-digest.ts";
import { fileStream } from "../logs/file-stream.ts";
import { rawWrite } from "../protocol/raw-write.ts";
import type { LogConnection } from "./log-delivery.ts";
import { hashOf } from "./log-seal.ts";
import { QueueDelivery } from "./queue-delivery.ts";
import type { Argument } from "./values.ts";

/** What it needs of a client. */
export interface FilePort extends LogConnection {
  publishAcked(topic: string, name: string, args: readonly Argument[]): Promise<unknown>;
}

export class FileWrites {
  readonly #port: FilePort;
  /** By the logger that they would rather have. */
  readonly #queues = new Map<string, QueueDelivery>();
  readonly #pending = new Set<Promise<void>>();
  #heldBytes = 0;
  #order: Promise<unknown> = Promise.resolve();

  /** To be made before the client's first welcome. */
  constructor(port: FilePort) {
    this.#port = port;
    port.on("close", (error) => {
      const reason = error ?? new FabricError("shutting_down", "the client is closed");
      for (const queue of this.#queues.values()) queue.end(reason);
    });
  }

  /**
   * Appends a chunk to a file: the event `Broker::raw_write(path, data)` under the topic, and bytes in R2, unless there is
   * no logger or no byte. Resolves when both are acknowledged; chunks keep the order of the calls. Throws `invalid_data` for a
   * path that may not be (src/logs/file-stream.ts), `too_large` past `LIMITS.logBatchBytesMax`, `publisher_too_fast` when
   * more than `LIMITS.logHeldBytesMax` wait, and what `publishAcked` throws.
   */
  async write(topic: string, path: string, data: Uint8Array | string): Promise<void> {
    const written = this.#write(topic, path, data);
    this.#pending.add(written);
    try {
      await written;
    } finally {
      this.#pending.delete(written);
    }
  }

  /** @internal Resolves when no write is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  async #write(topic: string, path: string, data: Uint8Array | string): Promise<void> {
    const stream = fileStream(path);
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data.slice();
    if (bytes.length > LIMITS.logBatchBytesMax) {
      throw new FabricError("too_large", `a chunk has at most ${LIMITS.logBatchBytesMax} bytes`);
    }
    if (this.#heldBytes + bytes.length > LIMITS.logHeldBytesMax) {
      throw new FabricError("publisher_too_fast", `${this.#heldBytes} bytes of files wait`);
    }
    this.#heldBytes += bytes.length;
    const { name, args } = rawWrite(path, bytes);
    const told = this.#port.publishAcked(topic, name, args);
    const stored = this.#store(stream, path, bytes);
    try {
      const [first] = (await Promise.allSettled([told, stored])).filter(
        ({ status }) => status === "rejected",
      );
      if (first?.status === "rejected") throw first.reason as Error;
    } finally {
      this.#heldBytes -= bytes.length;
    }
  }

  /** Hashing takes turns of the event loop: chunks wait for those before them. */
  async #store(stream: string, path: string, bytes: Uint8Array): Promise<void> {
    const queue = bytes.length === 0 ? undefined : this.#queueOf(path);
    if (queue === undefined) return;
    const hashed = Promise.all([hashOf(bytes), this.#order]);
    this.#order = hashed;
    const [hash] = await hashed;
    await queue.add({ stream, records: 1, hash, bytes });
  }

  /** The loggers, those that are disabled too, by their weight for the path: so that all writers of a file choose alike. */
  #queueOf(path: string): QueueDelivery | undefined {
    const names = this.#port.welcome.loggers.map(({ name }) => name);
    const digest = stringDigest(path);
    const weights = sitesOf(names).map(({ siteId }) => hrwWeight(siteId, digest));
    const order = names.map((_, i) => i).toSorted((a, b) => weights[b]! - weights[a]!);
    const [owner, ...others] = order.map((i) => names[i]!);
    if (owner === undefined) return undefined;
    let queue = this.#queues.get(owner);
    if (queue === undefined) {
      queue = new QueueDelivery(this.#port, [owner, ...others]);
      this.#queues.set(owner, queue);
    }
    return queue;
  }
}
