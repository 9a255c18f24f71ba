/** Listens on Node for WebSockets: over TCP, TLS and unix sockets. Loaded when an endpoint listens, and not before. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { rmSync, statSync } from "node:fs";
import { connect, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import { assert } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { TOKEN_SUBPROTOCOL } from "../protocol/access.ts";
import { SUBPROTOCOL } from "../protocol/handshake.ts";
import type { Incoming, Listen, WireHandlers } from "./wire.ts";

const PATH = "/v1/connect";
const BEARER = /^Bearer +(\S+)$/i;

export const listenNode: Listen = async (location, { tls }, onConnection) => {
  assert(location.scheme !== "inproc", "inproc has no server");
  const isTls = location.scheme === "wss";
  if (isTls && tls === undefined) {
    throw new FabricError("invalid_data", "to listen on wss:// takes the option tls: { cert, key }");
  }
  const server = isTls ? createTlsServer({ ...tls }) : createServer();
  server.on("request", (_request, response) => {
    response.writeHead(426, { Connection: "close", Upgrade: "websocket" });
    response.end(`offer a WebSocket on ${PATH}\n`);
  });
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.frameBytesMax,
    perMessageDeflate: false,
    handleProtocols: () => SUBPROTOCOL,
  });
  server.on("upgrade", (request, socket, head) => {
    if (!isOurs(request)) return refuse(socket);
    sockets.handleUpgrade(request, socket, head, (ws) => onConnection(incoming(ws, request)));
  });
  await bind(server, location.scheme === "ws+unix" ? { path: location.path } : hostOf(location.url));
  const url =
    location.scheme === "ws+unix"
      ? `ws+unix://${location.path}`
      : `${location.scheme}://${location.url.hostname}:${(server.address() as AddressInfo).port}`;
  return {
    url,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
};

function hostOf({ hostname, port }: URL): { readonly host: string; readonly port: number } {
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
}

type Place = { readonly path: string } | { readonly host: string; readonly port: number };

async function bind(server: Server, place: Place): Promise<void> {
  if ("path" in place && (await isStale(place.path))) rmSync(place.path);
  server.listen(place);
  try {
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    const name = "path" in place ? place.path : `${place.host}:${place.port}`;
    throw new FabricError("in_use", `${name} is held by another process`, { cause: error });
  }
}

/** Whether the path is that of a socket whose process is gone: a killed one leaves it behind. */
async function isStale(path: string): Promise<boolean> {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return false;
  const probe = connect(path);
  try {
    await once(probe, "connect");
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ECONNREFUSED";
  } finally {
    probe.destroy();
  }
}

function protocolsOf(request: IncomingMessage): readonly string[] {
  return (request.headers["sec-websocket-protocol"] ?? "").split(",").map((protocol) => protocol.trim());
}

function isOurs(request: IncomingMessage): boolean {
  const path = (request.url ?? "").replace(/\?.*$/, "");
  return path === PATH && protocolsOf(request).includes(SUBPROTOCOL);
}

function refuse(socket: Duplex): void {
  socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
}

function tokenOf(request: IncomingMessage): string | undefined {
  const offered = protocolsOf(request).find((protocol) => protocol.startsWith(TOKEN_SUBPROTOCOL));
  return offered?.slice(TOKEN_SUBPROTOCOL.length) ?? BEARER.exec(request.headers.authorization ?? "")?.[1];
}

function incoming(ws: WebSocket, request: IncomingMessage): Incoming {
  const { remoteAddress, remotePort } = request.socket;
  return {
    remote: remoteAddress === undefined ? "unix" : `${remoteAddress}:${remotePort}`,
    token: tokenOf(request),
    take: (handlers) => take(ws, handlers),
  };
}

function take(ws: WebSocket, handlers: WireHandlers) {
  ws.binaryType = "arraybuffer";
  ws.on("message", (data: RawData, isBinary: boolean) => {
    const bytes = new Uint8Array(data as ArrayBuffer);
    handlers.received(isBinary ? bytes : new TextDecoder().decode(bytes));
  });
  // What went wrong is followed by the close event.
  ws.on("error", () => {});
  ws.on("close", () => handlers.closed());
  return {
    send: (message: Uint8Array) => {
      if (ws.readyState === ws.OPEN) ws.send(message);
    },
    close: (code: number, reason: string) => ws.close(code, reason),
  };
}
