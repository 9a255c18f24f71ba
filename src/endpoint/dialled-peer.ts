/**
 * A peer that this endpoint has dialled: the SDK's native engine as a client of the other side's router. It subscribes
 * there to what this side wants, and publishes there what the other side wants, which that one says in `subscribe` and
 * `unsubscribe` frames. A fabric says nothing: it is sent what the options tell.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeFrame, encodeFrame } from "../protocol/frame-codec.ts";
import { FRAME, type Frame, type Gap, type InstanceId } from "../protocol/frame.ts";
import type { FabricEvent } from "../protocol/event.ts";
import { parsePrefix, type Prefix, type Topic } from "../protocol/topic.ts";
import { helloOf, windowOf, type ConnectOptions } from "../sdk/connect-options.ts";
import { NativeEngine } from "../sdk/engine.ts";
import type { EventRun } from "../sdk/event-run.ts";
import { Link, type ClientEvent } from "../sdk/link.ts";
import type { Socket, SocketHandlers } from "../sdk/socket.ts";
import { openerOf, type Opener } from "./dial.ts";
import { parseLocation, type Location } from "./location.ts";
import { newInstance, nodeIdText, nodeOption, parseNodeOption, type NodeId } from "./node-id.ts";
import {
  isUnder,
  without,
  type Outbound,
  type PeerHandlers,
  type PeerInfo,
  type PeerStatus,
} from "./peer.ts";

/** `windowBytes`, `overflow` and `queueBytes` as of the SDK's `connect`: what the other side does when this one is behind. */
export interface PeerOptions extends Pick<ConnectOptions, "windowBytes" | "overflow" | "queueBytes"> {
  /** The name that this side gives itself; by default that of the endpoint. */
  readonly name?: string | undefined;
  /** Seconds in Broker, ms here: how long after a failure the next attempt is made; 0 for never. By default `LIMITS.peerRetryMs`. */
  readonly retryMs?: number | undefined;
  /** Bearer token, where one is needed. */
  readonly token?: string | undefined;
  /** What a fabric is sent; by default everything that this endpoint publishes. An endpoint says itself what it wants. */
  readonly send?: readonly string[] | undefined;
  /** What is asked of the other side; by default all that this endpoint subscribes to. */
  readonly receive?: readonly string[] | undefined;
}

interface DialledHandlers extends PeerHandlers {
  arrived(peer: DialledPeer, run: EventRun): void;
  /** Events of it were missed. */
  missed(peer: DialledPeer, gap: Gap): void;
  /** Whether another connection to this endpoint stands already. */
  isRedundant(peer: DialledPeer, id: NodeId): boolean;
  /** It will not be tried again. */
  gone(peer: DialledPeer): void;
}

export interface DialledOptions extends PeerOptions {
  readonly url: string;
  readonly handlers: DialledHandlers;
  /** Of this endpoint. */
  readonly instance: InstanceId;
}

export class DialledPeer implements Outbound {
  readonly #options: DialledOptions;
  readonly #location: Location;
  readonly #engine: NativeEngine;
  #link: Link | undefined;
  /** Whose events these are, in the own router. */
  readonly source = newInstance();
  #status: PeerStatus = "initialized";
  #id: NodeId | undefined;
  #name: string | undefined;
  /** What the other side wants, once it has said so. */
  #remote: Set<Prefix> | undefined;
  #wanted: ReadonlySet<Prefix> = new Set();
  readonly #changes = new Map<number, () => void>();
  readonly #flushes: { readonly upTo: number; readonly resolve: () => void }[] = [];
  /** Whether what was wanted before is in force on this connection: its first confirmation says so. */
  #isResumed = false;
  #isOver = false;

