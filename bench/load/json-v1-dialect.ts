/**
 * JSON v1 at the fabric, and the same texts at the bare relay of bench/json-v1. Clients do as little per message as the
 * check allows: no JSON, no strings.
 */
import { once } from "node:events";
import { FrameReader, openWebSocket, RingPublisher, type Connection, type Dialect } from "./client.ts";
import { ageUs, counterOf, MESSAGE_BYTES, messageTemplate, publisherOf, topicOf } from "./message.ts";
import type { LoadTarget } from "./plan.ts";

type Role = "publish" | "subscribe";

async function connect(target: LoadTarget, role: Role, group: number): Promise<Connection> {
  if (target.dialect === "bare") return openWebSocket(target, `/${role}/${group}`);
  const connection = await openWebSocket(target, "/v1/messages/json");
  connection.ws.send(JSON.stringify(role === "subscribe" ? [topicOf(group)] : []));
  const [ack] = (await once(connection.ws, "message")) as [Buffer];
  if (!ack.toString().startsWith('{"type":"ack"')) throw new Error(`expected an ack, got ${ack.toString()}`);
  return connection;
}

export const jsonV1Dialect: Dialect = {
  unitEvents: () => 1,
  async publish(target, group, index, _shape, window) {
    const connection = await connect(target, "publish", group);
    return new RingPublisher(connection, group, index, messageTemplate(group, index), window);
  },
  async subscribe(target, group, shape, onUnit) {
    const { ws } = await connect(target, "subscribe", group);
    const isTimed = shape.rate > 0;
    return new FrameReader(ws, group, shape.publishers, (message, tally) => {
      const isOurs = message.length === MESSAGE_BYTES;
      tally.take(isOurs ? publisherOf(message) : -1, isOurs ? counterOf(message) : -1);
      onUnit(isTimed ? ageUs(message) : 0);
    });
  },
};
