/**
 * The same events through NATS' official client over WebSocket, which coalesces publishes by itself. Payloads are opaque
 * to it: they are sent as they are, or made of events and read again by the SDK's own encoder and decoder.
 */
import { wsconnect } from "@nats-io/nats-core";
import { decodeEvents, encodeEvents } from "../../src/protocol/transcode.ts";
import {
  batchCounter,
  batchPayload,
  counterOfArgs,
  EVENT_NAME,
  eventArgs,
  FILLER,
  setBatchCounter,
} from "./batch.ts";
import { CHECK_STRIDE, Tally, takeEvent, type Dialect } from "./client.ts";
import type { LoadTarget } from "./plan.ts";

const connect = (target: LoadTarget) =>
  wsconnect({ servers: target.origin.replace(/^http/, "ws"), reconnect: false });
const subjectOf = (group: number) => `zeek.bench.${group}.00000`;

/** Publishers have the bytes, readers leave them unread. */
export const natsDialect = dialectOf(false);
/** Publishers encode each event, readers decode it. */
export const natsArgsDialect = dialectOf(true);

function dialectOf(isCoded: boolean): Dialect {
  return {
    unitEvents: () => 1,
    async publish(target, group, index) {
      const connection = await connect(target);
      const subject = subjectOf(group);
      const same = batchPayload(index, 1);
      const sameArgs = eventArgs(index, 0, 0, FILLER);
      let sent = 0;
      return {
        group,
        index,
        get sent() {
          return sent;
        },
        send(count) {
          for (const end = sent + count; sent < end; sent++) {
            if (isCoded) {
              const args = sent % CHECK_STRIDE === 0 ? eventArgs(index, sent, 0, FILLER) : sameArgs;
              connection.publish(subject, encodeEvents([{ name: EVENT_NAME, args, metadata: [] }]));
              continue;
            }
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
          const counter = isCoded ? counterOfArgs(decodeEvents(message.data, 1)[0]!.args) : undefined;
          takeEvent(tally, () => counter ?? batchCounter(message.data));
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
}
