/** Connections inside a process, by name. Messages arrive in order, in a later macrotask, as over a socket. */
import { FabricError } from "../base/errors.ts";
import { nextMacrotask } from "../sdk/macrotask.ts";
import type { Socket, SocketHandlers, SocketOptions } from "../sdk/socket.ts";
import type { Incoming, Listener, Wire, WireHandlers } from "./wire.ts";

type OnConnection = (incoming: Incoming) => void;

const listeners = new Map<string, OnConnection>();

/** Throws `in_use` when the name is taken. */
export function listenInproc(name: string, onConnection: OnConnection): Listener {
  const url = `inproc://${name}`;
  if (listeners.has(name)) throw new FabricError("in_use", `${url} is listened to already`);
  listeners.set(name, onConnection);
  return {
    url,
    close: () => {
      listeners.delete(name);
      return Promise.resolve();
    },
  };
}

/** Connects; `closed` follows when nobody listens to the name. */
export function openInproc(name: string, { token }: SocketOptions, handlers: SocketHandlers): Socket {
  const pipe = new Pipe();
  nextMacrotask(() => {
    const onConnection = listeners.get(name);
    if (onConnection === undefined) return handlers.closed(undefined);
    onConnection({ remote: "inproc", token, take: (far) => pipe.join(far, handlers) });
    handlers.opened();
  });
  return {
    unsentBytes: 0,
    send: (message) => pipe.toFar(message),
    close: () => pipe.end(),
  };
}

/** Both directions of a connection. */
class Pipe {
  #far: WireHandlers | undefined;
  #near: SocketHandlers | undefined;
  readonly #queue: (() => void)[] = [];
  #isOver = false;

  join(far: WireHandlers, near: SocketHandlers): Wire {
    this.#far = far;
    this.#near = near;
    return {
      send: (message) => this.#later(() => near.received(message)),
      close: () => this.end(),
    };
  }

  toFar(message: Uint8Array | string): void {
    this.#later(() => this.#far?.received(message));
  }

  /** What was sent before still arrives. */
  end(): void {
    this.#later(() => {
      this.#far?.closed();
      this.#near?.closed(undefined);
    });
    this.#isOver = true;
  }

  #later(step: () => void): void {
    if (this.#isOver) return;
    this.#queue.push(step);
    if (this.#queue.length > 1) return;
    nextMacrotask(() => {
      for (const due of this.#queue.splice(0)) due();
    });
  }
}
