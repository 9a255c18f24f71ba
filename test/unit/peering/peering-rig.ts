/** Peerings between fabrics in memory: what a driver does, without sockets. */
import { FULL_GRANT } from "../../../src/protocol/access.ts";
import { encodeFrame, decodeFrame } from "../../../src/protocol/frame-codec.ts";
import type { FrameOf, InstanceId, Segment } from "../../../src/protocol/frame.ts";
import type { Grant } from "../../../src/protocol/grant.ts";
import { parsePrefix } from "../../../src/protocol/topic.ts";
import { decodeSegment, encodeEvents } from "../../../src/protocol/transcode.ts";
import { Peering, type PeeringEffect, type PeeringOptions, type Side } from "../../../src/peering/peering.ts";
import type { RetentionPolicy } from "../../../src/routing/kept.ts";
import { Exchange, type Peer } from "../../support/exchange.ts";
import { instance, segment } from "../../support/router-rig.ts";

type Told = Exclude<PeeringEffect, { type: "open" | "send" | "close" | "subscribed" }>;

export interface PeeringTerms {
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  readonly windowBytes?: number;
  /** What the right side lets the peering publish. */
  readonly rightPublishes?: readonly string[];
  /** A peering whose life this one takes up. */
  readonly after?: RunningPeering;
}

let lives = 0;
const originIdOf: PeeringOptions["originIdOf"] = (fabric, stream, topic, publisher) =>
  `\x80${fabric}/${topic}/${stream}/${publisher.replaceAll("\0", "")}`.padEnd(16, ".").slice(0, 16);

/** A fabric with a name, and whoever reads and publishes there. */
export class Fabric {
  readonly exchange: Exchange;
  readonly name: string;
  #publishers = 0;

  constructor(name: string, policies: readonly RetentionPolicy[] = []) {
    this.name = name;
    this.exchange = new Exchange(policies, name);
  }

  reader(...prefixes: string[]): () => string[] {
    const hello = {
      type: "hello",
      versions: [1, 1],
      instance: instance(1_000 + ++lives),
      connection: 1,
    } as const;
    const options = { resume: true, encodings: ["json", "cbor"] };
    const subscribe = {
      type: "subscribe",
      id: 1,
      prefixes: prefixes.map(parsePrefix),
      positions: [],
      options: {},
    } as const;
    const peer = this.exchange.native().send({ ...hello, options }, subscribe);
    return () => peer.take("deliver").flatMap(namesOf);
  }

  /** Publishes each name on each of the topics, in one publish. */
  publisher(): (topics: string | readonly string[], ...names: string[]) => void {
    let seq = 0;
    const id: InstanceId = instance(2_000 + ++this.#publishers);
    const peer = this.exchange
      .native()
      .send({ type: "hello", versions: [1, 1], instance: id, connection: 1, options: {} });
    return (topics, ...names) => {
      for (const name of names) {
        peer.send({
          type: "publish",
          seq: ++seq,
          repeat: false,
          segments: [topics].flat().map((topic) => eventSegment(topic, name)),
        });
      }
    };
  }
}

const eventSegment = (topic: string, name: string): Segment => ({
  ...segment(topic),
  payload: encodeEvents([{ name, args: [], metadata: [] }]),
});

const namesOf = ({ frames }: FrameOf<"deliver">) =>
  frames.flatMap(({ segments }) => segments.flatMap(decodeSegment).map(({ name }) => name));

export class RunningPeering {
  readonly peering: Peering;
  readonly told: Told[] = [];
  readonly #fabrics: Readonly<Record<Side, Fabric>>;
  readonly #grants: Readonly<Record<Side, Grant>>;
  readonly #peers: Partial<Record<Side, Peer>> = {};
  /** Sides that no connection is made to. */
  readonly down = new Set<Side>();

  constructor(left: Fabric, right: Fabric, terms: PeeringTerms = {}) {
    this.#fabrics = { left, right };
    const rightGrant = { ...FULL_GRANT, publish: (terms.rightPublishes ?? [""]).map(parsePrefix) };
    this.#grants = { left: FULL_GRANT, right: rightGrant };
    const side = (which: Side, topics: readonly string[] = []) => ({
      instance: instance(3_000 + ++lives),
      topics: topics.map(parsePrefix),
      positions: terms.after?.peering.positionsOf(which) ?? [],
    });
    this.peering = new Peering({
      left: side("left", terms.to ?? [""]),
      right: side("right", terms.from ?? [""]),
      originIdOf,
      ...(terms.windowBytes === undefined ? {} : { windowBytes: terms.windowBytes }),
    });
    this.peering.tick(this.#nowMs);
    this.settle();
  }

  get #nowMs(): number {
    return this.#fabrics.left.exchange.nowMs;
  }

  /** Carries frames to and fro until nothing moves. Answers whether anything did. */
  settle(): boolean {
    let hasMoved = false;
    for (let isMoving = true; isMoving;) {
      isMoving = false;
      for (const effect of this.peering.drain()) {
        isMoving = true;
        this.#do(effect);
      }
      for (const side of ["left", "right"] as const) {
        for (const frame of this.#peers[side]?.frames.splice(0) ?? []) {
          isMoving = true;
          this.peering.received(side, encodeFrame(frame), this.#nowMs);
        }
      }
      hasMoved ||= isMoving;
    }
    return hasMoved;
  }

  /** Cuts the connection of a side. */
  cut(side: Side): this {
    const peer = this.#peers[side];
    if (peer === undefined) return this;
    delete this.#peers[side];
    this.#fabrics[side].exchange.cut(peer);
    this.peering.lost(side, this.#nowMs);
    this.settle();
    return this;
  }

  pass(ms: number): this {
    for (const { exchange } of Object.values(this.#fabrics)) exchange.pass(ms);
    this.peering.tick(this.#nowMs);
    this.settle();
    return this;
  }

  #do(effect: PeeringEffect): void {
    switch (effect.type) {
      case "open":
        if (this.down.has(effect.side)) return this.peering.lost(effect.side, this.#nowMs);
        this.#peers[effect.side] = this.#fabrics[effect.side].exchange.native(this.#grants[effect.side]);
        return this.peering.opened(effect.side);
      case "send":
        this.#peers[effect.side]?.send(decodeFrame(effect.bytes));
        return;
      case "close": {
        const peer = this.#peers[effect.side];
        delete this.#peers[effect.side];
        if (peer !== undefined) this.#fabrics[effect.side].exchange.cut(peer);
        return;
      }
      case "subscribed":
        return;
      default:
        this.told.push(effect);
    }
  }
}

/** Lets all peerings work until nothing moves anywhere. */
export function settleAll(...peerings: readonly RunningPeering[]): void {
  while (peerings.map((peering) => peering.settle()).some(Boolean));
}
