/** A session of the simulated world: the engines of src/protocol, driven as src/worker/session-driver.ts drives them. */
import { Gather } from "../../../src/base/gather.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { JsonSession } from "../../../src/protocol/json-session.ts";
import type { NativeSession } from "../../../src/protocol/native-session.ts";
import type { SessionEffect } from "../../../src/protocol/session-effect.ts";
import { connect, type End, type LinkOptions } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import { Violation, type Timer, type World } from "../kit/world.ts";
import { helloOfSomeRelease } from "./release.ts";
import type { RouterHost } from "./router-host.ts";

const CRASH = 0.0003;

/** The last words of a session that closes its peer. */
export interface Farewell {
  readonly type: "farewell";
  readonly reason: string;
}

/** What a session asks of its end of the trunk to Membership. */
export type MemberRequest = Extract<SessionEffect, { type: "member" | "needView" }>;

export class SessionHost extends Process {
  readonly #routers: ReadonlyMap<string, RouterHost>;
  protected readonly session: JsonSession | NativeSession;
  protected readonly link: LinkOptions;
  readonly #trunks = new Map<string, End>();
  /** Trunks on which hello is said. */
  readonly #greeted = new WeakSet<End>();
  readonly #gather: Gather;
  #peer: End | undefined;
  #timer: Timer | undefined;
  #timerMs = Infinity;
  /** Whether it died before its work was done. */
  isBroken = false;
  /** Whether some router may have another table than it has: what its client sent before it went may go nowhere. */
  isOutdated = false;
  /** Whether it closed its peer: what crosses with that is lost. */
  hasClosed = false;

  constructor(
    world: World,
    name: string,
    link: LinkOptions,
    routers: ReadonlyMap<string, RouterHost>,
    session: JsonSession | NativeSession,
  ) {
    super(world, name);
    this.link = link;
    this.#routers = routers;
    this.session = session;
    this.#gather = new Gather(
      (task) => void this.after(0, task),
      () => {
        this.session.flush();
        this.#perform();
      },
    );
    this.start();
    this.#arm();
  }

  protected override boot(): void {}

  protected override crashed(): void {
    this.isBroken = true;
  }

  override opened(end: End): void {
    this.#peer = end;
  }

  override received(end: End, message: unknown): void {
    if (end === this.#peer) return this.#input(message as string | Uint8Array);
    const router = end.tag as string;
    if (this.#trunks.get(router) !== end) return;
    this.session.trunkReceived(router, message as Uint8Array, this.nowMs);
    this.#perform();
    if (this.isUp) this.#gather.due();
  }

  override closed(end: End): void {
    if (end === this.#peer) {
      this.session.closed(this.nowMs);
      return this.#gather.due();
    }
    const router = end.tag as string;
    if (this.#trunks.get(router) === end) this.#lost(router);
  }

  protected isPeer(end: End): boolean {
    return end === this.#peer;
  }

  /** What concerns nodes: of a world that has some. */
  protected member({ type }: MemberRequest): void {
    throw new Violation(`nobody asks for ${type} in this world`);
  }

  /** To be called after any input that is not the peer's. */
  protected inputTaken(): void {
    this.#gather.due();
  }

  #input(message: string | Uint8Array): void {
    const { nowMs } = this;
    const session = this.session;
    if (session instanceof JsonSession) {
      if (typeof message === "string") session.text(message, nowMs);
    } else if (typeof message !== "string") session.receive(message, nowMs);
    if (session.bufferedBytes > LIMITS.inboundQueueBytesMax + LIMITS.pipelineBytesMax) {
      throw new Violation(`${this.name} holds more than its bound`);
    }
    this.#gather.due();
  }

  #lost(router: string): void {
    this.#trunks.delete(router);
    this.session.trunkLost(router, this.nowMs);
    this.#perform();
  }

  #perform(): void {
    const effects = this.session.drain();
    this.effects(
      CRASH,
      effects.map((effect) => () => this.#do(effect)),
    );
    if (this.isUp) this.#arm();
  }

  #do(effect: SessionEffect): void {
    switch (effect.type) {
      case "sendTexts":
        for (const text of effect.texts) this.#peer?.send(text);
        return;
      case "sendBytes":
        this.#peer?.send(effect.bytes);
        return;
      case "close": {
        const farewell: Farewell = { type: "farewell", reason: effect.reason };
        this.hasClosed = true;
        this.note(() => `closes its peer: ${effect.reason}`);
        this.#peer?.send(farewell);
        this.#peer?.close();
        return;
      }
      case "openTrunk":
        this.after(this.random.between(0, 30), () => this.#open(effect.router));
        return;
      case "sendTrunk":
        return this.#sendTrunk(effect.router, effect.bytes);
      case "closeTrunk":
        this.#trunks.get(effect.router)?.close();
        this.#trunks.delete(effect.router);
        return;
      case "log":
        throw new Violation(`nobody asks for ${effect.type} in this world`);
      case "member":
      case "needView":
        return this.member(effect);
      // What Membership hears of a JSON v1 client.
      case "acked":
        return;
      case "done":
        this.crash("end");
        this.isBroken = false;
    }
  }

  #sendTrunk(router: string, bytes: Uint8Array): void {
    const end = this.#trunks.get(router);
    if (end === undefined) return;
    const isHello = !this.#greeted.has(end);
    this.#greeted.add(end);
    end.send(isHello ? helloOfSomeRelease(this.world, bytes, this.name) : bytes);
  }

  #open(router: string): void {
    const end = connect(this, this.#routers.get(router)!, this.link);
    if (end === undefined) return this.#lost(router);
    end.tag = router;
    this.#trunks.set(router, end);
    this.session.trunkOpened(router);
    this.#perform();
  }

  #arm(): void {
    const deadlineMs = this.session.deadlineMs ?? Infinity;
    if (deadlineMs === this.#timerMs) return;
    this.#timer?.cancel();
    this.#timerMs = deadlineMs;
    if (deadlineMs === Infinity) return;
    this.#timer = this.timer(deadlineMs, () => {
      this.#timerMs = Infinity;
      this.session.tick(this.nowMs);
      this.#perform();
    });
  }
}
