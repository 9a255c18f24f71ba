/** A session engine with stand-ins for its routers: what a driver does, without sockets. */
import { LIMITS } from "../../src/base/limits.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { Frame, FrameOf, FrameType, Position, SequencedFrame } from "../../src/protocol/frame.ts";
import type { Grant } from "../../src/protocol/grant.ts";
import { JsonSession } from "../../src/protocol/json-session.ts";
import { NativeSession } from "../../src/protocol/native-session.ts";
import type { PoolChooser } from "../../src/protocol/pool-publishes.ts";
import type { SessionEffect } from "../../src/protocol/session-effect.ts";
import type { Session } from "../../src/protocol/session.ts";
import { parsePrefix } from "../../src/protocol/topic.ts";
import { Placement, tableVersion, type Route } from "../../src/routing/placement.ts";
import { FULL_GRANT } from "../../src/protocol/access.ts";
import { instance } from "./router-rig.ts";

const ROUTES = [
  { name: "main", prefix: parsePrefix("") },
  { name: "two", prefix: parsePrefix("two/") },
];

const READER = { bytesPerSecond: LIMITS.readerBytesPerSecond, burstBytes: LIMITS.readerBurstBytes };

export interface RigOptions {
  /** Rows of earlier router tables. */
  readonly former?: readonly Route[];
  readonly grant?: Partial<Grant>;
  readonly reader?: { readonly bytesPerSecond: number; readonly burstBytes: number };
  readonly eventsMax?: number;
  readonly pools?: PoolChooser;
}

export function jsonRig(options: RigOptions = {}): SessionRig<JsonSession> {
  return new SessionRig(
    (nowMs) =>
      new JsonSession({
        identity: { instance: instance(7), connection: 1, table: tableVersion(ROUTES) },
        placement: new Placement(ROUTES),
        endpoint: "here",
        version: "1.0",
        grant: { ...FULL_GRANT, ...options.grant },
        reader: options.reader ?? READER,
        ...(options.eventsMax === undefined ? {} : { eventsMax: options.eventsMax }),
        ...(options.pools === undefined ? {} : { pools: options.pools }),
        nowMs,
      }),
  );
}

export function nativeRig(options: RigOptions = {}): SessionRig<NativeSession> {
  return new SessionRig(
    (nowMs) =>
      new NativeSession({
        publisherOf: (instance) => instance,
        endpoint: "here",
        grant: { ...FULL_GRANT, ...options.grant },
        placement: new Placement(ROUTES, options.former),
        table: tableVersion(ROUTES),
        welcome: { server: "1.0" },
        reader: options.reader ?? READER,
        ...(options.eventsMax === undefined ? {} : { eventsMax: options.eventsMax }),
        ...(options.pools === undefined ? {} : { pools: options.pools }),
        nowMs,
      }),
  );
}

export class SessionRig<S extends Session> {
  nowMs = 1_000;
  readonly session: S;
  /** What the peer got since it was last asked: texts, frames, and its close. */
  readonly texts: string[] = [];
  readonly frames: Frame[] = [];
  closed: { code: number; reason: string } | undefined;
  isDone = false;
  /** Times that the session asked for the view. */
  viewsAsked = 0;
  readonly logs: SessionEffect[] = [];
  readonly members: SessionEffect[] = [];
  readonly #open = new Set<string>();
  readonly #opening = new Set<string>();
  readonly #toRouter = new Map<string, Frame[]>();

  constructor(make: (nowMs: number) => S) {
    this.session = make(this.nowMs);
  }

  /** Runs an input of the peer, the flush of the macrotask after it, and the effects. */
  do(input: (session: S, nowMs: number) => void): this {
    input(this.session, this.nowMs);
    this.perform();
    this.session.flush();
    return this.perform();
  }

