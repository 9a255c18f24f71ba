/**
 * A native node of the simulated cluster, in the frames of the protocol: it joins, says something in time, watches, takes
 * pool events at its own topic and publishes some. Each boot is another life. It may hang: then it does nothing, and what
 * comes to it waits.
 */
import { LIMITS } from "../../../src/base/limits.ts";
import { nodeTopic, ZEEK_TOPIC_NAMES } from "../../../src/cluster/topic-names.ts";
import { string } from "../../../src/data/value.ts";
import { CborWriter } from "../../../src/data/cbor-writer.ts";
import { writeValue } from "../../../src/data/cbor-value.ts";
import { nodeIdOf } from "../../../src/membership/node-id.ts";
import { ViewCopy } from "../../../src/membership/view-copy.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import type { Frame, FrameOf } from "../../../src/protocol/frame.ts";
import { PROTOCOL_VERSIONS } from "../../../src/protocol/handshake.ts";
import type { ViewFrame } from "../../../src/protocol/member-frame.ts";
import type { PublishPoolFrame } from "../../../src/protocol/pool-frame.ts";
import { fromBytes, parsePrefix, textOf, type Prefix } from "../../../src/protocol/topic.ts";
import { decodeSegment, encodeEvents } from "../../../src/protocol/transcode.ts";
import { eventOf, keyOf } from "../fabric/ledger.ts";
import { connect, type End } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import { Violation } from "../kit/world.ts";
import type { ClusterSurroundings, NodeProcess } from "./surroundings.ts";
import { Turns, type NodeTruth } from "./view-audit.ts";

const JOIN_ID = 7;
const SUBSCRIBE_ID = 1;
const UNSUBSCRIBE_ID = 2;
/** Tries again after a layout did not have it, ms. */
const REFUSED_MS = 2_000;

export interface NativeNodeOptions {
  readonly nodeName: string;
  readonly nodeType: string;
  /** Nodes at the edge are never members; they only take events. */
  readonly joins: boolean;
  readonly watches: boolean;
}

export class NativeNode extends Process implements NodeProcess {
  readonly options: NativeNodeOptions;
  readonly #around: ClusterSurroundings;
  #instance = "";
  #connection = 0;
  #end: End | undefined;
  #isSubscribed = false;
  /** `taken`: another process has its name. */
  #join: "none" | "asked" | "joined" | "taken" = "none";
  #wellSinceMs = Infinity;
  #goneMs = Infinity;
  #isHanging = false;
  #hangsForGood = false;
  /** What came while it hung. */
  #waiting: (() => void)[] = [];
  #view = new ViewCopy();
  #turns = new Turns();
  #publishes = 0;
  readonly #held = new Map<number, PublishPoolFrame>();
  /** Whether it starts again after its end. */
  isWanted = true;

  constructor(around: ClusterSurroundings, name: string, options: NativeNodeOptions) {
    super(around.world, name);
    this.#around = around;
    this.options = options;
  }

  get nodeName(): string {
    return this.options.nodeName;
  }

