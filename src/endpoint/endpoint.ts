/**
 * Broker's endpoint: a process, or a page, that exchanges events with others without a server in between. It runs the
 * engines that the fabric runs, and speaks the fabric's native protocol, so fabrics and SDK clients are peers as well.
 * Sources: Zeek's Broker framework (script level), Broker's `endpoint`.
 */
import { FabricError } from "../base/errors.ts";
import { ZEEK_TOPIC_NAMES, type TopicNames } from "../cluster/topic-names.ts";
import type { FabricEvent } from "../protocol/event.ts";
import type { Gap } from "../protocol/frame.ts";
import { parseTopic } from "../protocol/topic.ts";
import { Handlers } from "../sdk/handlers.ts";
import { toValue, type Argument } from "../sdk/values.ts";
import { BrokerRules } from "./broker-rules.ts";
import type { PeerOptions } from "./dialled-peer.ts";
import { EventHandlers, type EndpointEvent, type EndpointHandler } from "./event-handlers.ts";
import { Exchange, type ExchangeCounts } from "./exchange.ts";
import { Identifiers } from "./identifiers.ts";
import { LogStreams, type LogTopic } from "./log-streams.ts";
import type { Origin } from "./link.ts";
import { newInstance, nodeIdText } from "./node-id.ts";
import type { Peer, PeerInfo } from "./peer.ts";
import { Peerings, type ListenOptions } from "./peerings.ts";

export interface EndpointOptions {
  /** For people. */
  readonly name?: string | undefined;
  /** Broker's `forward_messages`: whether what came from a peer goes on to others. Off, as there: one hop. */
  readonly forwardMessages?: boolean | undefined;
  /** Where log records go; by default Zeek's `Broker::default_log_topic_prefix` and the stream's id. */
  readonly logTopic?: LogTopic | undefined;
  readonly topicNames?: TopicNames | undefined;
  /** Zeek's `Log::enable_remote_logging`, for streams that do not say otherwise. On by default. */
  readonly remoteLogging?: boolean | undefined;
  /** Zeek has had `auto_publish` from 2.6 to 8.0. With false it throws, as later releases do. */
  readonly hasAutoPublish?: boolean | undefined;
}

/** Something happened to a peer. */
interface PeerStatusEvent {
  readonly type: "peer_added" | "peer_lost" | "peer_removed";
  readonly peer: PeerInfo;
  readonly message: string;
}

/** What happens beside events. */
export interface EndpointStatuses {
  peer_added: PeerStatusEvent;
  peer_lost: PeerStatusEvent;
  peer_removed: PeerStatusEvent;
  /** Each of the above. */
  status: PeerStatusEvent;
  /** Events of a peer were missed, for whatever reason: it was behind, or the connection was lost. */
  gap: { readonly gap: Gap; readonly peer: PeerInfo };
  error: { readonly code: string; readonly message: string; readonly peer: PeerInfo };
}

const MESSAGES = {
  added: "handshake successful",
  lost: "lost connection to remote peer",
  removed: "removed peering",
} as const;

export class Endpoint implements AsyncDisposable {
  readonly #exchange: Exchange;
  readonly #peerings: Peerings;
  readonly #rules: BrokerRules;
  readonly #handlers = new EventHandlers();
  readonly #statuses = new Handlers<EndpointStatuses>();
  readonly #autoTopics = new Map<string, Set<string>>();
  readonly #hasAutoPublish: boolean;
  /** Log streams, their records and who takes them. */
  readonly logs: LogStreams;
  /** Identifiers that peers may update with `publishId`. */
  readonly identifiers = new Identifiers();

