/** One connection on the platform's WebSocket, and why it could not be made. */
import { FabricError, isErrorCode } from "../base/errors.ts";
import { TOKEN_SUBPROTOCOL } from "../protocol/access.ts";
import { SUBPROTOCOL } from "../protocol/handshake.ts";

const NATIVE_PATH = "/v1/connect";
const JSON_PATH = /\/v1\/messages\/json\/?$/;
const CLOSE_NORMAL = 1000;
/** Answers to a plain request that trying again does not change. */
const REFUSALS = new Set(["no_key", "no_token", "token_invalid", "token_expired", "forbidden"]);

/** `native`: /v1/connect of a fabric. `json-v1`: Zeek's WebSocket API, of a Zeek or of a fabric. */
export type Transport = "native" | "json-v1";

export interface SocketOptions {
  /** http, https, ws or wss. */
  readonly url: string;
  readonly token: string | undefined;
}

export interface SocketHandlers {
  opened(): void;
  received(message: Uint8Array | string): void;
  /** It is gone, or could not be opened; `refusal` when the other side refuses this client. */
  closed(refusal: FabricError | undefined): void;
}

export interface Socket {
  /** Bytes taken and not sent yet. */
  readonly unsentBytes: number;
  send(message: Uint8Array | string): void;
  close(): void;
}

/** What a URL speaks: the path of Zeek's WebSocket API stands for that, any other for a fabric. */
export function transportOf(url: string): Transport {
  return JSON_PATH.test(new URL(url).pathname) ? "json-v1" : "native";
}

/** Opens a connection. */
export function openSocket(options: SocketOptions, handlers: SocketHandlers): Socket {
  const socket = transportOf(options.url) === "native" ? nativeSocket(options) : jsonSocket(options);
  return attachSocket(socket, handlers, () => refusalOf(options));
}

/** @param refusal Tells why a connection could not be made, when the other side refuses this client. */
export function attachSocket(
  socket: WebSocket,
  handlers: SocketHandlers,
  refusal: () => Promise<FabricError | undefined>,
): Socket {
  socket.binaryType = "arraybuffer";
  let wasOpen = false;
  socket.addEventListener("open", () => {
    wasOpen = true;
    handlers.opened();
  });
  socket.addEventListener("message", (event) => {
    const data: unknown = event.data;
    if (data instanceof ArrayBuffer) handlers.received(new Uint8Array(data));
    else if (typeof data === "string") handlers.received(data);
  });
  socket.addEventListener("close", () => {
    if (wasOpen) handlers.closed(undefined);
    else void refusal().then((error) => handlers.closed(error));
  });
  return {
    get unsentBytes() {
      return (socket as { readonly bufferedAmount?: number }).bufferedAmount ?? 0; // workerd does not say.
    },
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(message);
    },
    close: () => socket.close(CLOSE_NORMAL),
  };
}

/** The token travels as a subprotocol, because browsers cannot set headers. */
function nativeSocket(options: SocketOptions): WebSocket {
  const protocols = [SUBPROTOCOL];
  if (options.token !== undefined) protocols.push(TOKEN_SUBPROTOCOL + options.token);
  return new WebSocket(endpoint(options.url, "ws"), protocols);
}

/** JSON v1 answers no subprotocol: the token is a header where the platform has them, else part of the URL. */
function jsonSocket({ url, token }: SocketOptions): WebSocket {
  const target = endpoint(url, "ws");
  if (token === undefined) return new WebSocket(target);
  try {
    const headers = { headers: { Authorization: `Bearer ${token}` } };
    return new WebSocket(target, headers as unknown as string[]);
  } catch {
    const withPassword = new URL(target);
    withPassword.username = "token";
    withPassword.password = token;
    return new WebSocket(withPassword.href);
  }
}

function endpoint(base: string, scheme: "ws" | "http"): string {
  const url = transportOf(base) === "native" ? new URL(NATIVE_PATH, base) : new URL(base);
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
