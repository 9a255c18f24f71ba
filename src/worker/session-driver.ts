/**
 * Drives a session engine: carries out its effects on the peer's WebSocket and on trunks, calls `flush` after
 * input, and keeps its timer. No protocol decisions.
 */
import { Gather } from "../base/gather.ts";
import { LIMITS } from "../base/limits.ts";
import type { SessionEffect } from "../protocol/session-effect.ts";
import type { Session } from "../protocol/session.ts";
import type { Prefix } from "../protocol/topic.ts";
import { isolateLedger } from "./isolate-ledger.ts";

/** What the driver needs from around it. */
export interface DriverPorts {
  /** Opens a trunk to a router; rejects when it cannot. */
  openTrunk(router: string): Promise<WebSocket>;
  /** Takes what concerns nodes; absent where the peer can be none. */
  member?(request: Extract<SessionEffect, { type: "member" }>): void;
  /** The session wants to know who is there; absent where it publishes to no pools. */
  needView?(peer: Extract<SessionEffect, { type: "needView" }>): void;
  /** Takes log frames; absent where the peer cannot send any. */
  log?(frame: Extract<SessionEffect, { type: "log" }>["frame"]): void;
  /** A JSON v1 client has its subscriptions. */
  acked?(prefixes: readonly Prefix[]): void;
  /** The session is over. */
  done(): void;
}

interface Buffered {
  readonly bufferedBytes: number;
}

/** Sessions of this isolate. */
const drivers = new Set<SessionDriver>();
/** Until when it takes no more, ms: its server is about to stop. Should that not happen, it goes on. */
let leavingUntilMs = 0;

/** Whether the isolate takes another session: it has a bound of all buffers (rule 12), and does not when it leaves. */
export function hasRoom(): boolean {
  if (Date.now() < leavingUntilMs) return false;
  let sum = 0;
  for (const driver of drivers) sum += driver.bufferedBytes;
  return sum < LIMITS.isolateBufferBytesMax;
}

/**
 * Asks the peers of all sessions to connect again, and takes no more (rule 15). Answers, when all have gone or after a
 * while, with how many are still there.
 */
export async function leave(reason: string): Promise<number> {
  leavingUntilMs = Date.now() + LIMITS.goawayMs;
  for (const driver of drivers) driver.askToLeave(reason);
  for (let waitedMs = 0; drivers.size > 0 && waitedMs < LIMITS.leaveMs; waitedMs += LEAVE_POLL_MS) {
    await new Promise((resolve) => setTimeout(resolve, LEAVE_POLL_MS));
  }
  return drivers.size;
}

const LEAVE_POLL_MS = 20;