  constructor(options: EndpointOptions = {}) {
    const { name, topicNames = ZEEK_TOPIC_NAMES, forwardMessages = false } = options;
    this.#hasAutoPublish = options.hasAutoPublish ?? true;
    this.logs = new LogStreams({
      topicNames,
      logTopic: options.logTopic,
      isRemote: options.remoteLogging ?? true,
      publish: (topic, event) => this.#exchange.publish(parseTopic(topic), event),
    });
    this.#rules = new BrokerRules(forwardMessages, (topic, event, origin) =>
      this.#dispatch(topic, event, origin),
    );
    this.#exchange = new Exchange(newInstance(), this.#rules);
    this.#peerings = new Peerings(this.#exchange, name, {
      changed: (type, peer) => this.#tell(type, peer),
      failed: (error, peer) => {
        const code = error instanceof FabricError ? error.code : "unspecified";
        this.#statuses.emit("error", { code, message: error.message, peer: peer.info });
      },
      missed: (gap, peer) => this.#statuses.emit("gap", { gap, peer: peer.info }),
      wanted: (_peer, prefixes) => this.logs.announce(prefixes),
    });
  }

  /** Broker's `node_id`: another one for each life. */
  nodeId(): string {
    return nodeIdText(this.#exchange.id);
  }

  /** What became of events on their way through this endpoint. */
  get counts(): Readonly<ExchangeCounts> {
    return this.#exchange.counts;
  }

  /**
   * Takes peers: `ws://127.0.0.1:0`, `wss://…` with `tls`, `ws+unix://path`, `inproc://name`. Returns the bound address.
   * Throws `invalid_uri`, `in_use`, `invalid_data`.
   */
  listen<Cookie = undefined>(url: string, options: ListenOptions<Cookie> = {}): Promise<string> {
    return this.#peerings.listen(url, options);
  }

  /**
   * Connects to a peer, and again whenever that fails, until `unpeer`. `peer_added` tells when it is done. False when
   * the location is dialled already. Throws `invalid_uri`.
   */
  peer(url: string, options: PeerOptions = {}): boolean {
    if (this.#peerings.dialledTo(url) !== undefined) return false;
    this.#peerings.dial(url, options);
    return true;
  }

  /** Leaves a peer that was dialled; false when there is none. */
  unpeer(url: string): boolean {
    const peer = this.#peerings.dialledTo(url);
    if (peer !== undefined) this.#peerings.leave(peer);
    return peer !== undefined;
  }

  /** The peers, those that are not connected yet included; each once, whatever number of connections lead to it. */
  peers(): readonly PeerInfo[] {
    const infos = this.#exchange.peers.map(({ info }) => info);
    const standing = infos.filter(({ status, id }) => status === "peered" && id !== undefined);
    const ids = new Set(standing.map(({ id }) => id));
    return [
      ...standing,
      ...infos.filter(({ id, isOutbound }) => isOutbound && (id === undefined || !ids.has(id))),
    ];
  }

  /** Calls the handler for each such event; returns what ends that. */
  onStatus<K extends keyof EndpointStatuses>(
    type: K,
    handler: (value: EndpointStatuses[K]) => void,
  ): () => void {
    return this.#statuses.on(type, handler);
  }

  /** Handles events of this name, raised here or under a topic that is subscribed to; returns what ends that. */
  on(name: string, handler: EndpointHandler): () => void {
    return this.#handlers.on(name, handler);
  }

  /** Subscribes to a prefix. Resolves when all connected peers have agreed; false when it was subscribed to. */
  async subscribe(prefix: string): Promise<boolean> {
    return this.#changed(this.#rules.subscribe(prefix));
  }

  /** Ends a subscription; false when there was none. */
  async unsubscribe(prefix: string): Promise<boolean> {
    return this.#changed(this.#rules.unsubscribe(prefix));
  }

  /**
   * Subscribes to a prefix for others: what comes under it goes on, and is not handled here. It takes
   * `forwardMessages`. False when the prefix is forwarded already.
   */
  async forward(prefix: string): Promise<boolean> {
    return this.#changed(this.#rules.forward(prefix));
  }

  /**
   * Publishes an event to the peers that want its topic; handlers here are not called. True when it was accepted, which
   * it is without a peer, too. Throws `invalid_topic_key`, `invalid_data`, `too_large`.
   */
  publish(topic: string, event: FabricEvent): boolean;
  publish(topic: string, name: string, ...args: readonly Argument[]): boolean;
  publish(topic: string, event: FabricEvent | string, ...args: readonly Argument[]): boolean {
    this.#exchange.publish(
      parseTopic(topic),
      typeof event === "string" ? this.makeEvent(event, ...args) : event,
    );
    return true;
  }

  /** An event that may be published any number of times. Throws `invalid_data`. */
  makeEvent(name: string, ...args: readonly Argument[]): FabricEvent {
    return { name, args: args.map(toValue), metadata: [] };
  }

  /** Zeek's `event foo(…)`: calls the handlers here, and publishes the event where `autoPublish` says. */
  raise(name: string, ...args: readonly Argument[]): void {
    const event = this.makeEvent(name, ...args);
    this.#handlers.call(name, { ...event, topic: "", isRemote: false, origin: this.nodeId() });
    for (const topic of this.#autoTopics.get(name) ?? []) this.publish(topic, event);
  }

  /** From now on an event of this name that is raised here is published too; one that is received is not. */
  autoPublish(topic: string, name: string): boolean {
    this.#assertAutoPublish();
    parseTopic(topic);
    const topics = this.#autoTopics.get(name) ?? new Set();
    this.#autoTopics.set(name, topics);
    return topics.size < topics.add(topic).size;
  }

  /** Ends that; false when there was nothing to end. */
  autoUnpublish(topic: string, name: string): boolean {
    this.#assertAutoPublish();
    return this.#autoTopics.get(name)?.delete(topic) ?? false;
  }

  /** Sends the value of an identifier; peers that have declared it take it. Throws like `publish`. */
  publishId(topic: string, id: string, value: Argument): boolean {
    return this.publish(topic, this.identifiers.update(id, toValue(value)));
  }

  /** Resolves when what was published so far has arrived, as far as peers acknowledge it. */
  flush(): Promise<void> {
    return this.#exchange.flush();
  }

  /** Leaves all peers, after sending what waits, which takes at most `LIMITS.drainMs`. */
  async close(): Promise<void> {
    await this.#exchange.drain();
    await this.#peerings.close();
    this.#exchange.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #changed(isNew: boolean): Promise<boolean> {
    if (isNew) await this.#exchange.refresh();
    return isNew;
  }

  #assertAutoPublish(): void {
    if (this.#hasAutoPublish) return;
    throw new FabricError(
      "not_supported_here",
      "this release of Zeek has no auto_publish: publish where the event is raised",
    );
  }

  #dispatch(topic: string, event: FabricEvent, { publisher }: Origin): void {
    const { name, args, metadata } = event;
    const received: EndpointEvent = {
      name,
      args,
      metadata,
      topic,
      isRemote: true,
      origin: nodeIdText(publisher),
    };
    if (this.logs.take(received) || this.identifiers.take(received)) return;
    this.#handlers.call(name, received);
  }

  #tell(type: "added" | "lost" | "removed", { info }: Peer): void {
    const event: PeerStatusEvent = { type: `peer_${type}`, peer: info, message: MESSAGES[type] };
    this.#statuses.emit(event.type, event);
    this.#statuses.emit("status", event);
  }
}
