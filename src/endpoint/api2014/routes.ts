/**
 * Which topics go where in this interface: only what is published to a connection is available there, only what is
 * subscribed to comes in, and what is forwarded passes through. Topics that begin with "." are reserved: `.node.<name>`
 * reaches a node, `.reply.` answers of surveys.
 */
import { FabricError } from "../../base/errors.ts";
import type { FabricEvent } from "../../protocol/event.ts";
import { parsePrefix, textOf, type Prefix, type Topic } from "../../protocol/topic.ts";
import type { Rules } from "../exchange.ts";
import type { Origin } from "../link.ts";
import type { Peer } from "../peer.ts";
import { CONNECTION_FLAGS, type Connection } from "./connection.ts";
import { Glob } from "./glob.ts";
import type { HandlerTable } from "./handler-table.ts";
import { TopicLists, type Scope } from "./topic-lists.ts";

const NODE_PREFIX = ".node.";
export const REPLY_PREFIX = ".reply.";

interface Forward {
  readonly glob: Glob;
  readonly from: Scope;
  readonly to: Scope;
}

export interface RoutesPort {
  /** The connection that a peer is. */
  connectionOf(peer: Peer): Connection | undefined;
  /** Tables of handlers whose topics connections with the flag are asked for. */
  readonly handlers: readonly Pick<HandlerTable<unknown>, "globs" | "matches">[];
  /** Where this context's answers come. */
  readonly replyPrefix: string;
  deliver(topic: string, event: FabricEvent, origin: Origin, from: Peer): void;
}

export class Routes implements Rules {
  readonly isSelective = true;
  readonly published = new TopicLists();
  readonly subscribed = new TopicLists();
  readonly local = new TopicLists();
  readonly #forwards: Forward[] = [];
  readonly #port: RoutesPort;

  constructor(port: RoutesPort) {
    this.#port = port;
  }

  /** Throws `invalid_topic_key` for a topic of the system's own. */
  assertOwn(topic: string): void {
    if (!topic.startsWith(".")) return;
    throw new FabricError("invalid_topic_key", `'${topic}': topics that begin with '.' are reserved`);
  }

  /** Throws `invalid_topic_key` for a reserved topic that leads to no node. */
  assertRaisable(topic: string): void {
    if (!topic.startsWith(NODE_PREFIX)) this.assertOwn(topic);
  }

  forward(topic: string, from: Scope, to: Scope): void {
    this.assertOwn(topic);
    this.#forwards.push({ glob: new Glob(topic), from, to });
  }

  forget(connection: Connection): void {
    for (const lists of [this.published, this.subscribed, this.local]) lists.forget(connection);
    for (let i = this.#forwards.length - 1; i >= 0; i--) {
      const { from, to } = this.#forwards[i]!;
      if (from === connection || to === connection) this.#forwards.splice(i, 1);
    }
  }

  wants(peer: Peer): ReadonlySet<Prefix> {
    const connection = this.#port.connectionOf(peer);
    if (connection === undefined) return new Set();
    const wanted = new Set<Prefix>([parsePrefix(this.#port.replyPrefix)]);
    for (const { prefix } of this.subscribed.of(connection)) wanted.add(prefix);
    if (connection.has(CONNECTION_FLAGS.autoSubscribe)) {
      for (const { prefix } of this.#port.handlers.flatMap(({ globs }) => globs)) wanted.add(prefix);
    }
    for (const { glob, from } of this.#forwards)
      if (from === null || from === connection) wanted.add(glob.prefix);
    if (this.#forwards.length > 0) wanted.add(parsePrefix(REPLY_PREFIX));
    if (connection.name !== undefined) wanted.add(parsePrefix(NODE_PREFIX + connection.name));
    return wanted;
  }

  offers(wire: Topic, to: Peer, from: Peer | undefined): boolean {
    const topic = textOf(wire);
    const target = this.#port.connectionOf(to);
    if (target === undefined) return false;
    if (from !== undefined) return this.#isForwarded(topic, this.#port.connectionOf(from), target);
    if (topic.startsWith(".")) return true;
    return this.published.has(topic, target) || target.has(CONNECTION_FLAGS.autoPublish);
  }

  relays(wire: Topic, from: Peer): boolean {
    return this.#isForwarded(textOf(wire), this.#port.connectionOf(from), undefined);
  }

  deliver(wire: Topic, event: FabricEvent, origin: Origin, from: Peer): void {
    const topic = textOf(wire);
    const connection = this.#port.connectionOf(from);
    if (connection !== undefined && this.#comesIn(topic, connection))
      this.#port.deliver(topic, event, origin, from);
  }

  /** The prefix that was asked for may be wider than what was meant. */
  #comesIn(topic: string, connection: Connection): boolean {
    if (topic.startsWith(".")) {
      return topic.startsWith(this.#port.replyPrefix) || topic === NODE_PREFIX + String(connection.name);
    }
    if (this.subscribed.matches(topic, connection)) return true;
    return (
      connection.has(CONNECTION_FLAGS.autoSubscribe) &&
      this.#port.handlers.some((table) => table.matches(topic))
    );
  }

  /** @param to Undefined for anybody. */
  #isForwarded(topic: string, from: Connection | undefined, to: Connection | undefined): boolean {
    if (from === undefined) return false;
    if (topic.startsWith(REPLY_PREFIX)) return this.#forwards.length > 0;
    return this.#forwards.some(
      (rule) =>
        (rule.from === null || rule.from === from) &&
        (rule.to === null || to === undefined || rule.to === to) &&
        rule.glob.matches(topic),
    );
  }
}
