/** A connection that came in, whatever carries it. */
import type { Location } from "./location.ts";

export interface WireHandlers {
  received(message: Uint8Array | string): void;
  closed(): void;
}

/** The accepting end. */
export interface Wire {
  send(message: Uint8Array): void;
  close(code: number, reason: string): void;
}

/** A connection before it is taken. */
export interface Incoming {
  /** Who is there, for people: an address, or the name of the transport. */
  readonly remote: string;
  /** The bearer token that it came with. */
  readonly token: string | undefined;
  take(handlers: WireHandlers): Wire;
}

export interface ListenOptions {
  /** For wss: certificate and key, PEM. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

export interface Listener {
  /** The bound address. */
  readonly url: string;
  /** Takes no more connections; those that stand are the endpoint's to end. */
  close(): Promise<void>;
}

/** Listens. Throws `in_use` when the place is taken. */
export type Listen = (
  location: Location,
  options: ListenOptions,
  onConnection: (incoming: Incoming) => void,
) => Promise<Listener>;
