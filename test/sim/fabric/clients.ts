/** Clients of the simulated world: the SDK's engine as src/sdk/client.ts drives it, and clients of JSON v1. */
import { LIMITS } from "../../../src/base/limits.ts";
import { formatDataMessage, parseDataMessage } from "../../../src/protocol/data-message.ts";
import { ENCODING } from "../../../src/protocol/frame.ts";
import { parsePrefix, textOf, fromBytes } from "../../../src/protocol/topic.ts";
import { encodeEvents } from "../../../src/protocol/transcode.ts";
import type { ClientEffect } from "../../../src/sdk/client-engine.ts";
import { NativeEngine } from "../../../src/sdk/engine.ts";
import { connect, type End, type LinkOptions } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import { Violation, type Timer, type World } from "../kit/world.ts";
import { eventOf, keyOf, type Ledger, type Published } from "./ledger.ts";
import { Receiver } from "./receiver.ts";
import type { Farewell, SessionHost } from "./session-host.ts";

/** What clients need of the world. */
export interface Surroundings {
  readonly world: World;
  readonly ledger: Ledger;
  readonly link: LinkOptions;
  /** In a calm world nothing is lost, so nobody may be told that something was. */
  readonly isCalm: boolean;
  nativeSession(): SessionHost;
  jsonSession(): SessionHost;
}

const TOPICS = ["a/x", "a/y", "a/b/z", "b", "b/1", "c"];
const PREFIXES = ["", "a/", "a/b/", "b", "c", "nobody"];

export class NativeClient extends Process {
  readonly receiver: Receiver;
  readonly #around: Surroundings;
  readonly #engine: NativeEngine;
  readonly #ends = new Map<number, End>();
  #timer: Timer | undefined;
  /** Interests that a change of subscriptions is about, by its id. */
  readonly #changes = new Map<number, { confirm(nowMs: number): void }>();
  #subscribed: { prefix: string; interest: ReturnType<Receiver["subscribe"]> }[] = [];

  constructor(around: Surroundings, name: string) {
    super(around.world, name);
    this.#around = around;
    this.receiver = new Receiver(name, around.ledger);
    const { random } = around.world;
    const instance = fromBytes(random.bytes(16));
    this.#engine = new NativeEngine({
      instance,
      hello: {},
      windowBytes: LIMITS.readerWindowBytes,
      random: () => random.fraction(),
    });
    this.start();
  }

  /** Whether nothing of it is on its way. */
  get isSettled(): boolean {
    const { status, pushed, settled } = this.#engine;
    return status === "open" && settled === pushed && this.#changes.size === 0;
  }

  protected override boot(): void {
    this.#engine.start(this.world.nowMs);
    this.subscribe();
  }

  override received(end: End, message: unknown): void {
    const connection = this.#connectionOf(end);
    if (connection === undefined || !(message instanceof Uint8Array)) return;
    this.#engine.received(connection, message, this.world.nowMs);
    this.#perform();
  }

  override closed(end: End): void {
    const connection = this.#connectionOf(end);
    if (connection === undefined) return;
    this.#ends.delete(connection);
    this.#engine.disconnected(connection, this.world.nowMs);
    this.#perform();
  }

  #connectionOf(end: End): number | undefined {
    for (const [connection, one] of this.#ends) if (one === end) return connection;
    return undefined;
  }

  publish(topic = this.world.random.pick(TOPICS)): void {
    const { world, ledger } = this.#around;
    const event = ledger.publish(this.name, topic, world.nowMs);
    this.note(() => `publishes ${event.key} on ${topic}`);
    if (world.random.chance(0.5)) this.#engine.publishText(event.topic, textOfEvent(event));
    else {
      const payload = encodeEvents([eventOf(this.name, event.number)]);
      this.#engine.publishSegments([{ topic: event.topic, encoding: ENCODING.cbor, count: 1, payload }]);
    }
    this.after(0, () => {
      this.#engine.flush();
      this.#perform();
    });
  }

  /** One event on each topic. */
  publishEverywhere(): void {
    for (const topic of TOPICS) this.publish(topic);
  }

  subscribe(): void {
    const prefix = this.world.random.pick(PREFIXES);
    const interest = this.receiver.subscribe(parsePrefix(prefix));
    this.note(() => `subscribes to '${prefix}'`);
    this.#subscribed.push({ prefix, interest });
    const id = this.#engine.subscribe([parsePrefix(prefix)]);
    this.#changes.set(id, { confirm: (nowMs) => (interest.sinceMs = nowMs) });
    this.#perform();
  }

  unsubscribe(): void {
    const one = this.#subscribed.shift();
    if (one === undefined) return;
    this.note(() => `unsubscribes from '${one.prefix}'`);
    one.interest.isOver = true;
    const id = this.#engine.unsubscribe([parsePrefix(one.prefix)]);
    this.#changes.set(id, { confirm: () => {} });
    this.#perform();
  }

  #perform(): void {
    for (let all = this.#engine.drain(); all.length > 0; all = this.#engine.drain()) {
      for (const effect of all) this.#do(effect);
    }
    this.#arm();
  }

  #do(effect: ClientEffect): void {
    switch (effect.type) {
      case "connect":
        this.after(this.world.random.between(0, 50), () => this.#connect(effect.connection));
        return;
      case "send":
        this.#ends.get(effect.connection)?.send(effect.message);
        return;
      case "disconnect":
        this.#ends.get(effect.connection)?.close();
        this.#ends.delete(effect.connection);
        return;
      case "delivery":
        for (const run of effect.runs) {
          if (!run.isOwn) for (const event of run.events) this.receiver.receive(keyOf(event));
        }
        if (effect.delivery.release()) this.#engine.taken(this.world.nowMs);
        return;
      case "subscribed":
        this.note(() => `has change ${effect.id}`);
        this.#changes.get(effect.id)?.confirm(this.world.nowMs);
        this.#changes.delete(effect.id);
        return;
      case "gap":
        this.note(() => `is told the gap ${JSON.stringify(effect.gap)}`);
        if (this.#around.isCalm) throw new Violation(`${this.name} is told a gap where nothing was lost`);
        this.receiver.gaps.push(effect.gap);
        return;
      case "refused":
      case "publishRefused":
      case "closed":
        throw new Violation(`${this.name} is refused: ${effect.error?.code} ${effect.error?.message}`);
      case "lost":
        if (this.#around.isCalm)
          throw new Violation(`${this.name} lost its connection, and nothing happened`);
        return;
      case "opened":
      case "welcome":
      case "published":
      case "settled":
      case "recovered":
      case "logAck":
      case "logRefused":
    }
  }

  #connect(connection: number): void {
    const end = connect(this, this.#around.nativeSession(), this.#around.link);
    if (end !== undefined) this.#ends.set(connection, end);
    this.#engine.connected(connection);
    this.#perform();
  }

  #arm(): void {
    this.#timer?.cancel();
    const { deadlineMs } = this.#engine;
    if (deadlineMs === undefined) return;
    this.#timer = this.after(Math.max(1, deadlineMs - this.world.nowMs), () => {
      this.#engine.tick(this.world.nowMs);
      this.#perform();
    });
  }
}