export class SessionDriver {
  readonly #peer: WebSocket;
  readonly #session: Session & Buffered;
  readonly #ports: DriverPorts;
  readonly #trunks = new Map<string, WebSocket>();
  readonly #gather = new Gather(
    (task) => void setImmediate(task),
    () => this.#flush(),
  );
  /** Resolved by another request, whose context may not touch the sockets of this one; what follows runs in ours. */
  readonly #leaving = Promise.withResolvers<string>();
  #isDone = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;

  constructor(peer: WebSocket, session: Session & Buffered, ports: DriverPorts) {
    this.#peer = peer;
    this.#session = session;
    this.#ports = ports;
    drivers.add(this);
    isolateLedger.began(session.ledger);
    this.#armTimer();
    void this.#leaving.promise.then((reason) => this.#goAway(reason));
  }

  /** What the session holds, bytes. */
  get bufferedBytes(): number {
    return this.#session.bufferedBytes;
  }

  /** To be called after any input of the peer. */
  inputTaken(): void {
    this.#gather.due();
  }

  /** There may be another view of who is there. */
  viewed(): void {
    this.#session.viewChanged(Date.now());
    this.inputTaken();
  }

  askToLeave(reason: string): void {
    this.#leaving.resolve(reason);
  }

  #goAway(reason: string): void {
    if (this.#isDone) return;
    this.#session.goAway(reason, Date.now());
    this.#flush();
  }

  #flush(): void {
    this.#session.flush();
    this.#perform();
    this.#armTimer();
  }

  #perform(): void {
    for (const effect of this.#session.drain()) this.#do(effect);
  }

  #do(effect: SessionEffect): void {
    switch (effect.type) {
      case "sendTexts":
        return this.#toPeer(effect.texts);
      case "sendBytes":
        return this.#toPeer([effect.bytes]);
      case "sendTrunk":
        return this.#toTrunk(effect.router, effect.bytes);
      case "openTrunk":
        void this.#openTrunk(effect.router);
        return;
      case "closeTrunk":
        return this.#closeTrunk(effect.router);
      case "close":
        return this.#closePeer(effect.code, effect.reason);
      case "log":
        return this.#ports.log?.(effect.frame);
      case "member":
        return this.#ports.member?.(effect);
      case "needView":
        return this.#ports.needView?.(effect);
      case "acked":
        return this.#ports.acked?.(effect.prefixes);
      case "done":
        this.#isDone = true;
        drivers.delete(this);
        isolateLedger.ended(this.#session.ledger);
        return this.#ports.done();
    }
  }

  /** A peer that is gone takes nothing; its close event tells the engine. */
  #toPeer(messages: readonly (string | Uint8Array)[]): void {
    if (this.#peer.readyState !== WebSocket.OPEN) return;
    for (const message of messages) this.#peer.send(message);
  }

  #closePeer(code: number, reason: string): void {
    if (this.#peer.readyState === WebSocket.OPEN) this.#peer.close(code, reason);
  }

  #toTrunk(router: string, bytes: Uint8Array): void {
    const trunk = this.#trunks.get(router);
    if (trunk?.readyState === WebSocket.OPEN) trunk.send(bytes);
  }

  #closeTrunk(router: string): void {
    const trunk = this.#trunks.get(router);
    this.#trunks.delete(router);
    if (trunk?.readyState === WebSocket.OPEN) trunk.close(1000, "done");
  }

  async #openTrunk(router: string): Promise<void> {
    let trunk: WebSocket;
    try {
      trunk = await this.#ports.openTrunk(router);
    } catch {
      return this.#trunkLost(router, undefined);
    }
    // The session ended meanwhile: nobody would ever close it.
    if (this.#isDone) return trunk.close(1000, "done");
    trunk.addEventListener("message", (event) => {
      // A trunk that was given up may still speak; the one after it is another conversation.
      if (this.#trunks.get(router) !== trunk) return;
      this.#session.trunkReceived(router, new Uint8Array(event.data as ArrayBuffer), Date.now());
      this.#perform();
      this.inputTaken();
    });
    trunk.addEventListener("close", () => this.#trunkLost(router, trunk));
    trunk.addEventListener("error", () => this.#trunkLost(router, trunk));
    this.#trunks.set(router, trunk);
    this.#session.trunkOpened(router);
    this.#perform();
    this.#armTimer();
  }

  /** @param trunk Undefined when there was none to lose: it could not be opened. */
  #trunkLost(router: string, trunk: WebSocket | undefined): void {
    if (this.#trunks.get(router) !== trunk) return;
    this.#trunks.delete(router);
    this.#session.trunkLost(router, Date.now());
    this.#perform();
    this.#armTimer();
  }

  #armTimer(): void {
    const deadlineMs = this.#session.deadlineMs ?? Infinity;
    if (deadlineMs === this.#timerMs) return;
    clearTimeout(this.#timer);
    this.#timerMs = deadlineMs;
    if (deadlineMs === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#timerMs = Infinity;
        this.#session.tick(Date.now());
        this.#perform();
        this.#armTimer();
      },
      Math.max(1, deadlineMs - Date.now()),
    );
  }
}
