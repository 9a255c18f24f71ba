/** A client of JSON v1 in the simulated world: one connection, without an identity beyond it. */
import { parseDataMessage } from "../../../src/protocol/data-message.ts";
import { parsePrefix, parseTopic } from "../../../src/protocol/topic.ts";
import { connect, type End } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import { Violation } from "../kit/world.ts";
import { keyOf } from "./ledger.ts";
import type { Release } from "./layout.ts";
import { Receiver } from "./receiver.ts";
import type { Farewell, SessionHost } from "./session-host.ts";
import { PREFIXES, textOfEvent, TOPICS, type Surroundings } from "./surroundings.ts";

/** Why a session may close its client: what was lost upstream, a router that does not answer, another table. */
const ENDS = ["gap", "unavailable", "moved"];

/** One connection of a JSON v1 client: it has no identity beyond it. */
export class JsonClient extends Process {
  readonly receiver: Receiver;
  readonly #around: Surroundings;
  readonly #session: SessionHost;
  readonly #release: Release;
  readonly #end: End | undefined;
  readonly #interests: ReturnType<Receiver["subscribe"]>[] = [];
  #state: "subscribing" | "open" | "left" | "lost" = "subscribing";

  constructor(around: Surroundings, name: string) {
    super(around.world, name);
    this.#around = around;
    this.receiver = new Receiver(name, around.ledger);
    this.#release = around.someRelease();
    this.#session = around.jsonSession(this.#release);
    this.start();
    this.#end = connect(this, this.#session, around.link);
    const { random } = this;
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
    const { isBroken, isOutdated, hasClosed } = this.#session;
    return this.#state !== "lost" && !isBroken && !isOutdated && !hasClosed;
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
      const { topic, event } = parseDataMessage(message);
      this.receiver.receive(keyOf(event), { stream: this.#release.owner(parseTopic(topic)) });
    } else throw new Violation(`${this.name} is told ${message}`);
  }

  #farewell({ reason }: Farewell): void {
    this.note(() => `is closed: ${reason}`);
    if (this.#around.isCalm)
      throw new Violation(`${this.name} is closed for ${reason} where nothing was lost`);
    if (!ENDS.includes(reason)) throw new Violation(`${this.name} is closed for ${reason}`);
  }

  override closed(): void {
    if (this.#state !== "left") this.#state = "lost";
  }

  publish(): void {
    const { world, ledger } = this.#around;
    const event = ledger.publish(this.name, this.random.pick(TOPICS), world.nowMs);
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
