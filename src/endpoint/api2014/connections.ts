/** `bro_connection_…`: locations are those of endpoints, `ws://`, `wss://`, `ws+unix://`, `inproc://`. */
import { FabricError } from "../../base/errors.ts";
import { AcceptedPeer } from "../accepted-peer.ts";
import type { Peer } from "../peer.ts";
import type { Peerings } from "../peerings.ts";
import type { DialledPeer, PeerOptions } from "../dialled-peer.ts";
import type { ListenOptions } from "../wire.ts";
import { Connection, CONNECTION_FLAGS } from "./connection.ts";
import type { Shared } from "./parts.ts";

const ALL_FLAGS = CONNECTION_FLAGS.autoPublish | CONNECTION_FLAGS.autoSubscribe;

/** Whether a connection is taken. */
export type ListenCallback = (connection: Connection, cookie: unknown) => boolean;

export interface ConnectionsOptions extends Shared {
  readonly peerings: Peerings;
  readonly byPeer: Map<Peer, Connection>;
  /** The name of this side towards those who connect to it. */
  readonly name: string | undefined;
}

export class Connections {
  readonly #options: ConnectionsOptions;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Connects, and again whenever that fails; `opened` of the handle tells when. This side is `name` there. Undefined with
   * `invalid_uri`, and with `invalid_data` for unknown flags.
   */
  open(name: string, location: string, flags = 0, options: PeerOptions = {}): Connection | undefined {
    const { error, peerings, byPeer, changed } = this.#options;
    return error.attempt(undefined, () => {
      assertFlags(flags);
      const peer = peerings.dial(location, { ...options, name });
      const connection = new Connection({ name, location, flags, peer: () => peer });
      byPeer.set(peer, connection);
      changed();
      return connection;
    });
  }

  /** Closes a connection; false with `not_found` when it has ended. */
  close(connection: Connection): boolean {
    const { error, peerings, byPeer } = this.#options;
    return error.attempt(false, () => {
      const [peer] = [...byPeer].find(([, known]) => known === connection) ?? [];
      if (peer === undefined) throw new FabricError("not_found", "the connection has ended");
      if (peer instanceof AcceptedPeer)
        peerings.refuse(peer, new FabricError("shutting_down", "the connection is closed"));
      else peerings.leave(peer as DialledPeer);
      return true;
    });
  }

  /**
   * Takes connections at a location. The callback may refuse each of them before it is used. Resolves to the bound
   * location; to undefined with `in_use`, `invalid_uri`, `invalid_data`.
   */
  listen(
    location: string,
    flags = 0,
    callback: ListenCallback | null = null,
    cookie?: unknown,
    options: ListenOptions = {},
  ): Promise<string | undefined> {
    const { error, peerings, byPeer, name } = this.#options;
    return error.attemptAsync(undefined, async () => {
      assertFlags(flags);
      return peerings.listen(location, {
        ...options,
        accept: ({ peer, url }) => {
          const connection = new Connection({ name, location: url, flags, peer: () => peer });
          if (callback !== null && !callback(connection, cookie)) {
            connection.ended();
            return false;
          }
          byPeer.set(peer, connection);
          return true;
        },
      });
    });
  }
}

function assertFlags(flags: number): void {
  if (Number.isInteger(flags) && (flags & ~ALL_FLAGS) === 0) return;
  throw new FabricError("invalid_data", `${flags} has flags that connections do not have`);
}