  get truth(): NodeTruth {
    return {
      nodeId: nodeIdOf(this.#instance),
      // It may not know yet that its connection is gone.
      wellSinceMs: this.isNode ? this.#wellSinceMs : Infinity,
      goneMs: this.#goneMs,
      noticeMs: LIMITS.nodeSilenceMs,
    };
  }

  /** The node that it is now, if any. */
  get isNode(): boolean {
    return this.isUp && !this.#isHanging && this.#end?.isAlive === true && this.#join === "joined";
  }

  /** Its view, if it watches and is told of every change. */
  get view(): ViewCopy | undefined {
    const isTold = this.isUp && !this.#isHanging && this.options.watches && this.#end?.isAlive === true;
    return isTold ? this.#view : undefined;
  }

  /** Whether nothing that it waits for is under way. */
  get isSettled(): boolean {
    if (!this.isUp) return !this.isWanted;
    if (this.#isHanging) return this.#hangsForGood;
    if (this.#end?.isAlive !== true || !this.#isSubscribed || this.#held.size > 0) return false;
    const isAwaited = this.options.joins && this.#isInLayout;
    return !isAwaited || this.#join === "joined" || this.#join === "taken";
  }

  get #topic(): Prefix {
    return parsePrefix(textOf(nodeTopic(ZEEK_TOPIC_NAMES, this.nodeName)));
  }

  get #isInLayout(): boolean {
    return this.#around.layout.nodes.some(({ name }) => name === this.nodeName);
  }

  protected override boot(): void {
    this.#instance = fromBytes(this.random.bytes(16));
    this.#connection = 0;
    this.#join = "none";
    this.#isHanging = false;
    this.#hangsForGood = false;
    this.#waiting = [];
    this.#goneMs = Infinity;
    this.#view = new ViewCopy();
    this.#turns = new Turns();
    this.#held.clear();
    if (this.options.joins) this.#around.lives(this);
    this.#connect();
    this.#beat();
  }

  protected override crashed(): void {
    this.#end = undefined;
    this.#unwell();
    this.#goneMs = this.world.nowMs;
    const backMs = this.random.between(200, 12_000);
    this.world.after(backMs, () => this.isWanted && this.start());
  }

  /** Closes in order, and is away for a while. */
  leave(): void {
    if (!this.isUp) return;
    this.#end?.close();
    this.crash("leave");
  }

  /** Does nothing for so long, ms: Infinity for good. */
  hang(ms: number): void {
    if (!this.isUp || this.#isHanging) return;
    this.world.count("hang", this.name);
    this.#isHanging = true;
    this.#unwell();
    this.#goneMs = this.world.nowMs;
    this.#hangsForGood = ms === Infinity;
    if (this.#hangsForGood) return;
    this.after(ms, () => {
      this.note(() => "goes on");
      this.#isHanging = false;
      this.#goneMs = Infinity;
      for (const input of this.#waiting.splice(0)) if (this.isUp) input();
      this.#well();
      this.#send({ type: "ping", id: 1 });
    });
  }

  override received(end: End, message: unknown): void {
    this.#awake(() => {
      if (end !== this.#end) return;
      if (message instanceof Uint8Array) this.#frame(decodeFrame(message));
      else this.note(() => `is closed: ${JSON.stringify(message)}`);
    });
  }

  override closed(end: End): void {
    this.#awake(() => {
      if (end !== this.#end) return;
      this.#end = undefined;
      this.#unwell();
      this.after(this.random.between(50, 2_000), () => this.#connect());
    });
  }

  /** An event for the node with a key, or the next in turn. */
  publishToPool(pool: string): void {
    if (!this.isUp || this.#isHanging) return;
    const id = ++this.#publishes;
    const key = new CborWriter();
    writeValue(key, string(`key ${this.random.between(1, 20)}`));
    const payload = encodeEvents([eventOf(this.name, id)]);
    const choice = this.random.chance(0.7)
      ? ({ choice: "hrw", key: key.finish() } as const)
      : ({ choice: "rr", key: "" } as const);
    const frame: PublishPoolFrame = {
      type: "publishPool",
      id,
      repeat: false,
      pool,
      ...choice,
      count: 1,
      payload,
    };
    this.note(() => `publishes ${id} to ${pool}`);
    this.#around.pools.published(this.#keyOf(id));
    this.#held.set(id, frame);
    this.#send(frame);
  }

  #keyOf(id: number): string {
    return `${this.name} ${id}`;
  }

  #awake(run: () => void): void {
    if (this.#isHanging) this.#waiting.push(run);
    else run();
  }

  #well(): void {
    const isWell = this.isNode && this.#wellSinceMs === Infinity;
    if (isWell) this.#wellSinceMs = this.world.nowMs;
  }

  #unwell(): void {
    this.#wellSinceMs = Infinity;
  }

  #connect(): void {
    if (this.#end !== undefined) return;
    this.#isSubscribed = false;
    if (this.#join !== "taken") this.#join = "none";
    this.#end = connect(this, this.#around.nativeSession(), this.#around.link);
    this.#send({
      type: "hello",
      versions: PROTOCOL_VERSIONS,
      instance: this.#instance,
      connection: ++this.#connection,
      options: { window: LIMITS.readerWindowBytes },
    });
    const prefixes = this.#join === "taken" ? [] : [this.#topic];
    this.#send({ type: "subscribe", id: SUBSCRIBE_ID, prefixes, positions: [], options: {} });
    if (this.options.watches) this.#send({ type: "watch", known: this.#view.id });
    for (const frame of this.#held.values()) this.#send({ ...frame, repeat: true });
  }

  #askToJoin(): void {
    if (!this.options.joins || this.#join !== "none") return;
    this.#join = "asked";
    const { nodeName: name, nodeType } = this.options;
    this.#send({ type: "join", id: JOIN_ID, name, nodeType, options: {} });
  }

  #beat(): void {
    if (!this.#isHanging) this.#send({ type: "ping", id: 1 });
    this.after(LIMITS.heartbeatMs, () => this.#beat());
  }

  #send(frame: Frame): void {
    this.#end?.send(encodeFrame(frame));
  }

  #frame(frame: Frame): void {
    switch (frame.type) {
      case "subscribed":
        if (frame.id !== SUBSCRIBE_ID) return;
        // A node joins when events for it find it.
        this.#isSubscribed = true;
        return this.#askToJoin();
      case "joined":
        this.#join = "joined";
        return this.#well();
      case "error":
        return this.#error(frame);
      case "view":
        return this.#viewed(frame);
      case "deliver":
        return this.#deliver(frame);
      case "handled":
        for (const { id, by } of frame.done) {
          if (this.#held.delete(id)) this.#around.pools.handled(this.#keyOf(id), by);
        }
        return;
      case "unhandled":
        if (this.#held.delete(frame.id)) this.#around.pools.refused(this.#keyOf(frame.id), frame.code);
        return;
      default:
        return;
    }
  }

  #error({ id, code }: FrameOf<"error">): void {
    this.note(() => `is told ${code} of ${id}`);
    if (id !== JOIN_ID) return;
    this.#unwell();
    this.#join = code === "duplicate_node" ? "taken" : "none";
    if (this.#join === "none") return this.#tryAgain();
    this.#goneMs = this.world.nowMs;
    // Events for the node are not for it any more.
    this.#send({ type: "unsubscribe", id: UNSUBSCRIBE_ID, prefixes: [this.#topic] });
  }

  #tryAgain(): void {
    this.after(REFUSED_MS, () =>
      this.#awake(() => (this.#isInLayout ? this.#reconnect() : this.#tryAgain())),
    );
  }

  /** A session knows the layout as it was when it began. */
  #reconnect(): void {
    if (this.#join !== "none" || this.#end === undefined) return;
    this.#end.close();
    this.#end = undefined;
    this.#connect();
  }

  #viewed(frame: ViewFrame): void {
    const before = this.#view.id;
    const taken = this.#view.take(frame);
    if (taken === "gap")
      throw new Violation(`${this.name} has view ${before?.number} and gets one on ${frame.base}`);
    if (taken !== "known") this.#turns.take(`view ${frame.id.number} at ${this.name}`, taken);
  }

  #deliver(frame: FrameOf<"deliver">): void {
    const events = frame.frames.flatMap((one) => one.segments.flatMap(decodeSegment));
    for (const event of events) this.#around.pools.taken(keyOf(event), this.nodeName);
    const { router, incarnation, prev, frames } = frame;
    const position = { router, incarnation, seq: frames.at(-1)?.seq ?? prev };
    this.#send({ type: "credit", position, window: LIMITS.readerWindowBytes });
  }
}
