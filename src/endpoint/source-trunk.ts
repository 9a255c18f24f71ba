/** Publishes into the endpoint's own router, as one publisher: this endpoint, or a peer that it has dialled. */
import { decodeFrame, encodeFrame } from "../protocol/frame-codec.ts";
import type { FabricEvent } from "../protocol/event.ts";
import type { InstanceId } from "../protocol/frame.ts";
import { PROTOCOL_VERSIONS } from "../protocol/handshake.ts";
import type { Topic } from "../protocol/topic.ts";
import { nextMacrotask } from "../sdk/macrotask.ts";
import { Publisher } from "../sdk/publisher.ts";
import { TABLE, type RouterHost } from "./router-host.ts";

export class SourceTrunk {
  readonly #host: RouterHost;
  readonly #trunk: string;
  readonly #publisher = new Publisher();
  #isFlushDue = false;
  readonly #drained: (() => void)[] = [];

  /** @param instance Whom readers see as the publisher. */
  constructor(host: RouterHost, instance: InstanceId) {
    this.#host = host;
    this.#trunk = host.open({ received: (bytes) => this.#received(bytes), closed: () => {} });
    const options = { table: TABLE };
    host.send(
      this.#trunk,
      encodeFrame({ type: "hello", versions: PROTOCOL_VERSIONS, instance, connection: 1, options }),
    );
  }

  /** Publishes with what else is published in this macrotask. Throws `publisher_too_fast` when too much waits. */
  push(topic: Topic, event: FabricEvent): void {
    this.#publisher.pushEvent(topic, event);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    nextMacrotask(() => this.flush());
  }

  /** Gives the router what waits, as far as its window goes. */
  flush(): void {
    this.#isFlushDue = false;
    for (const message of this.#publisher.take()) this.#host.send(this.#trunk, message);
  }

  /** Resolves when the router has sequenced what was published so far. */
  drained(): Promise<void> {
    this.flush();
    if (this.#publisher.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  close(): void {
    this.#host.close(this.#trunk);
    this.#tellDrained();
  }

  #received(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame.type !== "published") return;
    this.#publisher.acknowledged(frame.seq);
    if (!this.#publisher.isIdle) this.flush();
    if (this.#publisher.isIdle) this.#tellDrained();
  }

  #tellDrained(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}
