/**
 * The connections of an endpoint: those that it dials, those that it takes, and what is told of both. One peer is told
 * of once, however many connections lead to it.
 */
import { FabricError } from "../base/errors.ts";
import type { Gap } from "../protocol/frame.ts";
import type { Prefix } from "../protocol/topic.ts";
import type { AcceptedPeer, Visitor } from "./accepted-peer.ts";
import { DialledPeer, type PeerOptions } from "./dialled-peer.ts";
import type { Exchange } from "./exchange.ts";
import { listenInproc } from "./inproc.ts";
import { parseLocation } from "./location.ts";
import type { NodeId } from "./node-id.ts";
import type { Peer } from "./peer.ts";
import type { Incoming, Listener, ListenOptions as WireOptions } from "./wire.ts";

export interface ListenOptions<Cookie = undefined> extends WireOptions {
  /** Whether a peer may come in; it is refused before anything of it is used. Everybody may without it. */
  readonly accept?: ((visitor: Visitor, cookie: Cookie) => boolean | Promise<boolean>) | undefined;
  /** Given to `accept` as it is. */
  readonly cookie?: Cookie;
}

/** What an endpoint is told of its peers. */
export interface PeeringHandlers {
  /** Broker's `peer_added`, `peer_lost` and `peer_removed`. */
  changed(type: "added" | "lost" | "removed", peer: Peer): void;
  failed(error: Error, peer: Peer): void;
  /** A peer has asked for topics under these prefixes. */
  wanted(peer: Peer, prefixes: readonly Prefix[]): void;
  /** Events of a peer were missed. */
  missed?(gap: Gap, peer: Peer): void;
  /** A connection stands. */
  stands?(peer: Peer): void;
  /** A connection is over, for good. */
  gone?(peer: Peer): void;
}

export class Peerings {
  readonly #exchange: Exchange;
  readonly #name: string | undefined;
  readonly #handlers: PeeringHandlers;
  readonly #listeners = new Set<Listener>();
  readonly #accepted = new Set<AcceptedPeer>();
  readonly #dialled = new Set<DialledPeer>();
  /** Peers that were told of as added, by id, or by URL where they have none. */
  readonly #added = new Set<string>();
  /** Peers that this side is leaving. */
  readonly #leaving = new Set<Peer>();
  #isClosed = false;

  constructor(exchange: Exchange, name: string | undefined, handlers: PeeringHandlers) {
    this.#exchange = exchange;
    this.#name = name;
    this.#handlers = handlers;
  }

  /** Dials a peer. Throws `invalid_uri` for what is no location. */
  dial(url: string, options: PeerOptions): DialledPeer {
    this.#assertOpen();
    const { instance } = this.#exchange;
    const peer = new DialledPeer({
      name: this.#name,
      ...options,
      url,
      instance,
      handlers: this.#dialledHandlers,
    });
    this.#dialled.add(peer);
    this.#exchange.add(peer);
    peer.start().catch((error: unknown) => {
      this.#handlers.failed(error as Error, peer);
      peer.close();
    });
    return peer;
  }

  /** Leaves a peer that was dialled. */
  leave(peer: DialledPeer): void {
    this.#leaving.add(peer);
    peer.close();
    this.#leaving.delete(peer);
  }

