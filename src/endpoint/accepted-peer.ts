/**
 * A peer that has dialled this endpoint: the session engine of src/protocol between its connection and the endpoint's
 * router. What it publishes is shown to the endpoint first, which lets on to other peers what may go there. To an
 * endpoint this side says what it wants in `subscribe` and `unsubscribe` frames of its own, which are answered.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { Gather } from "../base/gather.ts";
import { FULL_GRANT } from "../protocol/access.ts";
import { decodeFrame, encodeFrame } from "../protocol/frame-codec.ts";
import { FRAME, type Frame, type FrameOf, type InstanceId, type Segment } from "../protocol/frame.ts";
import { NativeSession } from "../protocol/native-session.ts";
import type { SessionEffect } from "../protocol/session-effect.ts";
import type { Prefix } from "../protocol/topic.ts";
import { nextMacrotask } from "../sdk/macrotask.ts";
import { Deadline } from "./deadline.ts";
import { nodeIdOf, nodeIdText, nodeOption, parseNodeOption, type NodeId } from "./node-id.ts";
import { without, type Peer, type PeerHandlers, type PeerInfo, type PeerStatus } from "./peer.ts";
import { PLACEMENT, TABLE, type RouterHost } from "./router-host.ts";
import type { Incoming, Wire } from "./wire.ts";

/** Who wants to come in. */
export interface Visitor {
  /** Id of the endpoint; undefined for a plain client. */
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly token: string | undefined;
  /** Where it comes from, for people. */
  readonly remote: string;
  /** Where it has come in. */
  readonly url: string;
  /** Its connection, not in use yet. */
  readonly peer: AcceptedPeer;
}

interface AcceptedHandlers extends PeerHandlers {
  /** Whether it may come in. */
  accept(visitor: Visitor): boolean | Promise<boolean>;
  /** It has published this; the answer is what may go on to other peers of the router. */
  arrived(peer: AcceptedPeer, frame: FrameOf<"publish">): readonly Segment[];
  /** Whether it may be sent what another one has published. */
  readonly isSelective: boolean;
  offers(segment: Segment, to: AcceptedPeer, publisher: InstanceId): boolean;
  /** It has said who it is, and may come in. */
  entered(peer: AcceptedPeer): void;
  /** The connection is gone, and holds nothing any more. */
  gone(peer: AcceptedPeer): void;
}

export interface AcceptedOptions {
  readonly host: RouterHost;
  readonly handlers: AcceptedHandlers;
  /** Of this endpoint. */
  readonly instance: InstanceId;
  readonly name: string | undefined;
  readonly url: string;
  /** What others see of a client's instance; what its sessions are told as the version of the server. */
  readonly publisherOf: (instance: InstanceId) => InstanceId;
  readonly version: string;
}

export class AcceptedPeer implements Peer {
  readonly #options: AcceptedOptions;
  readonly #incoming: Incoming;
  readonly #session: NativeSession;
  readonly #wire: Wire;
  readonly #gather = new Gather(nextMacrotask, () => this.#flush());
  readonly #deadline = new Deadline(() => this.#step((nowMs) => this.#session.tick(nowMs)));
  #trunk: string | undefined;
  #id: NodeId | undefined;
  #name: string | undefined;
  #source: InstanceId = "";
  #status: PeerStatus = "connecting";
  /** Messages that wait for the answer whether the peer may come in. */
  #waiting: Uint8Array[] | undefined;
  #waitingBytes = 0;
  #wanted: ReadonlySet<Prefix> = new Set();
  #lastChange = 0;
  readonly #changes = new Map<number, () => void>();

