/** The frames of the native load at servers that relay them unread: a bare relay, or a partyserver room. */
import { batchAgeUs, batchCounter, batchFrame, batchPublisher } from "./batch.ts";
import { closeWebSocket, FrameReader, openWebSocket, RingPublisher, type Dialect } from "./client.ts";

function relayAt(pathOf: (role: "publish" | "subscribe", group: string) => string): Dialect {
  const frameOf = (group: number, publisher: number, events = 1) =>
    batchFrame({ group, publisher, events, topics: 1 });
  return {
    async idle(target, number) {
      const { ws } = await openWebSocket(target, pathOf("subscribe", `idle-${number}`));
      return { close: () => closeWebSocket(ws) };
    },
    unitEvents: (shape) => shape.events ?? 1,
    async publish(target, group, index, shape, window) {
      const connection = await openWebSocket(target, pathOf("publish", String(group)));
      return new RingPublisher(connection, group, index, frameOf(group, index, shape.events), window);
    },
    async subscribe(target, group, shape, onUnit) {
      const { ws } = await openWebSocket(target, pathOf("subscribe", String(group)));
      const { message, payloadAt } = frameOf(group, 0, shape.events);
      const isTimed = shape.rate > 0;
      return new FrameReader(ws, group, shape.publishers, (got, tally) => {
        const isOurs = got.length === message.length;
        tally.take(isOurs ? batchPublisher(got, payloadAt) : -1, isOurs ? batchCounter(got, payloadAt) : -1);
        onUnit(isTimed ? batchAgeUs(got, payloadAt) : 0);
      });
    },
  };
}

/** Frames of `events` events at bench/fabric/worker-relay.ts. */
export const relayDialect: Dialect = relayAt((role, group) => `/${role}/${group}`);

/** The same at a partyserver room for each group. Everybody in a room gets what the others send. */
export const partyDialect: Dialect = relayAt((role, group) => `/parties/room/${group}?role=${role}`);
