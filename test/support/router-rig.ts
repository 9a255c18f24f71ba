/** A router engine with a model of its storage and of its trunks' sockets: what a driver does, without one. */
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import {
  ENCODING,
  type Frame,
  type FrameOf,
  type FrameType,
  type Options,
  type Segment,
} from "../../src/protocol/frame.ts";
import { byteString, parsePrefix, parseTopic, toBytes } from "../../src/protocol/topic.ts";
import type { RetentionPolicy } from "../../src/routing/kept.ts";
import type { RouterChange, RouterEffect } from "../../src/routing/router-state.ts";
import { Router, type RouterOptions } from "../../src/routing/router.ts";
import { RouterStore } from "./router-store.ts";

/** Instance number n of a test. */
export const instance = (n: number): string =>
  String.fromCharCode((n >> 16) & 0xff, (n >> 8) & 0xff, n & 0xff).padStart(16, "\0");

/** A segment of opaque events. */
export function segment(topic: string, text = topic, count = 1): Segment {
  return {
    topic: parseTopic(topic),
    encoding: ENCODING.cbor,
    count,
    payload: toBytes(byteString(text.padEnd(count))),
  };
}

export interface Sent {
  readonly trunks: readonly string[];
  readonly bytes: Uint8Array;
  readonly frame: Frame;
}

export class RouterRig {
  readonly store = new RouterStore();
  nowMs = 1_000;
  router: Router;
  /** Ids of sockets that are open. */
  readonly sockets = new Set<string>();
  /** Everything sent, in order, and what of it each trunk got since it was last asked. */
  readonly sent: Sent[] = [];
  readonly closes: Extract<RouterEffect, { type: "close" }>[] = [];
  readonly changes: RouterChange[] = [];
  readonly #inboxes = new Map<string, Frame[]>();

  /** What the router keeps; `restart` takes up a change. */
  policies: readonly RetentionPolicy[];

  /** The router table, where it matters; `restart` takes up a change. */
  table: Pick<RouterOptions, "table" | "routes"> | undefined;

  constructor(policies: readonly RetentionPolicy[] = [], table?: RouterRig["table"]) {
    this.policies = policies;
    this.table = table;
    this.router = this.#start();
  }

  #start(): Router {
    const keeping = { policies: this.policies, store: this.store };
    const options = { name: "main", table: "t", keeping, ...this.table };
    return new Router(options, this.store.read(), new Set(this.sockets), this.nowMs);
  }

  /** Memory is lost; sockets are kept (sleep) or not (crash). */
  restart(sockets: "kept" | "closed" = "kept"): this {
    if (sockets === "closed") this.sockets.clear();
    this.router = this.#start();
    return this;
  }

  /** Gives frames to the engine without a turn. */
  receive(trunk: string, ...frames: Frame[]): this {
    this.sockets.add(trunk);
    for (const frame of frames) this.router.receive(trunk, encodeFrame(frame));
    return this;
  }

  turn(): this {
    this.#apply(this.router.turn(this.nowMs));
    return this;
  }

  /** Lets time pass, ticking at each deadline on the way. */
  pass(ms: number): this {
    const endMs = this.nowMs + ms;
    for (let due = this.router.deadlineMs; due !== undefined && due <= endMs; due = this.router.deadlineMs) {
      this.nowMs = Math.max(this.nowMs, due);
      this.#apply(this.router.tick(this.nowMs));
    }
    this.nowMs = endMs;
    return this;
  }

  closed(trunk: string): this {
    this.sockets.delete(trunk);
    this.router.closed(trunk);
    return this;
  }

  /** A trunk that has said hello and subscribed; its answers are dropped. */
  join(trunk: string, n: number, prefixes: readonly string[], connection = 1, terms: Options = {}): this {
    this.receive(trunk, hello(n, connection, "t", terms));
    if (prefixes.length > 0) this.receive(trunk, subscribe(prefixes));
    this.turn();
    this.take(trunk);
    return this;
  }

  /** What a trunk got since it was last asked. */
  take(trunk: string): Frame[] {
    const frames = this.#inboxes.get(trunk) ?? [];
    this.#inboxes.delete(trunk);
    return frames;
  }

  /** Frames of one type among them. */
  takeOf<T extends FrameType>(trunk: string, type: T): FrameOf<T>[] {
    return this.take(trunk).filter((frame): frame is FrameOf<T> => frame.type === type);
  }

  /** Payloads delivered to a trunk since it was last asked, as text. */
  takeTexts(trunk: string): string[] {
    return this.takeOf(trunk, "deliver").flatMap(textsOf);
  }

  /** Carries out the effects of a turn; the ledger must balance at the end of every one (rule 38). */
  #apply(effects: readonly RouterEffect[]): void {
    const { problems } = this.router.ledger;
    if (problems.length > 0) throw new Error(`the ledger does not balance: ${problems.join("; ")}`);
    for (const effect of effects) {
      if (effect.type !== "persist") continue;
      this.changes.push(effect.change);
      this.store.apply(structuredClone(effect.change));
    }
    for (const effect of effects) {
      if (effect.type === "send") this.#send(effect.trunks, effect.bytes);
      else if (effect.type === "close") this.#close(effect);
    }
  }

  #send(trunks: readonly string[], bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    this.sent.push({ trunks, bytes, frame });
    for (const id of trunks) {
      if (!this.sockets.has(id)) continue;
      const inbox = this.#inboxes.get(id);
      if (inbox === undefined) this.#inboxes.set(id, [frame]);
      else inbox.push(frame);
    }
  }

  #close(effect: Extract<RouterEffect, { type: "close" }>): void {
    this.closes.push(effect);
    this.closed(effect.trunk);
  }
}

export function textsOf(frame: FrameOf<"deliver">): string[] {
  return frame.frames.flatMap((f) => f.segments.map((s) => Buffer.from(s.payload).toString()));
}

export function hello(n: number, connection = 1, table = "t", terms: Options = {}): Frame {
  const options = { ...terms, table };
  return { type: "hello", versions: [1, 1], instance: instance(n), connection, options };
}

export function subscribe(
  prefixes: readonly string[],
  id = 1,
  positions: FrameOf<"subscribe">["positions"] = [],
  options: Options = {},
): Frame {
  return { type: "subscribe", id, prefixes: prefixes.map(parsePrefix), positions, options };
}

export function unsubscribe(prefixes: readonly string[], id = 1): Frame {
  return { type: "unsubscribe", id, prefixes: prefixes.map(parsePrefix) };
}

export function publish(seq: number, ...segments: Segment[]): FrameOf<"publish"> {
  return { type: "publish", seq, repeat: false, segments };
}