function textOfEvent({ publisher, number, topic }: Published): string {
  return formatDataMessage(textOf(topic), eventOf(publisher, number));
}

/** One connection of a JSON v1 client: it has no identity beyond it. */
export class JsonClient extends Process {
  readonly receiver: Receiver;
  readonly #around: Surroundings;
  readonly #session: SessionHost;
  readonly #end: End | undefined;
  readonly #interests: ReturnType<Receiver["subscribe"]>[] = [];
  #state: "subscribing" | "open" | "left" | "lost" = "subscribing";

  constructor(around: Surroundings, name: string) {
    super(around.world, name);
    this.#around = around;
    this.receiver = new Receiver(name, around.ledger);
    this.#session = around.jsonSession();
    this.start();
    this.#end = connect(this, this.#session, around.link);
    const { random } = around.world;
    const prefixes = Array.from({ length: random.between(0, 3) }, () => random.pick(PREFIXES));
    for (const prefix of prefixes) this.#interests.push(this.receiver.subscribe(parsePrefix(prefix)));
    this.#end?.send(JSON.stringify(prefixes));
  }

  protected override boot(): void {}

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether it may still send. */
  get isHere(): boolean {
    return this.#state === "subscribing" || this.#state === "open";
  }

  /** Whether everything that it sent must have been sequenced: nothing but itself ended its connection or session. */
  get isWhole(): boolean {
    return this.#state !== "lost" && !this.#session.isBroken && !this.#session.hasClosed;
  }

  /** Whether its session has nothing left to do for a client that went. */
  get isSettled(): boolean {
    return this.isHere ? this.isOpen : !this.#session.isUp;
  }

  override received(_end: End, message: unknown): void {
    if (typeof message !== "string") return this.#farewell(message as Farewell);
    if (message.startsWith('{"type":"ack"')) {
      this.#state = "open";
      for (const interest of this.#interests) interest.sinceMs = this.world.nowMs;
    } else if (message.startsWith('{"type":"data-message"')) {
      this.receiver.receive(keyOf(parseDataMessage(message).event));
    } else throw new Violation(`${this.name} is told ${message}`);
  }

  #farewell({ reason }: Farewell): void {
    this.note(() => `is closed: ${reason}`);
    if (this.#around.isCalm)
      throw new Violation(`${this.name} is closed for ${reason} where nothing was lost`);
    if (!["gap", "unavailable"].includes(reason)) throw new Violation(`${this.name} is closed for ${reason}`);
  }

  override closed(): void {
    if (this.#state !== "left") this.#state = "lost";
  }

  publish(): void {
    const { world, ledger } = this.#around;
    const event = ledger.publish(this.name, world.random.pick(TOPICS), world.nowMs);
    this.note(() => `publishes ${event.key} on ${event.topic}`);
    this.#end?.send(textOfEvent(event));
  }

  /** Publishes and closes at once: what was sent before a close is published. */
  leave(): void {
    this.publish();
    this.#state = this.#end?.isAlive === true ? "left" : "lost";
    this.#end?.close();
  }
}
