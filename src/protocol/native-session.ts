/**
 * The session of a native peer (`/v1/connect`): frames both ways, subscriptions that change at run time, publishes
 * that are acknowledged, log batches. What routers deliver passes on byte for byte. PROTOCOL.md, "Native protocol".
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeFrame, encodeFrame } from "./frame-codec.ts";
import {
  ENCODING,
  framesEvents,
  segmentsEvents,
  type Frame,
  type FrameOf,
  type Gap,
  type InstanceId,
  type Position,
  type SequencedFrame,
} from "./frame.ts";
import { maySubscribe, type Grant } from "./grant.ts";
import { negotiateVersion } from "./handshake.ts";
import { parseHistory } from "./history.ts";
import { parseOverflow } from "./overflow.ts";
import { PeerPublishes, type PublishPort } from "./peer-publishes.ts";
import { assertSubscriptionBounds } from "./subscription-bounds.ts";
import { Session, type Subscribed } from "./session.ts";
import type { TopicPlacement } from "./topic-placement.ts";
import type { PoolChooser } from "./pool-publishes.ts";
import { TokenBucket } from "./token-bucket.ts";
import { textOf, toBytes, type Prefix } from "./topic.ts";
import { jsonToCbor } from "./transcode.ts";

export interface NativeSessionOptions {
  readonly endpoint: string;
  readonly grant: Grant;
  readonly placement: TopicPlacement;
  /** Version of the router table. */
  readonly table: string;
  /**
   * The publisher id that others see of an instance. It must be one way: whoever knows an instance can take its
   * connection over, and speak in its name.
   */
  readonly publisherOf: (instance: InstanceId) => InstanceId;
  /** Prefixes with retention; none without them. */
  readonly keptPrefixes?: readonly Prefix[];
  /** The allowance of a reader that grants no credit, bytes per second and bytes (rule 14). */
  readonly reader: { readonly bytesPerSecond: number; readonly burstBytes: number };
  /** Events, both ways, after which the peer is asked to connect again. */
  readonly eventsMax?: number;
  /** Who chooses nodes of pools; without it the peer cannot publish to them. */
  readonly pools?: PoolChooser;
  /** What the welcome tells besides: server version, loggers, limits. */
  readonly welcome: Readonly<Record<string, unknown>>;
  readonly nowMs: number;
}

type State = "greeting" | "open" | "draining" | "over";

export class NativeSession extends Session {
  readonly #native: NativeSessionOptions;
  #state: State = "greeting";
  #stateDeadlineMs: number;
  #subscribeId = 0;
  /** The peer's id of each subscription change that is under way, by ours. */
  readonly #changes = new Map<number, number>();
  #prefixes = new Set<Prefix>();
  readonly #publishes: PeerPublishes;
  /** Number of the publish that came last. */
  #publishSeq = 0;
  #takesJson = false;
  /** Whether the peer takes each stream by itself, and so can be sent again what is kept. */
  #resumes = false;
  /** Whether the peer says what it has consumed; one that does not is taken to consume at once, within an allowance. */
  #grantsCredit = false;
  readonly #allowance: TokenBucket;
  readonly #answers: TokenBucket;

  constructor(options: NativeSessionOptions) {
    super(options.placement, options.eventsMax);
    this.#native = options;
    this.#stateDeadlineMs = options.nowMs + LIMITS.handshakeMs;
    this.#publishes = new PeerPublishes(options.grant, options.placement);
    const { reader, nowMs } = options;
    this.#allowance = new TokenBucket(reader.bytesPerSecond, reader.burstBytes, nowMs);
    const { pools: chooser, grant } = options;
    if (chooser !== undefined) {
      this.usePools(
        { chooser, grant },
        {
          handled: (done) => this.answered({ type: "handled", done }),
          refused: (id, { code, message }) => this.answered({ type: "unhandled", id, code, message }),
        },
      );
    }
    this.#answers = new TokenBucket(LIMITS.answersPerSecond, LIMITS.answersBurst, nowMs);
  }

