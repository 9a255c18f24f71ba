/**
 * Native events through the SDK, one `publish` and one handler call for each, as programs use it: handlers that read the
 * arguments, or leave all but a sample of events unread.
 */
import type { Value } from "../../src/data/value.ts";
import { connect } from "../../src/sdk/index.ts";
import { batchTopic, counterOfArgs, EVENT_NAME, eventArgs, FILLER, groupPrefix } from "./batch.ts";
import { CHECK_STRIDE, Tally, takeEvent, type Dialect } from "./client.ts";

/** Handlers do not read what they are given. */
export const sdkDialect = dialectOf(false);
/** Handlers read the arguments of each event. */
export const sdkArgsDialect = dialectOf(true);

function dialectOf(areArgsRead: boolean): Dialect {
  return {
    unitEvents: () => 1,
    async publish(target, group, index) {
      const client = await connect(target.origin);
      const topic = batchTopic(group, 0);
      const same: readonly Value[] = eventArgs(index, 0, 0, FILLER);
      let sent = 0;
      return {
        group,
        index,
        get sent() {
          return sent;
        },
        send(count) {
          for (const end = sent + count; sent < end; sent++) {
            const args = sent % CHECK_STRIDE === 0 ? eventArgs(index, sent, 0, FILLER) : same;
            client.publish(topic, EVENT_NAME, args);
          }
        },
        close: () => client.close(),
      };
    },
    async subscribe(target, group, shape, onUnit) {
      const client = await connect(target.origin);
      const tally = new Tally(shape.publishers);
      let closed: string | undefined;
      client.on("close", (error) => (closed = error?.code ?? "closed"));
      await client.subscribe(groupPrefix(group), (event) => {
        const counter = areArgsRead ? counterOfArgs(event.args) : undefined;
        takeEvent(tally, () => counter ?? counterOfArgs(event.args));
        onUnit(0);
      });
      return {
        group,
        tally,
        get closed() {
          return closed;
        },
        close: () => client.close(),
      };
    },
  };
}
