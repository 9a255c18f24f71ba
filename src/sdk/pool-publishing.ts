/**
 * Events for one node of a pool (Zeek's `Cluster::publish_hrw`, `publish_rr`). The fabric's session chooses the node; an
 * event is kept here until a node has handled it, over lost connections too. So it is handled at least once, and the
 * promise tells by whom, or that nobody would.
 */
import { FabricError, isErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { CborWriter } from "../data/cbor-writer.ts";
import { writeValue } from "../data/cbor-value.ts";
import type { FrameOf } from "../protocol/frame.ts";
import type { PoolKey, PublishPoolFrame } from "../protocol/pool-frame.ts";
import { encodeEvents } from "../protocol/transcode.ts";
import type { MemberRequest } from "./client-engine.ts";
import type { ClientEvents } from "./client-events.ts";
import type { Transport } from "./socket.ts";
import { toValue, type Argument } from "./values.ts";

/** What it needs of a client. */
export interface PoolPort {
  readonly transport: Transport;
  on<K extends keyof ClientEvents>(type: K, handler: (value: ClientEvents[K]) => void): () => void;
  sendMember(frame: MemberRequest): boolean;
}

/** The end of an event for a node of a pool. */
export interface PoolAck {
  /** Name of the node that has handled it. */
  readonly handledBy: string;
}

interface Held {
  readonly frame: PublishPoolFrame;
  readonly size: number;
  readonly end: PromiseWithResolvers<PoolAck>;
  isSent: boolean;
}

export class PoolPublishing {
  readonly #port: PoolPort;
  /** By id, in the order of publishing: what is sent in front. */
  readonly #held = new Map<number, Held>();
  readonly #unsent: Held[] = [];
  #bytes = 0;
  #sentBytes = 0;
  #id = 0;
  #failure: FabricError | undefined;

  /** To be made before the client's first welcome. */
  constructor(port: PoolPort) {
    this.#port = port;
    port.on("member", (frame) => {
      if (frame.type === "handled") this.#handled(frame);
      else if (frame.type === "unhandled") this.#unhandled(frame);
    });
    port.on("welcome", () => this.#resend());
    port.on("close", (error) => this.#end(error ?? new FabricError("shutting_down", "the client is closed")));
  }

  /**
   * Publishes an event to the node of a pool that has the key, by highest random weight as Zeek does it. Resolves when
   * the node has handled it. Throws `no_receiver` when no node is alive, `unhandled`, `not_found` for a pool that there
   * is not, `invalid_data`, `forbidden`, `too_large`, `publisher_too_fast` when too much waits, `not_supported_here` over
   * JSON v1, or what ended the client: then nobody knows.
   *
   * @example
   * const { handledBy } = await client.pools.publishHrw("proxy", addr("10.0.0.1"), "Known::host", [addr("10.0.0.1")]);
   */
  async publishHrw(
    pool: string,
    key: Argument,
    name: string,
    args: readonly Argument[] = [],
  ): Promise<PoolAck> {
    const writer = new CborWriter();
    writeValue(writer, toValue(key));
    return this.#publish(pool, { choice: "hrw", key: writer.finish() }, name, args);
  }

  /** Publishes an event to the node of a pool whose turn it is; each key has a rotation of its own. As `publishHrw`. */
  async publishRr(pool: string, key: string, name: string, args: readonly Argument[] = []): Promise<PoolAck> {
    return this.#publish(pool, { choice: "rr", key }, name, args);
  }

  /** @internal Publishes an event to a node of a pool that the caller has chosen in turn; to the next one if it is gone. */
  async publishTo(pool: string, node: string, name: string, args: readonly Argument[]): Promise<PoolAck> {
    return this.#publish(pool, { choice: "node", key: node }, name, args);
  }

  /** @internal Resolves when no event is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled(Array.from(this.#held.values(), ({ end }) => end.promise));
  }

  async #publish(pool: string, key: PoolKey, name: string, args: readonly Argument[]): Promise<PoolAck> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#port.transport !== "native") {
      throw new FabricError("not_supported_here", "over JSON v1, publish to selvedge/pool/POOL/hrw or /rr");
    }
    const payload = encodeEvents([{ name, args: args.map(toValue), metadata: [] }]);
    const size = payload.length + key.key.length + HELD_BYTES;
    if (this.#bytes + size > LIMITS.clientBufferBytesMax) {
      throw new FabricError("publisher_too_fast", `${this.#bytes} bytes wait for nodes of pools`);
    }
    const id = ++this.#id;
    const frame: PublishPoolFrame = {
      type: "publishPool",
      id,
      repeat: false,
      pool,
      ...key,
      count: 1,
      payload,
    };
    const held: Held = { frame, size, end: Promise.withResolvers<PoolAck>(), isSent: false };
    this.#held.set(id, held);
    this.#unsent.push(held);
    this.#bytes += size;
    this.#send();
    return held.end.promise;
  }

  /** What the window has room for; the rest waits here. */
  #send(): void {
    let count = 0;
    for (const held of this.#unsent) {
      if (this.#sentBytes >= LIMITS.clientPoolWindowBytes || !this.#port.sendMember(held.frame)) break;
      held.isSent = true;
      this.#sentBytes += held.size;
      count++;
    }
    this.#unsent.splice(0, count);
  }

  /** A new connection: its session knows nothing of what went over the one before. */
  #resend(): void {
    for (const { frame, isSent } of this.#held.values()) {
      if (isSent) this.#port.sendMember({ ...frame, repeat: true });
    }
    this.#send();
  }

  #handled({ done }: FrameOf<"handled">): void {
    for (const { id, by } of done) this.#take(id)?.end.resolve({ handledBy: by });
    this.#send();
  }

  #unhandled({ id, code, message }: FrameOf<"unhandled">): void {
    this.#take(id)?.end.reject(new FabricError(isErrorCode(code) ? code : "unhandled", message));
    this.#send();
  }

  #take(id: number): Held | undefined {
    const held = this.#held.get(id);
    if (held === undefined) return undefined;
    this.#held.delete(id);
    this.#bytes -= held.size;
    this.#sentBytes -= held.size;
    return held;
  }

  #end(error: FabricError): void {
    this.#failure = error;
    for (const { end } of this.#held.values()) end.reject(error);
    this.#held.clear();
    this.#unsent.splice(0);
  }
}

/** What an event takes here and in its session beside its bytes. */
const HELD_BYTES = 256;
