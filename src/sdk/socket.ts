/** One connection on the platform's WebSocket, and why it could not be made. */
import { FabricError, isErrorCode } from "../base/errors.ts";
import { TOKEN_SUBPROTOCOL } from "../protocol/access.ts";
import { SUBPROTOCOL } from "../protocol/handshake.ts";

const PATH = "/v1/connect";
const CLOSE_NORMAL = 1000;
/** Answers to a plain request that trying again does not change. */
const REFUSALS = new Set(["no_key", "no_token", "token_invalid", "token_expired", "forbidden"]);

export interface SocketOptions {
  /** http, https, ws or wss. */
  readonly url: string;
  readonly token?: string;
}

export interface SocketHandlers {
  opened(): void;
  received(bytes: Uint8Array): void;
  /** It is gone, or could not be opened; `refusal` when the fabric refuses this client. */
  closed(refusal: FabricError | undefined): void;
}

export interface Socket {
  send(bytes: Uint8Array): void;
  close(): void;
}

/** Opens a connection. The token travels as a subprotocol, because browsers cannot set headers. */
export function openSocket(options: SocketOptions, handlers: SocketHandlers): Socket {
  const protocols = [SUBPROTOCOL];
  if (options.token !== undefined) protocols.push(TOKEN_SUBPROTOCOL + options.token);
  const socket = new WebSocket(endpoint(options.url, "ws"), protocols);
  socket.binaryType = "arraybuffer";
  let wasOpen = false;
  socket.addEventListener("open", () => {
    wasOpen = true;
    handlers.opened();
  });
  socket.addEventListener("message", (event) => {
    if (event.data instanceof ArrayBuffer) handlers.received(new Uint8Array(event.data));
  });
  socket.addEventListener("close", () => {
    if (wasOpen) handlers.closed(undefined);
    else void refusalOf(options).then((refusal) => handlers.closed(refusal));
  });
  return {
    send: (bytes) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
    },
    close: () => socket.close(CLOSE_NORMAL),
  };
}

function endpoint(base: string, scheme: "ws" | "http"): string {
  const url = new URL(PATH, base);
  url.protocol = url.protocol.replace(/^(ws|http)/, scheme);
  return url.href;
}

/** A WebSocket does not say why an upgrade was refused; the answer to a plain request does. */
async function refusalOf(options: SocketOptions): Promise<FabricError | undefined> {
  try {
    const headers = options.token === undefined ? {} : { Authorization: `Bearer ${options.token}` };
    const response = await fetch(endpoint(options.url, "http"), { headers });
    const { error } = (await response.json()) as { error?: { code?: string; message?: string } };
    if (error?.code === undefined || !REFUSALS.has(error.code) || !isErrorCode(error.code)) return undefined;
    return new FabricError(error.code, error.message ?? "");
  } catch {
    return undefined; // Nothing there that speaks HTTP and JSON: the connection failed, and that is all.
  }
}