  constructor(incoming: Incoming, options: AcceptedOptions) {
    this.#options = options;
    this.#incoming = incoming;
    this.#session = new NativeSession({
      endpoint: nodeIdText(nodeIdOf(options.instance)),
      grant: FULL_GRANT,
      placement: PLACEMENT,
      table: TABLE,
      publisherOf: options.publisherOf,
      reader: { bytesPerSecond: LIMITS.readerBytesPerSecond, burstBytes: LIMITS.readerBurstBytes },
      welcome: {
        server: options.version,
        node: nodeOption(options.instance),
        ...(options.name === undefined ? {} : { name: options.name }),
      },
      nowMs: Date.now(),
    });
    this.#wire = incoming.take({
      received: (message) => this.#received(message),
      closed: () => this.#closed(),
    });
    this.#armTimer();
  }

  get info(): PeerInfo {
    const id = this.#id === undefined ? undefined : nodeIdText(this.#id);
    const { url } = this.#options;
    return { id, name: this.#name, url, status: this.#status, isOutbound: false };
  }

  get id(): NodeId | undefined {
    return this.#id;
  }

  get source(): InstanceId {
    return this.#source;
  }

  get isPeered(): boolean {
    return this.#status === "peered";
  }

  want(prefixes: ReadonlySet<Prefix>): Promise<void> {
    if (this.#id === undefined || (this.#status !== "connected" && this.#status !== "peered"))
      return Promise.resolve();
    const added = without(prefixes, this.#wanted);
    const removed = without(this.#wanted, prefixes);
    this.#wanted = new Set(prefixes);
    const answers: Promise<void>[] = [];
    // The first one says that there is nothing to say: so the other side knows all that is wanted.
    if (added.length > 0 || this.#lastChange === 0) {
      answers.push(
        this.#change((id) => ({ type: "subscribe", id, prefixes: added, positions: [], options: {} })),
      );
    }
    if (removed.length > 0)
      answers.push(this.#change((id) => ({ type: "unsubscribe", id, prefixes: removed })));
    return Promise.all(answers).then(() => {});
  }

  /** Ends the connection. */
  close(error: FabricError): void {
    this.#send({ type: "error", id: undefined, code: error.code, message: error.message });
    this.#wire.close(error.close, error.code);
  }

  #change(frame: (id: number) => Frame): Promise<void> {
    const id = ++this.#lastChange;
    this.#send(frame(id));
    return new Promise((resolve) => this.#changes.set(id, resolve));
  }

  #send(frame: Frame): void {
    this.#wire.send(encodeFrame(frame));
  }

  #received(message: Uint8Array | string): void {
    if (typeof message === "string") return this.#step((nowMs) => this.#session.receiveText(nowMs));
    if (this.#waiting !== undefined) return this.#wait(this.#waiting, message);
    if (this.#source === "") return this.#greeted(message);
    if (this.#id !== undefined && message[1] === FRAME.subscribed) return this.#answered(message);
    this.#step((nowMs) => this.#session.receive(message, nowMs));
  }

  #wait(waiting: Uint8Array[], message: Uint8Array): void {
    if (this.#hasOverrun) return;
    waiting.push(message);
    this.#waitingBytes += message.length;
    if (!this.#hasOverrun) return;
    waiting.length = 0;
    this.close(new FabricError("publisher_too_fast", "too much was sent before it was known who is there"));
  }

  get #hasOverrun(): boolean {
    return this.#waitingBytes > LIMITS.visitorBytesMax;
  }

  /** The first message says who it is; the session sees it when the peer may come in. */
  #greeted(message: Uint8Array): void {
    let hello: Frame;
    try {
      hello = decodeFrame(message);
    } catch {
      return this.#step((nowMs) => this.#session.receive(message, nowMs));
    }
    if (hello.type !== "hello") return this.#step((nowMs) => this.#session.receive(message, nowMs));
    const { node, name } = hello.options;
    const id = parseNodeOption(node);
    const source = this.#options.publisherOf(hello.instance);
    const visitor: Visitor = {
      id: id === undefined ? undefined : nodeIdText(id),
      name: typeof name === "string" ? name : undefined,
      token: this.#incoming.token,
      remote: this.#incoming.remote,
      url: this.#options.url,
      peer: this,
    };
    this.#waiting = [message];
    void Promise.resolve(this.#options.handlers.accept(visitor))
      .catch(() => false)
      .then((isAccepted) => this.#decided(isAccepted, id, visitor.name, source));
  }

  #decided(isAccepted: boolean, id: NodeId | undefined, name: string | undefined, source: InstanceId): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    if (this.#status === "disconnected" || this.#hasOverrun) return;
    if (!isAccepted) return this.close(new FabricError("forbidden", "the endpoint does not take this peer"));
    this.#id = id;
    this.#name = name;
    this.#source = source;
    this.#status = "connected";
    for (const message of waiting) this.#received(message);
    this.#options.handlers.entered(this);
  }

  /** The other endpoint has taken what this one wants. */
  #answered(message: Uint8Array): void {
    const { id } = decodeFrame(message) as FrameOf<"subscribed">;
    this.#changes.get(id)?.();
    this.#changes.delete(id);
    if (this.#status !== "connected") return;
    this.#status = "peered";
    this.#options.handlers.peered(this);
  }

  #closed(): void {
    if (this.#status === "disconnected") return;
    const wasPeered = this.isPeered;
    this.#status = "disconnected";
    for (const resolve of this.#changes.values()) resolve();
    this.#changes.clear();
    this.#step((nowMs) => this.#session.closed(nowMs));
    if (wasPeered) this.#options.handlers.lost(this);
    this.#options.handlers.gone(this);
  }

  #step(step: (nowMs: number) => void): void {
    step(Date.now());
    this.#perform();
    this.#gather.due();
  }

  #flush(): void {
    this.#session.flush();
    this.#perform();
    this.#armTimer();
  }

  #perform(): void {
    for (let effects = this.#session.drain(); effects.length > 0; effects = this.#session.drain()) {
      for (const effect of effects) this.#do(effect);
    }
  }

  #do(effect: SessionEffect): void {
    switch (effect.type) {
      case "sendBytes":
        return this.#wire.send(effect.bytes);
      case "close":
        return this.#wire.close(effect.code, effect.reason);
      case "openTrunk":
        return this.#openTrunk(effect.router);
      case "sendTrunk":
        return this.#toRouter(effect.bytes);
      case "closeTrunk":
        return this.#closeTrunk();
      case "log":
        return this.#refuseLog(effect.frame);
      case "member":
      case "needView":
        return this.close(new FabricError("not_supported_here", "an endpoint knows no nodes and no pools"));
      case "done":
        return this.#deadline.set(undefined);
      default: // Those that only JSON v1 sessions have.
        return;
    }
  }

  #openTrunk(router: string): void {
    this.#trunk = this.#options.host.open({
      received: (bytes) =>
        this.#step((nowMs) => this.#session.trunkReceived(router, this.#selected(bytes), nowMs)),
      closed: () => {
        this.#trunk = undefined;
        this.#step((nowMs) => this.#session.trunkLost(router, nowMs));
      },
    });
    this.#session.trunkOpened(router);
  }

  #closeTrunk(): void {
    if (this.#trunk !== undefined) this.#options.host.close(this.#trunk);
    this.#trunk = undefined;
  }

  #toRouter(bytes: Uint8Array): void {
    if (this.#trunk === undefined) return;
    const { host, handlers } = this.#options;
    if (bytes[1] === FRAME.publish) return host.send(this.#trunk, this.#shown(bytes));
    host.send(this.#trunk, bytes);
    if (bytes[1] !== FRAME.subscribe) return;
    const { prefixes } = decodeFrame(bytes) as FrameOf<"subscribe">;
    handlers.wanted(this, prefixes);
  }

  /** Without a receipt: the router does not count the readers inside this endpoint. */
  #shown(bytes: Uint8Array): Uint8Array {
    const frame = decodeFrame(bytes) as FrameOf<"publish">;
    const { type, seq, repeat, origin } = frame;
    const { handlers } = this.#options;
    const segments = handlers.arrived(this, frame);
    // A peering of fabrics says where events come from; rules that tell peers apart need the peer itself.
    const carried = origin === undefined || handlers.isSelective ? {} : { origin };
    return encodeFrame({ type, seq, repeat, ...carried, segments });
  }

  #selected(bytes: Uint8Array): Uint8Array {
    const { handlers } = this.#options;
    if (!handlers.isSelective || bytes[1] !== FRAME.deliver) return bytes;
    const deliver = decodeFrame(bytes) as FrameOf<"deliver">;
    const frames = deliver.frames.map((frame) => ({
      ...frame,
      segments: frame.segments.filter((segment) => handlers.offers(segment, this, frame.publisher)),
    }));
    return encodeFrame({ ...deliver, frames });
  }

  /** An endpoint keeps no logs: records are events of log topics. */
  #refuseLog(frame: Extract<SessionEffect, { type: "log" }>["frame"]): void {
    const { logger, writer } = frame;
    const number = frame.type === "logBatch" ? frame.number : 0;
    const code = "unknown_logger";
    const message = "an endpoint has no loggers";
    this.#session.answered({ type: "logRefused", logger, writer, number, code, message, last: undefined });
  }

  #armTimer(): void {
    this.#deadline.set(this.#session.deadlineMs);
  }
}
