/** A connection of a context: one that it opened, or one that a listener took. */
import type { Peer, PeerInfo } from "../peer.ts";

/** Flags of connections; they may be joined by `|`. */
export const CONNECTION_FLAGS = {
  /** A topic is available to the other side as soon as an event is raised on it. */
  autoPublish: 1,
  /** The other side is asked for the topics of the handlers that are registered. */
  autoSubscribe: 2,
} as const;

export class Connection {
  /** The name by which this side is known over it: `.node.<name>` reaches this side. */
  readonly name: string | undefined;
  readonly location: string;
  readonly flags: number;
  /** Resolves when the connection stands; false when it ended before. */
  readonly opened: Promise<boolean>;
  /** Resolves when it has ended, for good. */
  readonly closed: Promise<void>;
  readonly #peer: () => Peer;
  readonly #opened = Promise.withResolvers<boolean>();
  readonly #closed = Promise.withResolvers<void>();

  constructor(options: { name: string | undefined; location: string; flags: number; peer: () => Peer }) {
    this.name = options.name;
    this.location = options.location;
    this.flags = options.flags;
    this.#peer = options.peer;
    this.opened = this.#opened.promise;
    this.closed = this.#closed.promise;
  }

  /** Who is at the other side. */
  get peer(): PeerInfo {
    return this.#peer().info;
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** @internal */
  stands(): void {
    this.#opened.resolve(true);
  }

  /** @internal */
  ended(): void {
    this.#opened.resolve(false);
    this.#closed.resolve();
  }
}
