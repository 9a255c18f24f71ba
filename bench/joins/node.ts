/** A native node of the bench, and a watcher: raw frames (PROTOCOL.md, "Membership"), without the SDK. */
import { randomBytes } from "node:crypto";
import type { WebSocket } from "ws";
import { LIMITS } from "../../src/base/limits.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { Frame } from "../../src/protocol/frame.ts";
import { PROTOCOL_VERSIONS, SUBPROTOCOL } from "../../src/protocol/handshake.ts";
import type { ViewFrame } from "../../src/protocol/member-frame.ts";
import { fromBytes } from "../../src/protocol/topic.ts";
import { closeWebSocket, openWebSocket } from "../load/client.ts";
import { ViewCount } from "./view-count.ts";

const JOIN_ID = 1;

export interface NodeEvents {
  joined(tookMs: number): void;
  viewed(view: ViewCount, bytes: number, departures: number): void;
  closed(why: string): void;
}

/** Opens one; `name` undefined only watches. Resolves when it is welcomed; what follows is told. */
export async function openNode(
  origin: string,
  name: string | undefined,
  watches: boolean,
  events: NodeEvents,
): Promise<{ close(): Promise<void> }> {
  const startMs = performance.now();
  const target = { dialect: "native", origin, pid: 0 } as const;
  const { ws } = await openWebSocket(target, "/v1/connect", [SUBPROTOCOL]);
  const view = new ViewCount();
  let isClosing = false;
  ws.on("message", (message: Buffer) => {
    const frame = decodeFrame(message);
    if (frame.type === "joined") events.joined(performance.now() - startMs);
    else if (frame.type === "view") take(ws, view, frame, message.length, events);
    else if (frame.type === "error") events.closed(`${name}: ${frame.code} ${frame.message}`);
  });
  send(ws, {
    type: "hello",
    versions: PROTOCOL_VERSIONS,
    instance: fromBytes(randomBytes(16)),
    connection: 1,
    options: { client: "bench" },
  });
  if (name !== undefined) send(ws, { type: "join", id: JOIN_ID, name, nodeType: "WORKER", options: {} });
  if (watches) send(ws, { type: "watch", known: undefined });
  const beat = setInterval(() => send(ws, { type: "ping", id: 1 }), LIMITS.heartbeatMs);
  ws.on("close", (code, reason) => {
    clearInterval(beat);
    if (!isClosing) events.closed(`${name}: ${code} ${reason.toString()}`);
  });
  return {
    close: () => {
      isClosing = true;
      return closeWebSocket(ws);
    },
  };
}

function take(ws: WebSocket, view: ViewCount, frame: ViewFrame, bytes: number, events: NodeEvents): void {
  if (!view.take(frame)) return send(ws, { type: "watch", known: undefined });
  events.viewed(view, bytes, frame.down.length);
}

function send(ws: WebSocket, frame: Frame): void {
  if (ws.readyState === ws.OPEN) ws.send(encodeFrame(frame));
}