  /** Throws `invalid_uri`, `invalid_topic_key`, `invalid_data`. */
  constructor(options: DialledOptions) {
    this.#options = options;
    this.#location = parseLocation(options.url);
    options.send?.forEach(parsePrefix);
    this.#engine = new NativeEngine({
      instance: newInstance(),
      hello: { ...helloOf(options), client: "selvedge-endpoint", node: nodeOption(options.instance) },
      windowBytes: windowOf(options),
      random: Math.random,
      retryMs: this.#retryMs,
    });
  }

  get #retryMs(): number {
    return this.#options.retryMs ?? LIMITS.peerRetryMs;
  }

  get info(): PeerInfo {
    const id = this.#id === undefined ? undefined : nodeIdText(this.#id);
    return { id, name: this.#name, url: this.#options.url, status: this.#status, isOutbound: true };
  }

  get id(): NodeId | undefined {
    return this.#id;
  }

  get isPeered(): boolean {
    return this.#status === "peered";
  }

  /** What is asked of the other side at most; undefined for everything that this endpoint wants. */
  get receive(): readonly Prefix[] | undefined {
    return this.#options.receive?.map(parsePrefix);
  }

  /** Begins to connect. */
  async start(): Promise<void> {
    const open = await openerOf(this.#location);
    if (this.#isOver) return;
    const { url, token } = this.#options;
    this.#link = new Link(
      this.#engine,
      { url, token },
      { event: (event) => this.#on(event), status: (status) => this.#progress(status) },
      this.#opener(open),
    );
    this.#link.start();
  }

  isWanted(topic: Topic): boolean {
    return this.#remote !== undefined && isUnder(this.#remote, topic);
  }

  send(topic: Topic, event: FabricEvent): void {
    this.#engine.publish(topic, event);
    this.#link?.scheduleFlush();
  }

  want(prefixes: ReadonlySet<Prefix>): Promise<void> {
    const added = without(prefixes, this.#wanted);
    const removed = without(this.#wanted, prefixes);
    this.#wanted = new Set(prefixes);
    const answers: Promise<void>[] = [];
    if (added.length > 0) answers.push(this.#change(this.#engine.subscribe(added)));
    if (removed.length > 0) answers.push(this.#change(this.#engine.unsubscribe(removed)));
    this.#link?.perform();
    // While there is no connection the change waits for the next one: nobody else does.
    return this.isPeered ? Promise.all(answers).then(() => {}) : Promise.resolve();
  }

  /** Resolves when everything sent is acknowledged, or the peer is gone. */
  flush(): Promise<void> {
    this.#engine.flush();
    this.#link?.perform();
    if (!this.isPeered || this.#engine.settled >= this.#engine.pushed) return Promise.resolve();
    return new Promise((resolve) => this.#flushes.push({ upTo: this.#engine.pushed, resolve }));
  }

  /** Ends the connection, for good. */
  close(): void {
    this.#isOver = true;
    this.#engine.close();
    this.#link?.perform();
    this.#ended();
  }

  #leaveRedundant(): void {
    const { handlers, url } = this.#options;
    const why = `${url} leads to a peer that is connected already`;
    handlers.failed(this, new FabricError("redundant_connection", why));
    this.close();
  }

  #change(id: number): Promise<void> {
    return new Promise((resolve) => this.#changes.set(id, resolve));
  }

  /** Takes the frames out of what comes that are this file's and not the engine's. */
  #opener(open: Opener): Opener {
    return (options, handlers) => {
      const socket: Socket = open(options, {
        opened: () => {
          // The next connection may be made before the old one is left.
          if (!this.isPeered) this.#status = "connected";
          handlers.opened();
        },
        received: (message) => this.#received(message, socket, handlers),
        closed: (refusal) => handlers.closed(refusal),
      });
      return socket;
    };
  }

  #received(message: Uint8Array | string, socket: Socket, handlers: SocketHandlers): void {
    const type = typeof message === "string" ? undefined : message[1];
    if (type === FRAME.subscribe || type === FRAME.unsubscribe) {
      return this.#asked(decodeFrame(message as Uint8Array), socket);
    }
    if (type === FRAME.welcome) this.#welcomed(decodeFrame(message as Uint8Array));
    handlers.received(message);
    this.#isResumed ||= type === FRAME.subscribed;
    this.#check();
  }

  #welcomed(frame: Frame): void {
    if (frame.type !== "welcome") return;
    const { node, name } = frame.options;
    this.#id = parseNodeOption(node);
    this.#name = typeof name === "string" ? name : undefined;
    if (!this.isPeered) this.#remote = undefined;
    this.#isResumed = this.#wanted.size === 0;
    if (this.#id === undefined) this.#remote = new Set((this.#options.send ?? [""]).map(parsePrefix));
    else if (this.#options.handlers.isRedundant(this, this.#id)) this.#leaveRedundant();
  }

  /** The other side says what it wants. */
  #asked(frame: Frame, socket: Socket): void {
    if (frame.type !== "subscribe" && frame.type !== "unsubscribe") return;
    this.#remote ??= new Set();
    for (const prefix of frame.prefixes) {
      if (frame.type === "subscribe") this.#remote.add(prefix);
      else this.#remote.delete(prefix);
    }
    socket.send(encodeFrame({ type: "subscribed", id: frame.id, positions: [], gaps: [] }));
    if (frame.type === "subscribe") this.#options.handlers.wanted(this, frame.prefixes);
    this.#check();
  }

  /** Peered is who knows what the other side wants, and whose own wants are known. */
  #check(): void {
    if (this.#status !== "connected" || this.#engine.status !== "open") return;
    if (this.#remote === undefined || !this.#isResumed || this.#changes.size > 0) return;
    this.#status = "peered";
    this.#options.handlers.peered(this);
  }

  #progress(status: NativeEngine["status"]): void {
    if (status === "connecting" && this.#status === "initialized") this.#status = "connecting";
  }

  #on(event: ClientEvent): void {
    switch (event.type) {
      case "delivery":
        for (const run of event.runs) if (!run.isOwn) this.#options.handlers.arrived(this, run);
        if (event.delivery.release()) this.#engine.taken(Date.now());
        return;
      case "subscribed":
        return this.#agreed(event.id);
      case "refused":
        this.#options.handlers.failed(this, event.error);
        return this.#agreed(event.id);
      case "publishRefused":
        return this.#options.handlers.failed(this, event.error);
      case "settled":
        return this.#settled(event.upTo);
      case "gap":
        return this.#options.handlers.missed(this, event.gap);
      case "lost":
        return this.#lost();
      case "closed":
        if (event.error !== undefined) this.#options.handlers.failed(this, event.error);
        return this.#ended();
      default: // Of no concern to peers.
        return;
    }
  }

  #agreed(id: number): void {
    this.#changes.get(id)?.();
    this.#changes.delete(id);
    this.#check();
  }

  #settled(upTo: number): void {
    while (this.#flushes.length > 0 && this.#flushes[0]!.upTo <= upTo) this.#flushes.shift()!.resolve();
  }

  #lost(): void {
    this.#disconnected("reconnecting");
    if (this.#retryMs === 0) this.#engine.close();
  }

  /** There is no connection. What waits for the other side waits no longer. */
  #disconnected(status: PeerStatus): void {
    const { isPeered } = this;
    this.#status = status;
    this.#remote = undefined;
    this.#settled(Infinity);
    // What is wanted is asked for again on the next connection; nobody waits for that.
    for (const resolve of this.#changes.values()) resolve();
    const { handlers } = this.#options;
    if (isPeered) return handlers.lost(this);
    if (status !== "reconnecting") return;
    handlers.failed(
      this,
      new FabricError("peer_unavailable", `nothing takes a peering at ${this.#options.url}`),
    );
  }

  #ended(): void {
    if (this.#status === "disconnected") return;
    this.#isOver = true;
    this.#disconnected("disconnected");
    this.#options.handlers.gone(this);
  }
}
