/** A native client of the simulated world: the SDK's engine, as src/sdk/client.ts drives it. */
import { LIMITS } from "../../../src/base/limits.ts";
import { ENCODING, type Gap, type Position } from "../../../src/protocol/frame.ts";
import { isKept } from "../../../src/protocol/stream.ts";
import { fromBytes, parsePrefix, type Prefix } from "../../../src/protocol/topic.ts";
import { encodeEvents } from "../../../src/protocol/transcode.ts";
import type { ClientEffect } from "../../../src/sdk/client-engine.ts";
import type { Delivery } from "../../../src/sdk/credit-ledger.ts";
import { NativeEngine } from "../../../src/sdk/engine.ts";
import type { History } from "../../../src/sdk/history.ts";
import { connect, type End } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import { Violation, type Timer } from "../kit/world.ts";
import { eventOf, keyOf } from "./ledger.ts";
import { Receiver } from "./receiver.ts";
import { helloOfSomeRelease } from "./release.ts";
import { PREFIXES, textOfEvent, TOPICS, type Surroundings } from "./surroundings.ts";

/** How a client reads: what may be under way to it, what may wait for it, and what happens past that. */
interface Reading {
  readonly windowBytes: number;
  readonly queue?: number;
  readonly overflow?: string;
}

type Effect<T extends ClientEffect["type"]> = Extract<ClientEffect, { type: T }>;

/** Events of one frame take about 60 bytes, a frame about 100. */
const NARROW = { windowBytes: 400, queue: 1_000 };
const READINGS: readonly Reading[] = [
  { windowBytes: LIMITS.readerWindowBytes },
  { windowBytes: LIMITS.readerWindowBytes },
  NARROW,
  { ...NARROW, overflow: "drop_newest" },
  { ...NARROW, overflow: "disconnect" },
  { ...NARROW, overflow: "block" },
];
/** The largest delivery of this world, with room to spare: one may be under way past the window. */
const DELIVERY_BYTES_MAX = 64 * 1024;

export class NativeClient extends Process {
  readonly receiver: Receiver;
  readonly #around: Surroundings;
  readonly #engine: NativeEngine;
  readonly #reading: Reading;
  readonly #ends = new Map<number, End>();
  #timer: Timer | undefined;
  #timerMs = Infinity;
  /** Interests that a change of subscriptions is about, by its id. */
  readonly #changes = new Map<number, { confirm(nowMs: number): void; refuse?(): void }>();
  #subscribed: { prefix: string; interest: ReturnType<Receiver["subscribe"]> }[] = [];
  /** What it has got and not taken, while it has stopped reading. */
  #untaken: Delivery[] = [];
  #isStopped = false;
  #awayUntilMs = 0;
  #hasHistory = false;

  constructor(around: Surroundings, name: string) {
    super(around.world, name);
    this.#around = around;
    this.receiver = new Receiver(name, around.ledger);
    const { random } = this;
    this.#reading = around.isCalm ? READINGS[0]! : random.pick(READINGS);
    const { windowBytes, ...hello } = this.#reading;
    const instance = fromBytes(random.bytes(16));
    this.#engine = new NativeEngine({ instance, hello, windowBytes, random: () => random.fraction() });
    this.start();
  }

  /** Whether nothing of it is on its way. */
  get isSettled(): boolean {
    const { status, pushed, settled } = this.#engine;
    return status === "open" && settled === pushed && this.#changes.size === 0 && !this.#isStopped;
  }

  protected override boot(): void {
    this.#engine.start(this.nowMs);
    this.subscribe();
  }

  override received(end: End, message: unknown): void {
    const connection = this.#connectionOf(end);
    if (connection === undefined || !(message instanceof Uint8Array)) return;
    this.#engine.received(connection, message, this.nowMs);
    this.#perform();
  }

