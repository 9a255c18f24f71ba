/** Opens connections to where a location leads, in the form that the SDK's link drives. */
import { attachSocket, openSocket, type SocketHandlers, type SocketOptions } from "../sdk/socket.ts";
import { SUBPROTOCOL } from "../protocol/handshake.ts";
import { TOKEN_SUBPROTOCOL } from "../protocol/access.ts";
import { openInproc } from "./inproc.ts";
import type { Location } from "./location.ts";

export type Opener = typeof openSocket;

/** How connections to the location are opened. Unix sockets take the package `ws`; everything else nothing. */
export async function openerOf(location: Location): Promise<Opener> {
  switch (location.scheme) {
    case "ws":
    case "wss":
      return openSocket;
    case "inproc":
      return (options, handlers) => openInproc(location.name, options, handlers);
    case "ws+unix": {
      const { WebSocket: UnixWebSocket } = await import("ws");
      return ({ token }: SocketOptions, handlers: SocketHandlers) => {
        const protocols = [SUBPROTOCOL, ...(token === undefined ? [] : [TOKEN_SUBPROTOCOL + token])];
        const socket = new UnixWebSocket(`ws+unix://${location.path}:/v1/connect`, protocols);
        // What went wrong is followed by the close event.
        socket.on("error", () => {});
        return attachSocket(socket as unknown as WebSocket, handlers, () => Promise.resolve(undefined));
      };
    }
  }
}