  /** Events that wait inside this session, bytes. */
  get bufferedBytes(): number {
    return this.#publishes.queuedBytes + this.unackedBytes;
  }

  /** A message of the peer. */
  receive(message: Uint8Array, nowMs: number): void {
    if (this.#state !== "greeting" && this.#state !== "open") return;
    try {
      this.#frame(decodeFrame(message), message.length, nowMs);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.refused(error, nowMs);
    }
  }

  /** A text message: not of this protocol. */
  receiveText(nowMs: number): void {
    this.refused(new FabricError("invalid_message", "frames are binary messages"), nowMs);
  }

  /** A frame of the log path or of Membership for the peer. */
  answered(frame: Frame): void {
    if (this.#state === "open") this.#send(frame);
  }

  /** The peer is gone. What it sent before is still published. */
  closed(nowMs: number): void {
    this.#drainThenFinish(nowMs);
  }

  override flush(): void {
    if (this.#state === "over") return;
    this.#publishes.flush(this.#port);
    this.flushPools();
    if (this.#state === "draining" && this.bufferedBytes === 0 && this.#publishes.isSettled) this.#over();
  }

  readonly #port: PublishPort = {
    hasWindow: (router) => this.hasWindow(router),
    publish: (router, frame) => this.publish(router, frame),
  };

  override goAway(reason: string, nowMs: number): void {
    if (this.#state !== "open" || this.#stateDeadlineMs !== Infinity) return;
    this.#send({ type: "goaway", reason });
    this.#stateDeadlineMs = nowMs + LIMITS.goawayMs;
  }

  protected override ownDeadlineMs(): number {
    return this.#stateDeadlineMs;
  }

  protected override ownTick(nowMs: number): void {
    if (nowMs < this.#stateDeadlineMs) return;
    if (this.#state === "greeting") {
      this.refused(new FabricError("handshake_timeout", "no hello came in time"), nowMs);
    } else if (this.#state === "open") {
      this.refused(new FabricError("shutting_down", "the peer was asked to connect again"), nowMs);
    } else {
      this.#over();
    }
  }

  protected override subscribed(done: Subscribed): void {
    const id = this.#changes.get(done.id);
    this.#changes.delete(done.id);
    if (id !== undefined) this.#send({ type: "subscribed", id, positions: done.positions, gaps: done.gaps });
  }

  protected override published(router: string, seq: number, receivers?: number): void {
    this.#publishes.published(router, seq, receivers);
    this.#acknowledge();
    this.flush();
  }

  protected override deliver(frame: FrameOf<"deliver">, bytes: Uint8Array, nowMs: number): void {
    if (!this.#grantsCredit) this.consume(frame.router, bytes.length, nowMs);
    const events = framesEvents(frame.frames);
    const { readers, dropped } = this.ledger;
    if (this.#state !== "open") return void (dropped.closed += events);
    if (!this.#grantsCredit && !this.#allowance.take(bytes.length, nowMs)) {
      dropped.slow_reader += events;
      const message = "over the allowance of a reader that says nothing of what it has consumed";
      return this.refused(new FabricError("slow_reader", message), nowMs);
    }
    readers.handed += events;
    this.passed(events, nowMs);
    if (this.#takesJson) this.effect({ type: "sendBytes", bytes });
    else this.#send({ ...frame, frames: frame.frames.map(toCbor) });
  }

  protected override missed(gap: Gap): void {
    if (this.#state === "open") this.#send({ type: "gap", gap });
  }

  protected override recovered(position: Position, complete: boolean): void {
    if (this.#state === "open") this.#send({ type: "recovered", position, complete });
  }

  protected override refused(error: FabricError, nowMs: number): void {
    if (this.#state === "over") return;
    if (this.#state === "draining") return this.#over();
    this.#send({ type: "error", id: undefined, code: error.code, message: error.message });
    this.effect({ type: "close", code: error.close, reason: error.code });
    this.#drainThenFinish(nowMs);
  }

  #frame(frame: Frame, bytes: number, nowMs: number): void {
    if (frame.type === "hello") return this.#hello(frame);
    if (this.#state === "greeting") throw new FabricError("invalid_message", "the first frame must be hello");
    switch (frame.type) {
      case "publish":
        return this.#publish(frame, bytes, nowMs);
      case "publishPool":
        return this.#publishPool(frame, nowMs);
      case "subscribe":
        return this.#change(frame.id, nowMs, () => this.#subscribe(frame, nowMs));
      case "unsubscribe":
        return this.#change(frame.id, nowMs, () => this.#unsubscribe(frame, nowMs));
      case "logBatch":
      case "logResume":
        return this.effect({ type: "log", frame });
      case "join":
      case "watch":
        this.#charge(nowMs);
        return this.member(frame);
      case "credit":
        return this.credit(frame.position.router, encodeFrame(frame));
      case "ping":
        this.#charge(nowMs);
        return this.#send({ type: "pong", id: frame.id });
      default:
        throw new FabricError("invalid_message", `a peer does not send ${frame.type} frames`);
    }
  }

  #hello(frame: FrameOf<"hello">): void {
    if (this.#state !== "greeting") throw new FabricError("invalid_message", "hello was said before");
    const version = negotiateVersion(frame.versions);
    if (frame.connection > LIMITS.connectionMax) {
      throw new FabricError("invalid_message", `connection must be at most ${LIMITS.connectionMax}`);
    }
    const encodings = frame.options["encodings"];
    this.#takesJson = Array.isArray(encodings) && encodings.includes("json");
    const { instance, connection, options } = frame;
    // Checked by the routers too, but a peer learns of it sooner here.
    const { window, overflow, queue } = options;
    // A peer that does not say so knows nothing of streams: it has the order of all topics, and gaps.
    const resume = options["resume"] === true;
    parseOverflow(overflow);
    this.#grantsCredit = window !== undefined;
    this.#resumes = resume;
    const publisher = this.#native.publisherOf(instance);
    this.identify({
      instance: publisher,
      connection,
      table: this.#native.table,
      terms: { window, overflow, queue, resume },
    });
    this.#state = "open";
    this.#stateDeadlineMs = Infinity;
    const { endpoint, welcome, table } = this.#native;
    this.#send({
      type: "welcome",
      version,
      endpoint,
      options: { ...welcome, publisher: toBytes(publisher), table },
    });
  }

  /** A change of subscriptions that is refused leaves everything as it was. */
  #change(id: number, nowMs: number, change: () => void): void {
    this.#charge(nowMs);
    try {
      if (this.#changes.size >= LIMITS.changesMax) {
        throw new FabricError("too_many", `${LIMITS.changesMax} changes of subscriptions are under way`);
      }
      change();
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#send({ type: "error", id, code: error.code, message: error.message });
    }
  }

  #subscribe(frame: FrameOf<"subscribe">, nowMs: number): void {
    const refused = frame.prefixes.find((prefix) => !maySubscribe(this.#native.grant, prefix));
    if (refused !== undefined) {
      throw new FabricError("forbidden", `no permission to subscribe to '${textOf(refused)}'`);
    }
    const prefixes = new Set([...this.#prefixes, ...frame.prefixes]);
    assertSubscriptionBounds(prefixes);
    this.#assertHistory(frame);
    this.#prefixes = prefixes;
    this.#changes.set(++this.#subscribeId, frame.id);
    this.subscribe(this.#subscribeId, frame.prefixes, nowMs, frame.positions, frame.options["history"]);
  }

  #assertHistory({ prefixes, options }: FrameOf<"subscribe">): void {
    if (parseHistory(options) === undefined) return;
    if (!this.#resumes)
      throw new FabricError("invalid_data", "history is for peers that say resume in hello");
    const kept = this.#native.keptPrefixes ?? [];
    const none = prefixes.find((prefix) => !kept.some((k) => k.startsWith(prefix) || prefix.startsWith(k)));
    if (none !== undefined) {
      throw new FabricError("invalid_data", `history: nothing under '${textOf(none)}' is kept`);
    }
  }

  #unsubscribe(frame: FrameOf<"unsubscribe">, nowMs: number): void {
    for (const prefix of frame.prefixes) this.#prefixes.delete(prefix);
    this.#changes.set(++this.#subscribeId, frame.id);
    this.unsubscribe(this.#subscribeId, frame.prefixes, nowMs);
  }

  /** A publish that is refused goes nowhere; the peer is told, and what comes after it is not concerned. */
  #publish(frame: FrameOf<"publish">, bytes: number, nowMs: number): void {
    const { seq, repeat } = frame;
    if (seq === 0) throw new FabricError("invalid_message", "publishes are numbered from 1");
    if (seq <= this.#publishSeq && !repeat) {
      throw new FabricError("invalid_message", `publish ${seq} after ${this.#publishSeq}: numbers must rise`);
    }
    this.#publishSeq = Math.max(seq, this.#publishSeq);
    this.askFormerOwners(frame);
    const events = segmentsEvents(frame.segments);
    this.ledger.received(events);
    this.passed(events, nowMs);
    try {
      if (!this.#publishes.take(frame, bytes)) {
        this.ledger.refused(events, "repeats");
        this.#charge(nowMs);
        return this.#send({ type: "published", router: "", seq: this.#publishes.acknowledged });
      }
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.ledger.refused(events, "refused");
      this.#charge(nowMs);
      this.#publishes.refused(seq);
      this.#send({ type: "publishRefused", seq, code: error.code, message: error.message });
    }
    if (events === 0) this.#charge(nowMs);
    if (this.#publishes.isOver) {
      throw new FabricError("publisher_too_fast", "more is queued than a session may hold");
    }
    this.#acknowledge();
  }

  #publishPool(frame: FrameOf<"publishPool">, nowMs: number): void {
    this.ledger.received(frame.count);
    this.passed(frame.count, nowMs);
    if (this.#native.pools === undefined) {
      this.ledger.refused(frame.count, "refused");
      const { code, message } = new FabricError("not_supported_here", "there are no pools here");
      return this.#send({ type: "unhandled", id: frame.id, code, message });
    }
    this.publishPool(frame, nowMs);
    if (this.unackedBytes > LIMITS.inboundQueueBytesMax) {
      throw new FabricError("publisher_too_fast", "more waits for nodes of pools than a session may hold");
    }
  }

  /** Tells the peer up to where its publishes are sequenced at all their routers (rule 10). */
  #acknowledge(): void {
    for (const done of this.#publishes.takeDone()) {
      if (this.#state === "open") this.#send({ type: "published", router: "", ...done });
    }
  }

  /** Pays for an answer that the peer can ask for as often as it likes; one that does so for long is closed. */
  #charge(nowMs: number): void {
    if (this.#answers.take(1, nowMs)) return;
    throw new FabricError("too_many", `more than ${LIMITS.answersPerSecond} answers a second were asked for`);
  }

  #send(frame: Frame): void {
    this.effect({ type: "sendBytes", bytes: encodeFrame(frame) });
  }

  #drainThenFinish(nowMs: number): void {
    if (this.#state === "over" || this.#state === "draining") return;
    this.#state = "draining";
    this.#stateDeadlineMs = nowMs + LIMITS.drainMs;
    this.stopSubscribing();
    this.flush();
  }

  #over(): void {
    this.#state = "over";
    this.#stateDeadlineMs = Infinity;
    this.finish();
  }
}

function toCbor(frame: SequencedFrame): SequencedFrame {
  return {
    ...frame,
    segments: frame.segments.map((segment) =>
      segment.encoding === ENCODING.cbor
        ? segment
        : { ...segment, encoding: ENCODING.cbor, payload: jsonToCbor(segment.payload) },
    ),
  };
}