  override closed(end: End): void {
    const connection = this.#connectionOf(end);
    if (connection === undefined) return;
    this.#ends.delete(connection);
    this.#engine.disconnected(connection, this.nowMs);
    this.#perform();
  }

  #connectionOf(end: End): number | undefined {
    for (const [connection, one] of this.#ends) if (one === end) return connection;
    return undefined;
  }

  publish(topic = this.random.pick(TOPICS)): void {
    const { world, ledger } = this.#around;
    const event = ledger.publish(this.name, topic, world.nowMs);
    world.tally("events published");
    this.note(() => `publishes ${event.key} on ${topic}`);
    if (this.random.chance(0.5)) this.#engine.publishText(event.topic, textOfEvent(event));
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

  /** Subscribes to something; now and then with a history, where there may be one. */
  subscribe(): void {
    const { random } = this;
    const text = random.pick(PREFIXES);
    const prefix = parsePrefix(text);
    const history = random.chance(0.3) ? this.#history(prefix) : undefined;
    const interest = this.receiver.subscribe(prefix);
    this.note(() => `subscribes to '${text}' ${history === undefined ? "" : JSON.stringify(history)}`);
    this.#subscribed.push({ prefix: text, interest });
    const id = this.#engine.subscribe([prefix], history);
    const refuse = () => {
      interest.isOver = true;
      this.#subscribed = this.#subscribed.filter((one) => one.interest !== interest);
    };
    const change = { confirm: (nowMs: number) => void (interest.sinceMs = nowMs) };
    this.#changes.set(id, history === undefined ? change : { ...change, refuse });
    this.#perform();
  }

  #history(prefix: Prefix): History | undefined {
    const { random } = this;
    const { keptPrefixes } = this.#around.layout.release;
    if (!keptPrefixes.some((kept) => kept.startsWith(prefix) || prefix.startsWith(kept))) return undefined;
    this.#hasHistory = true;
    this.world.tally("histories asked for");
    return random.pick<History>([
      { last: random.between(1, 30) },
      { lastPerTopic: true },
      { sinceMs: Math.max(0, this.nowMs - random.between(0, 20_000)) },
    ]);
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

  /** Takes nothing for a while; what comes waits in it, within its window. */
  stopReading(forMs: number): void {
    if (this.#isStopped) return;
    this.world.count("reader stops", this.name);
    this.#isStopped = true;
    this.after(forMs, () => {
      this.note(() => `reads on: ${this.#untaken.length} deliveries`);
      this.#isStopped = false;
      for (const delivery of this.#untaken.splice(0)) this.#take(delivery);
      this.#perform();
    });
  }

  /** Loses its connection and makes no other for a while. */
  goAway(forMs: number): void {
    this.world.count("disconnect for a while", this.name);
    this.#awayUntilMs = this.world.nowMs + forMs;
    for (const end of this.ends) end.cut();
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
        return this.#connectLater(effect.connection);
      case "send":
        return this.#send(effect);
      case "disconnect":
        this.#ends.get(effect.connection)?.close();
        this.#ends.delete(effect.connection);
        return;
      case "delivery":
        return this.#delivered(effect);
      case "published":
        for (let n = effect.range.after + 1; n <= effect.range.last; n++) {
          this.#around.ledger.acknowledge(this.name, n);
        }
        return;
      case "subscribed":
        this.note(() => `has change ${effect.id}`);
        this.#changes.get(effect.id)?.confirm(this.world.nowMs);
        this.#changes.delete(effect.id);
        return;
      case "gap":
        return this.#told(effect.gap);
      case "recovered":
        return this.#recovered(effect.position, effect.complete);
      case "refused":
        return this.#refused(effect);
      case "publishRefused":
      case "closed":
        throw new Violation(`${this.name} is refused: ${effect.error?.code} ${effect.error?.message}`);
      case "lost":
        if (this.#around.isCalm)
          throw new Violation(`${this.name} lost its connection, and nothing happened`);
        return;
      case "opened":
        if (this.#engine.settled < this.#engine.pushed) this.world.count("publish sent again", this.name);
        return;
      case "welcome":
      case "settled":
      case "logAck":
      case "logRefused":
      case "member":
    }
  }

  /** A history is refused where nothing is kept any more: a deploy may have changed that. */
  #refused({ id, error }: Effect<"refused">): void {
    const refuse = error.code === "invalid_data" ? this.#changes.get(id)?.refuse : undefined;
    if (refuse === undefined) throw new Violation(`${this.name} is refused: ${error.message}`);
    this.world.tally("histories refused");
    refuse();
    this.#changes.delete(id);
  }

  #send({ connection, message }: Effect<"send">): void {
    const end = this.#ends.get(connection);
    if (end === undefined || typeof message === "string") return;
    const hasGreeted = end.tag !== undefined;
    end.tag = "greeted";
    end.send(hasGreeted ? message : helloOfSomeRelease(this.world, message, this.name));
  }

  #delivered({ delivery, runs }: Effect<"delivery">): void {
    const { router: stream, incarnation } = delivery.position;
    for (const run of runs) {
      for (const event of run.events) {
        if (run.isHistory) this.receiver.receiveHistory(keyOf(event), { stream, incarnation });
        else if (!run.isOwn) this.receiver.receive(keyOf(event), { stream, incarnation });
        if (run.isHistory || !run.isOwn) this.world.tally("events delivered");
      }
    }
    const { heldBytes } = this.#engine;
    const bound = this.#around.layout.routers.length * (this.#reading.windowBytes + DELIVERY_BYTES_MAX);
    if (heldBytes > bound) throw new Violation(`${this.name} is made to hold ${heldBytes} bytes`);
    if (this.#isStopped) this.#untaken.push(delivery);
    else this.#take(delivery);
  }

  #take(delivery: Delivery): void {
    if (delivery.release()) this.#engine.taken(this.nowMs);
  }

  #told(gap: Gap): void {
    this.note(() => `is told the gap ${JSON.stringify(gap)}`);
    this.world.tally(`gaps told: ${gap.reason ?? "seen by prev"}, ${gap.extent}`);
    if (this.#around.isCalm) throw new Violation(`${this.name} is told a gap where nothing was lost`);
    if (this.#around.layout.isForGood(gap.to.router)) {
      throw new Violation(`${this.name} is told a gap where all is kept: ${JSON.stringify(gap)}`);
    }
    this.receiver.told(gap);
  }

  #recovered({ router }: Position, isComplete: boolean): void {
    this.note(() => `is back in ${router}, ${isComplete ? "complete" : "with something missing"}`);
    this.world.tally(isComplete ? "recoveries, complete" : "recoveries, something missing");
    if (!isKept(router)) throw new Violation(`${this.name} recovers in ${router}, which is not kept`);
    if (!isComplete && !this.#hasHistory && this.#around.layout.isForGood(router)) {
      throw new Violation(`${this.name} is told that something is missing in ${router}, where all is kept`);
    }
  }

  #connectLater(connection: number): void {
    const awayMs = Math.max(0, this.#awayUntilMs - this.world.nowMs);
    this.after(awayMs + this.random.between(0, 50), () => {
      const end = connect(this, this.#around.nativeSession(), this.#around.link);
      if (end !== undefined) this.#ends.set(connection, end);
      this.#engine.connected(connection);
      this.#perform();
    });
  }

  #arm(): void {
    const { deadlineMs = Infinity } = this.#engine;
    if (deadlineMs === this.#timerMs) return;
    this.#timer?.cancel();
    this.#timerMs = deadlineMs;
    if (deadlineMs === Infinity) return;
    this.#timer = this.timer(deadlineMs, () => {
      this.#timerMs = Infinity;
      this.#engine.tick(this.nowMs);
      this.#perform();
    });
  }
}
