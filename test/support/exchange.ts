/** Peers, their sessions and routers in memory, without delay: enough to hold the exchanges of PROTOCOL.md. */
import { LIMITS } from "../../src/base/limits.ts";
import { FULL_GRANT } from "../../src/protocol/access.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { Frame, FrameOf, FrameType, InstanceId } from "../../src/protocol/frame.ts";
import type { Grant } from "../../src/protocol/grant.ts";
import { JsonSession } from "../../src/protocol/json-session.ts";
import { NativeSession } from "../../src/protocol/native-session.ts";
import type { SessionEffect } from "../../src/protocol/session-effect.ts";
import type { Session } from "../../src/protocol/session.ts";
import type { RetentionPolicy } from "../../src/routing/kept.ts";
import { parsePrefix } from "../../src/protocol/topic.ts";
import { Placement } from "../../src/routing/placement.ts";
import { Router } from "../../src/routing/router.ts";
import { RouterStore } from "./router-store.ts";

const ROUTER = "main";
const TABLE = "table-1";
const placement = new Placement([{ name: ROUTER, prefix: parsePrefix("") }]);

export const instance = (char: string): InstanceId => char.repeat(16);

/** One peer: what it was sent, and how its connection ended. */
export class Peer {
  readonly frames: Frame[] = [];
  readonly texts: string[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly session: NativeSession | JsonSession;
  /** Name of its open trunk. */
  trunk: string | undefined;
  /** Publishes that its session sent since the router's last turn, and the most there ever were. */
  underWay = 0;
  underWayMost = 0;
  readonly #world: Exchange;

  constructor(world: Exchange, session: NativeSession | JsonSession) {
    this.#world = world;
    this.session = session;
  }

  /** Sends frames of the native protocol. */
  send(...frames: readonly Frame[]): this {
    for (const frame of frames)
      (this.session as NativeSession).receive(encodeFrame(frame), this.#world.nowMs);
    return this.settle();
  }

  /** Sends texts of JSON v1. */
  text(...texts: readonly string[]): this {
    for (const text of texts) (this.session as JsonSession).text(text, this.#world.nowMs);
    return this.settle();
  }

  settle(): this {
    this.session.flush();
    this.#world.run(this);
    return this;
  }

  /** The frames of a type that came, and forgets them. */
  take<T extends FrameType>(type: T): FrameOf<T>[] {
    const taken = this.frames.filter((frame): frame is FrameOf<T> => frame.type === type);
    for (const frame of taken) this.frames.splice(this.frames.indexOf(frame), 1);
    return taken;
  }
}

export class Exchange {
  nowMs = 1_000;
  readonly #store = new RouterStore();
  readonly #policies: readonly RetentionPolicy[];
  router: Router;
  readonly #peers: Peer[] = [];
  #trunks = 0;

  readonly #welcome: Readonly<Record<string, unknown>>;

  /**
   * @param policies What the router keeps.
   * @param fabric How the fabric calls itself.
   */
  constructor(policies: readonly RetentionPolicy[] = [], fabric?: string) {
    this.#policies = policies;
    this.#welcome = { server: "0.1.0", ...(fabric === undefined ? {} : { fabric }) };
    this.router = this.#start();
  }

  #start(): Router {
    const keeping = { policies: this.#policies, store: this.#store };
    return new Router({ name: ROUTER, table: TABLE, keeping }, this.#store.read(), new Set(), 0);
  }

  /** The router loses its memory and all trunks; sessions make theirs again in their own time. */
  crash(): void {
    this.router = this.#start();
    for (const peer of this.#peers) {
      if (peer.trunk === undefined) continue;
      peer.trunk = undefined;
      peer.session.trunkLost(ROUTER, this.nowMs);
    }
    this.#turn();
  }

  native(grant: Grant = FULL_GRANT): Peer {
    const { nowMs } = this;
    return this.#add(
      new NativeSession({
        publisherOf: (instance) => instance,
        endpoint: "e-1",
        grant,
        placement,
        table: TABLE,
        reader: { bytesPerSecond: LIMITS.readerBytesPerSecond, burstBytes: LIMITS.readerBurstBytes },
        welcome: this.#welcome,
        keptPrefixes: this.#policies.map(({ prefix }) => prefix),
        nowMs,
      }),
    );
  }

  json(id: InstanceId): Peer {
    const { nowMs } = this;
    return this.#add(
      new JsonSession({
        identity: { instance: id, connection: 1, table: TABLE },
        placement,
        endpoint: "e-2",
        version: "0.1.0",
        grant: FULL_GRANT,
        reader: { bytesPerSecond: 1e6, burstBytes: 1e6 },
        nowMs,
      }),
    );
  }

  /** Cuts a peer's connection, and its trunk with it. */
  cut(peer: Peer): void {
    peer.session.closed(this.nowMs);
    peer.settle();
  }

  /** Loses the trunk of a peer; the session makes it again in its own time. */
  cutTrunk(peer: Peer): void {
    this.router.closed(peer.trunk!);
    peer.trunk = undefined;
    peer.session.trunkLost(ROUTER, this.nowMs);
    this.#turn();
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.nowMs += ms;
    for (const peer of this.#peers) {
      if ((peer.session.deadlineMs ?? Infinity) <= this.nowMs) peer.session.tick(this.nowMs);
      this.run(peer);
    }
  }

  /** Carries out a session's effects, and what they cause. */
  run(peer: Peer): void {
    for (const effect of (peer.session as Session).drain()) this.#do(peer, effect);
    this.#turn();
  }

  #add(session: NativeSession | JsonSession): Peer {
    const peer = new Peer(this, session);
    this.#peers.push(peer);
    return peer;
  }

  #do(peer: Peer, effect: SessionEffect): void {
    switch (effect.type) {
      case "sendBytes":
        peer.frames.push(decodeFrame(effect.bytes));
        return;
      case "sendTexts":
        peer.texts.push(...effect.texts);
        return;
      case "close":
        peer.closed = { code: effect.code, reason: effect.reason };
        return;
      case "openTrunk":
        peer.trunk = `trunk-${++this.#trunks}`;
        peer.session.trunkOpened(ROUTER);
        return this.run(peer);
      case "sendTrunk":
        if (peer.trunk === undefined) return;
        if (decodeFrame(effect.bytes).type === "publish") peer.underWay++;
        peer.underWayMost = Math.max(peer.underWayMost, peer.underWay);
        this.router.receive(peer.trunk, effect.bytes);
        return;
      case "closeTrunk":
        if (peer.trunk !== undefined) this.router.closed(peer.trunk);
        peer.trunk = undefined;
        return;
      case "log":
      case "member":
      case "needView":
      case "acked":
      case "done":
    }
  }

  #turn(): void {
    for (const peer of this.#peers) peer.underWay = 0;
    const effects = this.router.turn(this.nowMs);
    for (const effect of effects) if (effect.type === "persist") this.#store.apply(effect.change);
    for (const effect of effects) {
      if (effect.type !== "send") continue;
      for (const peer of this.#peers.filter(
        ({ trunk }) => trunk !== undefined && effect.trunks.includes(trunk),
      )) {
        peer.session.trunkReceived(ROUTER, effect.bytes, this.nowMs);
        peer.settle();
      }
    }
  }
}
