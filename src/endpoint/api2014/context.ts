/**
 * The interface that was proposed in 2014 for what became Broker: `bro_topic_publish(…)` is `context.topic.publish(…)`
 * here, and so with all of them. Operations answer at once, with false or undefined when they fail; `errno` and `strerrno`
 * then say why. What a connection is asked for and what it offers is agreed with the other side behind that; `flush`
 * waits for it.
 */
import { FabricError, type ErrorCode } from "../../base/errors.ts";
import { isRawWrite } from "../../protocol/raw-write.ts";
import { parseTopic } from "../../protocol/topic.ts";
import type { FabricEvent } from "../../protocol/event.ts";
import { replyTopicOf } from "../../sdk/reply-topic.ts";
import { Deadline } from "../deadline.ts";
import { Exchange } from "../exchange.ts";
import type { Origin } from "../link.ts";
import { isLogEvent } from "../log-events.ts";
import { newInstance, nodeIdOf, nodeIdText } from "../node-id.ts";
import type { Peer } from "../peer.ts";
import { Peerings } from "../peerings.ts";
import { BroEvent, timeOf } from "./bro-event.ts";
import { Connection } from "./connection.ts";
import { Connections } from "./connections.ts";
import { Events } from "./events.ts";
import { LastError } from "./last-error.ts";
import { Logs } from "./logs.ts";
import { REPLY_PREFIX, Routes } from "./routes.ts";
import { Surveys } from "./surveys.ts";
import { Topics } from "./topics.ts";
import { Writes } from "./writes.ts";

/** `bro_context_create`. No flags are known: others than 0 are refused with `invalid_data`. */
export function createContext(flags = 0, options: { readonly name?: string } = {}): Context {
  if (flags !== 0) throw new FabricError("invalid_data", `a context has no flags, ${flags} was given`);
  return new Context(options.name);
}

export class Context {
  readonly #error = new LastError();
  readonly #exchange: Exchange;
  readonly #peerings: Peerings;
  readonly #byPeer = new Map<Peer, Connection>();
  readonly #surveys: Surveys;
  readonly #deadline = new Deadline(() => this.#tick());
  #changes: Promise<unknown> = Promise.resolve();
  readonly connection: Connections;
  readonly topic: Topics;
  readonly event: Events;
  readonly log: Logs;
  readonly write: Writes;

  /** Use `createContext`. @param name By which nodes that connect to this one reach it. */
  constructor(name: string | undefined) {
    const instance = newInstance();
    const own = nodeIdText(nodeIdOf(instance));
    const replyPrefix = `${REPLY_PREFIX}${own}.`;
    this.#surveys = new Surveys(replyPrefix);
    const shared = { error: this.#error, changed: () => this.#changed() };
    const publish = (topic: string, event: FabricEvent) => this.#exchange.publish(parseTopic(topic), event);
    const routes = new Routes({
      connectionOf: (peer) => this.#byPeer.get(peer),
      get handlers() {
        return tables();
      },
      replyPrefix,
      deliver: (topic, event, origin) => this.#deliver(topic, event, origin),
    });
    this.topic = new Topics(routes, shared);
    this.event = new Events({
      ...shared,
      routes,
      publish,
      surveys: this.#surveys,
      asked: () => this.#arm(),
      own,
    });
    this.log = new Logs({ ...shared, routes, publish });
    this.write = new Writes({ ...shared, routes, publish });
    const tables = () => [this.event.handlers, this.log.handlers, this.write.handlers];
    this.#exchange = new Exchange(instance, routes);
    this.#peerings = new Peerings(this.#exchange, name, {
      // What becomes of a connection its handle tells.
      changed: () => {},
      failed: () => {},
      stands: (peer) => this.#byPeer.get(peer)?.stands(),
      wanted: (_peer, prefixes) => this.log.announce(prefixes),
      gone: (peer) => this.#gone(peer, routes),
    });
    this.connection = new Connections({ ...shared, peerings: this.#peerings, byPeer: this.#byPeer, name });
  }

  /** The code of the last operation's error; "none" when it went well. */
  errno(): ErrorCode | "none" {
    return this.#error.code;
  }

  /** Its text; empty when it went well. */
  strerrno(): string {
    return this.#error.text;
  }

  /** Answers to surveys that came when these had ended. */
  get lateAnswers(): number {
    return this.#surveys.late;
  }

  /** Resolves when the changes of topics are agreed with the peers, and what was raised is on its way. */
  async flush(): Promise<void> {
    await this.#changes;
    await this.#exchange.flush();
  }

  /** `bro_context_destroy`: closes all connections; every later operation fails. */
  async destroy(): Promise<void> {
    this.#error.destroyed();
    this.#deadline.set(undefined);
    await this.#exchange.drain();
    await this.#peerings.close();
    this.#exchange.stop();
  }

  #changed(): void {
    this.#changes = Promise.all([this.#changes, this.#exchange.refresh()]);
  }

  #deliver(topic: string, event: FabricEvent, { publisher }: Origin): void {
    if (isLogEvent(event.name)) return this.log.take(topic, event);
    if (isRawWrite(event.name)) return this.write.take(topic, event);
    const { name, args, metadata } = event;
    const received = new BroEvent(name, timeOf(metadata), args, replyTopicOf(metadata));
    if (!this.#surveys.isAnswer(topic)) return this.event.take(topic, received);
    this.#surveys.answered(topic, publisher, received);
    this.#arm();
  }

  #gone(peer: Peer, routes: Routes): void {
    const connection = this.#byPeer.get(peer);
    if (connection === undefined) return;
    this.#byPeer.delete(peer);
    routes.forget(connection);
    connection.ended();
  }

  #tick(): void {
    this.#surveys.tick(Date.now());
    this.#arm();
  }

  #arm(): void {
    this.#deadline.set(this.#surveys.deadlineMs);
  }
}
