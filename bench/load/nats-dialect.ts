/** The same events through NATS' official client over WebSocket. It coalesces publishes by itself; payloads are opaque. */
import { wsconnect } from "@nats-io/nats-core";
import { batchCounter, batchPayload, setBatchCounter } from "./batch.ts";
import { CHECK_STRIDE, Tally, takeEvent, type Dialect } from "./client.ts";
import type { LoadTarget } from "./plan.ts";

const connect = (target: LoadTarget) =>
  wsconnect({ servers: target.origin.replace(/^http/, "ws"), reconnect: false });
const subjectOf = (group: number) => `zeek.bench.${group}.00000`;

export const natsDialect: Dialect = {
  unitEvents: () => 1,
  async publish(target, group, index) {
    const connection = await connect(target);
    const subject = subjectOf(group);
    const same = batchPayload(index, 1);
    let sent = 0;
    return {
      group,
      index,
      get sent() {
        return sent;
      },
      send(count) {
        for (const end = sent + count; sent < end; sent++) {
          const payload = sent % CHECK_STRIDE === 0 ? new Uint8Array(same) : same;
          if (payload !== same) setBatchCounter(payload, sent);
          connection.publish(subject, payload);
        }
      },
      close: () => connection.close(),
    };
  },
  async subscribe(target, group, shape, onUnit) {
    const connection = await connect(target);
    const tally = new Tally(shape.publishers);
    let closed: string | undefined;
    void connection.closed().then((error) => (closed = error instanceof Error ? error.message : "closed"));
    connection.subscribe(subjectOf(group), {
      callback: (error, message) => {
        if (error !== null) throw error;
        takeEvent(tally, () => batchCounter(message.data));
        onUnit(0);
      },
    });
    await connection.flush(); // the subscription is live
    return {
      group,
      tally,
      get closed() {
        return closed;
      },
      close: () => connection.close(),
    };
  },
};