  /** Routers whose trunk is asked for and not there yet. */
  get opening(): readonly string[] {
    return [...this.#opening];
  }

  get open(): readonly string[] {
    return [...this.#open];
  }

  /** Opens the trunks asked for; by default all. */
  connect(...routers: string[]): this {
    for (const router of routers.length > 0 ? routers : this.opening) {
      if (!this.#opening.delete(router)) throw new Error(`no trunk to ${router} was asked for`);
      this.#open.add(router);
      this.session.trunkOpened(router);
      this.perform();
    }
    return this;
  }

  lose(router: string): this {
    this.#open.delete(router);
    this.#opening.delete(router);
    this.session.trunkLost(router, this.nowMs);
    return this.perform();
  }

  /** A frame of a router. */
  from(router: string, frame: Frame): this {
    this.session.trunkReceived(router, encodeFrame(frame), this.nowMs);
    this.perform();
    this.session.flush();
    return this.perform();
  }

  /** Answers every subscribe and unsubscribe that a router got. */
  confirm(router: string, seq = 0): this {
    for (const frame of this.atRouter(router)) {
      if (frame.type !== "subscribe" && frame.type !== "unsubscribe") continue;
      this.from(router, { type: "subscribed", id: frame.id, positions: [position(router, seq)], gaps: [] });
    }
    return this;
  }

  /** Frames that a router got since it was last asked. */
  atRouter(router: string): Frame[] {
    const frames = this.#toRouter.get(router) ?? [];
    this.#toRouter.delete(router);
    return frames;
  }

  atRouterOf<T extends FrameType>(router: string, type: T): FrameOf<T>[] {
    return this.atRouter(router).filter((frame): frame is FrameOf<T> => frame.type === type);
  }

  /** Lets time pass, ticking at each deadline on the way. */
  pass(ms: number): this {
    const endMs = this.nowMs + ms;
    for (
      let due = this.session.deadlineMs;
      due !== undefined && due <= endMs;
      due = this.session.deadlineMs
    ) {
      this.nowMs = Math.max(this.nowMs, due);
      this.session.tick(this.nowMs);
      this.perform();
    }
    this.nowMs = endMs;
    return this;
  }

  takeTexts(): string[] {
    return this.texts.splice(0);
  }

  takeFrames(): Frame[] {
    return this.frames.splice(0);
  }

  perform(): this {
    for (const effect of this.session.drain()) this.#do(effect);
    return this;
  }

  #do(effect: SessionEffect): void {
    switch (effect.type) {
      case "sendTexts":
        this.texts.push(...effect.texts);
        return;
      case "sendBytes":
        this.frames.push(decodeFrame(effect.bytes));
        return;
      case "close":
        this.closed = { code: effect.code, reason: effect.reason };
        return;
      case "openTrunk":
        if (this.#opening.has(effect.router) || this.#open.has(effect.router)) {
          throw new Error(`a second trunk to ${effect.router}`);
        }
        this.#opening.add(effect.router);
        return;
      case "sendTrunk":
        this.#toTrunk(effect.router, decodeFrame(effect.bytes));
        return;
      case "closeTrunk":
        this.#open.delete(effect.router);
        this.#opening.delete(effect.router);
        return;
      case "log":
        this.logs.push(effect);
        return;
      case "member":
        this.members.push(effect);
        return;
      case "needView":
        this.viewsAsked++;
        return;
      case "acked":
        return;
      case "done":
        this.isDone = true;
    }
  }

  #toTrunk(router: string, frame: Frame): void {
    if (!this.#open.has(router)) throw new Error(`a frame to ${router}, which has no trunk`);
    const frames = this.#toRouter.get(router) ?? [];
    this.#toRouter.set(router, frames);
    frames.push(frame);
  }
}

export const position = (router: string, seq: number, incarnation = 1): Position => ({
  router,
  incarnation,
  seq,
});

export function deliver(router: string, prev: number, ...frames: SequencedFrame[]): FrameOf<"deliver"> {
  return { type: "deliver", router, incarnation: 1, prev, frames };
}

/** Acknowledges publishes up to a number. */
export const published = (router: string, seq: number): Frame => ({ type: "published", router, seq });