  dialledTo(url: string): DialledPeer | undefined {
    return [...this.#dialled].find((peer) => peer.info.url === url);
  }

  /** Takes connections. Returns the bound address. Throws `invalid_uri`, `in_use`, `invalid_data`. */
  async listen<Cookie>(url: string, options: ListenOptions<Cookie>): Promise<string> {
    this.#assertOpen();
    const location = parseLocation(url);
    const [{ AcceptedPeer: Accepted }, { publisherOf }, { VERSION }] = await Promise.all([
      import("./accepted-peer.ts"),
      import("../worker/ids.ts"),
      import("../worker/version.ts"),
    ]);
    const handlers = this.#acceptedHandlers(
      (visitor) => options.accept?.(visitor, options.cookie as Cookie) ?? true,
    );
    const { instance } = this.#exchange;
    const host = this.#exchange.host();
    const onConnection = (incoming: Incoming) => {
      const shared = { host, instance, name: this.#name, url: listener.url, publisherOf, version: VERSION };
      this.#accepted.add(new Accepted(incoming, { ...shared, handlers }));
    };
    const listener =
      location.scheme === "inproc"
        ? listenInproc(location.name, onConnection)
        : await (await import("./node-listener.ts")).listenNode(location, options, onConnection);
    this.#listeners.add(listener);
    if (this.#isClosed) await listener.close();
    return listener.url;
  }

  /** Ends all connections, and takes no more. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const peer of this.#dialled) this.leave(peer);
    for (const peer of this.#accepted) peer.close(new FabricError("shutting_down", "the endpoint is closed"));
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
  }

  /** Ends the connections that a peer made to this side. */
  refuse(peer: AcceptedPeer, error: FabricError): void {
    this.#leaving.add(peer);
    peer.close(error);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new FabricError("shutting_down", "the endpoint is closed");
  }

  readonly #shared = {
    peered: (peer: Peer): void => {
      const key = keyOf(peer);
      if (!this.#added.has(key)) {
        this.#added.add(key);
        this.#handlers.changed("added", peer);
      }
      this.#handlers.stands?.(peer);
      this.#settleCrossing(peer.id);
    },
    lost: (peer: Peer): void => this.#lost(peer),
    wanted: (peer: Peer, prefixes: readonly Prefix[]): void => this.#handlers.wanted(peer, prefixes),
    failed: (peer: Peer, error: Error): void => this.#handlers.failed(error, peer),
  };

  readonly #dialledHandlers = {
    ...this.#shared,
    arrived: (peer: DialledPeer, run: Parameters<Exchange["arrivedOut"]>[1]): void =>
      this.#exchange.arrivedOut(peer, run),
    missed: (peer: DialledPeer, gap: Gap): void => this.#handlers.missed?.(gap, peer),
    isRedundant: (peer: DialledPeer, id: NodeId): boolean => this.#isRedundant(peer, id),
    gone: (peer: DialledPeer): void => {
      this.#dialled.delete(peer);
      this.#exchange.remove(peer);
      this.#lost(peer);
      this.#handlers.gone?.(peer);
    },
  };

  #acceptedHandlers(accept: (visitor: Visitor) => boolean | Promise<boolean>) {
    const exchange = this.#exchange;
    return {
      ...this.#shared,
      accept,
      get isSelective() {
        return exchange.isSelective;
      },
      arrived: exchange.arrivedIn.bind(exchange),
      offers: exchange.offersIn.bind(exchange),
      entered: (peer: AcceptedPeer): void => exchange.add(peer),
      gone: (peer: AcceptedPeer): void => {
        this.#accepted.delete(peer);
        this.#lost(peer);
        this.#leaving.delete(peer);
        exchange.remove(peer);
        this.#handlers.gone?.(peer);
      },
    };
  }

  /** A second connection to one peer is left; of two that cross, the one that the endpoint with the lower id made stays. */
  #isRedundant(peer: DialledPeer, id: NodeId): boolean {
    if (id === this.#exchange.id) return true;
    if ([...this.#dialled].some((other) => other !== peer && other.id === id && other.isPeered)) return true;
    return id < this.#exchange.id && [...this.#accepted].some((other) => other.id === id && other.isPeered);
  }

  /** Here at the endpoint with the lower id: its own connection stands, so the one that crosses it goes. */
  #settleCrossing(id: NodeId | undefined): void {
    if (id === undefined || id < this.#exchange.id) return;
    if (![...this.#dialled].some((own) => own.id === id && own.isPeered)) return;
    const error = new FabricError("redundant_connection", "the connection that crosses this one stands");
    for (const crossing of this.#accepted) if (crossing.id === id) crossing.close(error);
  }

  /** A connection is gone; the peer is, when no other one leads to it. */
  #lost(peer: Peer): void {
    const key = keyOf(peer);
    const leadsThere = (other: Peer) =>
      other !== peer && keyOf(other) === key && (other.isPeered || other.info.status === "connected");
    if (!this.#added.has(key) || [...this.#dialled, ...this.#accepted].some(leadsThere)) return;
    this.#added.delete(key);
    this.#handlers.changed(this.#leaving.has(peer) ? "removed" : "lost", peer);
  }
}

function keyOf(peer: Peer): string {
  return peer.id ?? peer.info.url;
}
