/**
 * Native frames at the fabric: the raw protocol (PROTOCOL.md, "Native protocol"), without the SDK. Readers take frames
 * as they were published, and say what they have consumed, as the SDK does.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { WebSocket } from "ws";
import { LIMITS } from "../../src/base/limits.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { Frame, FrameOf, Position } from "../../src/protocol/frame.ts";
import { PROTOCOL_VERSIONS, SUBPROTOCOL } from "../../src/protocol/handshake.ts";
import { fromBytes, parsePrefix } from "../../src/protocol/topic.ts";
import { batchAgeUs, batchCounter, batchFrame, batchPublisher, EVENT_BYTES, groupPrefix } from "./batch.ts";
import {
  closeWebSocket,
  FrameReader,
  openWebSocket,
  RingPublisher,
  type Connection,
  type Dialect,
} from "./client.ts";
import type { LoadTarget } from "./plan.ts";

/** What the bench keeps on its way fits: a router that had to let readers wait would measure its queue. */
const WINDOW_BYTES = 4 * LIMITS.readerWindowBytes;
/** What a reader consumes before it says so. */
const TOLD_AFTER_BYTES = WINDOW_BYTES / 4;

/** Opens a native connection that has been welcomed. */
async function connectNative(target: LoadTarget): Promise<Connection> {
  const connection = await openWebSocket(target, "/v1/connect", [SUBPROTOCOL]);
  await ask(connection.ws, "welcome", {
    type: "hello",
    versions: PROTOCOL_VERSIONS,
    instance: fromBytes(randomBytes(16)),
    connection: 1,
    options: { client: "bench", encodings: ["json", "cbor"], resume: true, window: WINDOW_BYTES },
  });
  return connection;
}

/** Subscribes, and resolves when the subscription is live. */
async function subscribeNative(ws: WebSocket, prefix: string): Promise<void> {
  const prefixes = [parsePrefix(prefix)];
  await ask(ws, "subscribed", { type: "subscribe", id: 1, prefixes, positions: [], options: {} });
}

async function ask(ws: WebSocket, expected: Frame["type"], frame: Frame): Promise<void> {
  ws.send(encodeFrame(frame));
  const [answer] = (await once(ws, "message")) as [Buffer];
  const got = decodeFrame(answer);
  if (got.type !== expected) throw new Error(`expected ${expected}, got ${JSON.stringify(got)}`);
}

export const nativeDialect: Dialect = {
  async idle(target, number) {
    const { ws } = await connectNative(target);
    await subscribeNative(ws, `zeek/idle/${number}`);
    return { close: () => closeWebSocket(ws) };
  },
  unitEvents: (shape) => shape.events ?? 1,
  async publish(target, group, index, shape, window) {
    const connection = await connectNative(target);
    const { events = 1, topics = 1 } = shape;
    return new RingPublisher(
      connection,
      group,
      index,
      batchFrame({ group, publisher: index, events, topics }),
      window,
    );
  },
  async subscribe(target, group, shape, onUnit) {
    const { ws } = await connectNative(target);
    await subscribeNative(ws, groupPrefix(group));
    const isTimed = shape.rate > 0;
    const unitBytes = EVENT_BYTES * (shape.events ?? 1);
    let untoldBytes = 0;
    return new FrameReader(ws, group, shape.publishers, (message, tally) => {
      const frame = decodeFrame(message);
      if (frame.type !== "deliver") throw new Error(`a reader got ${JSON.stringify(frame)}`);
      untoldBytes += message.length;
      if (untoldBytes >= TOLD_AFTER_BYTES) {
        ws.send(encodeFrame({ type: "credit", position: endOf(frame), window: WINDOW_BYTES }));
        untoldBytes = 0;
      }
      for (const payload of payloadsOf(frame)) {
        // The fabric may join what stood in several frames.
        for (let at = 0; at < payload.length; at += unitBytes) {
          tally.take(batchPublisher(payload, at), batchCounter(payload, at));
          onUnit(isTimed ? batchAgeUs(payload, at) : 0);
        }
      }
    });
  },
};

function payloadsOf(frame: FrameOf<"deliver">): Uint8Array[] {
  return frame.frames.flatMap((f) => f.segments.map((segment) => segment.payload));
}

function endOf({ router, incarnation, prev, frames }: FrameOf<"deliver">): Position {
  return { router, incarnation, seq: frames.at(-1)?.seq ?? prev };
}
