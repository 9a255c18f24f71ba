/**
 * The session of a client of Zeek's WebSocket API (`/v1/messages/json`): its first frame subscribes, every later one
 * publishes, and events come back as canonical texts. PROTOCOL.md, "JSON v1"; spec: websocket-json.md §2 to §7.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import {
  ackText,
  CONTEXT,
  DataMessageScanner,
  errorText,
  parseSubscriptions,
  type ScanResult,
} from "./data-message.ts";
import { ENCODING, segmentsEvents, type FrameOf, type Segment } from "./frame.ts";
import { mayPublish, maySubscribe, type Grant } from "./grant.ts";
import type { PoolChooser } from "./pool-publishes.ts";
import { parsePoolTopic, poolFrameOf, type PoolTopic } from "./pool-topic.ts";
import { PublishQueue } from "./publish-queue.ts";
import { Session } from "./session.ts";
import type { TopicPlacement } from "./topic-placement.ts";
import { assertSubscriptionBounds } from "./subscription-bounds.ts";
import { TokenBucket } from "./token-bucket.ts";
import { parsePrefix, parseTopic, textOf, type Prefix, type Topic } from "./topic.ts";
import { cborToJson } from "./transcode.ts";
import type { TrunkIdentity } from "./trunk-end.ts";

/** `greeting`: before the first frame; `linger`: refused, about to close; `draining`: the client is gone. */
type State = "greeting" | "subscribing" | "open" | "linger" | "draining" | "over";

export interface JsonSessionOptions {
  readonly identity: TrunkIdentity;
  readonly placement: TopicPlacement;
  /** What the ack calls this connection; unique in the fabric. */
  readonly endpoint: string;
  /** Version of the server, as the ack carries it. */
  readonly version: string;
  readonly grant: Grant;
  /** The node that the client is, if its token names one: it joins with the ack. */
  readonly node?: { readonly name: string; readonly nodeType: string } | undefined;
  /** Who chooses nodes of pools; without it their topics are topics like others. */
  readonly pools?: PoolChooser;
  /** The allowance of this reader, bytes per second and bytes (rule 14). */
  readonly reader: { readonly bytesPerSecond: number; readonly burstBytes: number };
  /** Events, both ways, after which the peer is asked to connect again. */
  readonly eventsMax?: number;
  readonly nowMs: number;
}

interface TopicEntry {
  readonly topic: Topic;
  readonly router: string;
  readonly isGranted: boolean;
  /** Where its events go, if to one node of a pool. */
  readonly pool: PoolTopic | undefined;
}

const SUBSCRIPTION_ID = 1;
const JOIN_ID = 1;
const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
const fatalDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class JsonSession extends Session {
  readonly #options: JsonSessionOptions;
  #state: State = "greeting";
  #stateDeadlineMs: number;
  #prefixes: readonly Prefix[] = [];
  readonly #scanner = new DataMessageScanner();
  readonly #topics = new Map<string, TopicEntry>();
  readonly #queues = new Map<string, PublishQueue>();
  /** UTF-16 units in all queues. */
  #queuedChars = 0;
  #publishSeq = 0;
  #poolId = 0;
  #pipeline: string[] = [];
  #pipelineChars = 0;
  readonly #bucket: TokenBucket;

  constructor(options: JsonSessionOptions) {
    super(options.placement, options.eventsMax);
    this.identify(options.identity);
    this.#options = options;
    this.#stateDeadlineMs = options.nowMs + LIMITS.handshakeMs;
    const { pools: chooser, grant } = options;
    if (chooser !== undefined) {
      const refused = (_: number, { code, message }: FabricError, nowMs: number) => {
        if (this.#state === "open") this.#tell([errorText(code, message)], nowMs);
      };
      this.usePools({ chooser, grant }, { handled: () => {}, refused });
    }
    this.#bucket = new TokenBucket(options.reader.bytesPerSecond, options.reader.burstBytes, options.nowMs);
  }

  /** Events and frames that wait inside this session, bytes. */
  get bufferedBytes(): number {
    return this.#queuedChars + this.#pipelineChars + this.unackedBytes;
  }

  /** A text message of the client. */
  text(text: string, nowMs: number): void {
    if (this.#isTooLarge(text)) return this.#end(new FabricError("too_large", "message is too large"), nowMs);
    switch (this.#state) {
      case "greeting":
        return this.#greet(text, nowMs);
      case "subscribing":
        return this.#pipelined(text, nowMs);
      case "open":
        return this.#data(text, nowMs);
      case "linger":
      case "draining":
      case "over":
        return;
    }
  }

  /** A binary message of the client: the same JSON as UTF-8 (§3). */
  binary(bytes: Uint8Array, nowMs: number): void {
    if (this.#state === "over") return;
    if (bytes.length > LIMITS.jsonMessageBytesMax) {
      return this.#end(new FabricError("too_large", "message is too large"), nowMs);
    }
    let text: string;
    try {
      text = fatalDecoder.decode(bytes);
    } catch {
      return this.#close(1007, "Invalid frame payload data", nowMs);
    }
    this.text(text, nowMs);
  }

  /** The client is gone. What it sent before is still published (§3). */
  closed(nowMs: number): void {
    if (this.#state === "over" || this.#state === "draining") return;
    this.#drainThenFinish(nowMs);
  }

  override goAway(_reason: string, nowMs: number): void {
    this.#end(new FabricError("shutting_down", "connect again"), nowMs);
  }

  override flush(): void {
    if (this.#state === "over") return;
    for (const [router, queue] of this.#queues) {
      const before = queue.chars;
      while (queue.chars > 0 && this.hasWindow(router)) {
        const seq = ++this.#publishSeq;
        this.publish(router, { type: "publish", seq, repeat: false, segments: queue.take() });
      }
      this.#queuedChars -= before - queue.chars;
    }
    this.flushPools();
    this.#finishWhenDrained();
  }

  protected override ownDeadlineMs(): number {
    return this.#stateDeadlineMs;
  }

  protected override ownTick(nowMs: number): void {
    if (nowMs < this.#stateDeadlineMs) return;
    this.#stateDeadlineMs = Infinity;
    if (this.#state === "greeting") {
      this.#end(new FabricError("handshake_timeout", "no subscription frame came in time"), nowMs);
    } else if (this.#state === "linger") {
      this.#close(1008, "subscription refused", nowMs);
    } else if (this.#state === "draining") {
      this.#over();
    }
  }

  protected override subscribed(_: unknown, nowMs: number): void {
    if (this.#state !== "subscribing") return;
    this.#acknowledge(nowMs);
  }

  protected override published(): void {
    this.flush();
  }

  protected override deliver(frame: FrameOf<"deliver">, bytes: Uint8Array, nowMs: number): void {
    // A JSON v1 reader gives no signal: what is handed to its socket counts as consumed, and its allowance bounds it.
    this.consume(frame.router, bytes.length, nowMs);
    const own = this.#options.identity.instance;
    for (const { publisher, segments } of frame.frames) {
      if (publisher === own) this.ledger.readers.echoes += segmentsEvents(segments);
      else for (const segment of segments) this.#hand(segment, nowMs);
    }
  }

  #hand(segment: Segment, nowMs: number): void {
    const { readers, dropped } = this.ledger;
    if (this.#state !== "open") return void (dropped.closed += segment.count);
    const { texts, failed } = textsOf(segment);
    if (!this.#tell(texts, nowMs)) return void (dropped.slow_reader += segment.count);
    readers.handed += segment.count - failed;
    dropped.untranslatable += failed;
    this.passed(segment.count, nowMs);
  }

  protected override missed(_: unknown, nowMs: number): void {
    if (this.#state === "open") this.#end(new FabricError("gap", "events were lost upstream"), nowMs);
  }

  protected override refused(error: FabricError, nowMs: number): void {
    if (this.#state === "draining") return this.#over();
    this.#end(error, nowMs);
  }

  #greet(text: string, nowMs: number): void {
    const first = parseSubscriptions(text);
    if (!first.ok) return this.#refuseSubscription("deserialization_failed", first.context, nowMs);
    const prefixes: Prefix[] = [];
    try {
      for (const text of first.prefixes) {
        const prefix = parsePrefix(text);
        if (!maySubscribe(this.#options.grant, prefix)) {
          throw new FabricError("forbidden", `no permission to subscribe to '${text}'`);
        }
        prefixes.push(prefix);
      }
      assertSubscriptionBounds(new Set(prefixes));
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      return this.#refuseSubscription(error.code, error.message, nowMs);
    }
    this.#stateDeadlineMs = Infinity;
    this.#state = "subscribing";
    this.#prefixes = prefixes;
    this.subscribe(SUBSCRIPTION_ID, prefixes, nowMs);
  }

  #refuseSubscription(code: string, context: string, nowMs: number): void {
    this.effect({ type: "sendTexts", texts: [errorText(code, context)] });
    this.#state = "linger";
    this.#stateDeadlineMs = nowMs + LIMITS.refusedLingerMs;
  }

  #acknowledge(nowMs: number): void {
    this.#state = "open";
    this.effect({ type: "acked", prefixes: this.#prefixes });
    this.effect({ type: "sendTexts", texts: [ackText(this.#options.endpoint, this.#options.version)] });
    const { node } = this.#options;
    if (node !== undefined) this.member({ type: "join", id: JOIN_ID, ...node, options: {} });
    this.#publishPipeline(nowMs);
    this.flush();
  }

  #publishPipeline(nowMs: number): void {
    const pipeline = this.#pipeline;
    this.#pipeline = [];
    for (const text of pipeline) {
      this.#data(text, nowMs);
      // Not before: the session may be closed for this one, and must not end before those behind it are published.
      this.#pipelineChars -= text.length;
    }
  }

  #pipelined(text: string, nowMs: number): void {
    this.#pipelineChars += text.length;
    if (
      this.#pipelineChars > LIMITS.pipelineBytesMax ||
      this.#pipeline.length >= LIMITS.pipelineMessagesMax
    ) {
      return this.#end(new FabricError("publisher_too_fast", "too much was sent before the ack"), nowMs);
    }
    this.#pipeline.push(text);
  }

  #data(text: string, nowMs: number): void {
    const result = this.#scanner.scan(text);
    this.ledger.received(1);
    if (result !== "ok") return this.#refuse(REFUSALS[result], nowMs);
    const entry = this.#topics.get(this.#scanner.topic) ?? this.#learnTopic(this.#scanner.topic);
    if (!entry.isGranted) {
      const context = `no permission to publish to '${this.#scanner.topic}'`;
      return this.#refuse(errorText("forbidden", context), nowMs);
    }
    if (entry.pool !== undefined) return this.#toPool(entry.pool, nowMs);
    let queue = this.#queues.get(entry.router);
    if (queue === undefined) {
      queue = new PublishQueue();
      this.#queues.set(entry.router, queue);
    }
    queue.push(entry.topic, this.#scanner.canonical);
    this.passed(1, nowMs);
    this.#queuedChars += this.#scanner.canonical.length;
    if (this.#queuedChars > LIMITS.inboundQueueBytesMax) {
      this.#end(new FabricError("publisher_too_fast", "more is queued than a session may hold"), nowMs);
    }
  }

  /** To one node of a pool: there is no answer but the error of one that nobody has handled. */
  #toPool(pool: PoolTopic, nowMs: number): void {
    try {
      this.publishPool(poolFrameOf(pool, ++this.#poolId, this.#scanner.canonical), nowMs);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      return this.#refuse(errorText(error.code, error.message), nowMs);
    }
    this.passed(1, nowMs);
    if (this.unackedBytes > LIMITS.inboundQueueBytesMax) {
      this.#end(new FabricError("publisher_too_fast", "more is queued than a session may hold"), nowMs);
    }
  }

  #refuse(error: string, nowMs: number): void {
    this.ledger.refused(1, "refused");
    this.#tell([error], nowMs);
  }

  #learnTopic(text: string): TopicEntry {
    const topic = parseTopic(text);
    const router = this.#options.placement.owner(topic);
    const { grant, pools } = this.#options;
    const pool = pools === undefined ? undefined : parsePoolTopic(text);
    // What is granted there are the topics of the nodes that are chosen.
    const entry = { topic, router, pool, isGranted: pool !== undefined || mayPublish(grant, topic) };
    if (this.#topics.size >= LIMITS.matchCacheTopicsMax) this.#topics.clear();
    this.#topics.set(text, entry);
    return entry;
  }

  /** Sends within the reader's allowance, which errors are part of; answers false when that closes it (rule 14). */
  #tell(texts: readonly string[], nowMs: number): boolean {
    let chars = 0;
    for (const text of texts) chars += text.length;
    const isTaken = this.#bucket.take(chars, nowMs);
    if (isTaken) this.effect({ type: "sendTexts", texts });
    else this.#end(new FabricError("slow_reader", "over the allowance of a JSON v1 reader"), nowMs);
    return isTaken;
  }

  #isTooLarge(text: string): boolean {
    if (text.length * 3 <= LIMITS.jsonMessageBytesMax) return false;
    return text.length > LIMITS.jsonMessageBytesMax || utf8Length(text) > LIMITS.jsonMessageBytesMax;
  }

  #end(error: FabricError, nowMs: number): void {
    this.#close(error.close, error.code, nowMs);
  }

  /** Closes from our side. What the client had sent before is still published. */
  #close(code: number, reason: string, nowMs: number): void {
    if (this.#state === "over" || this.#state === "draining") return;
    this.effect({ type: "close", code, reason });
    this.#drainThenFinish(nowMs);
  }

  #drainThenFinish(nowMs: number): void {
    this.#state = "draining";
    this.#stateDeadlineMs = nowMs + LIMITS.drainMs;
    this.stopSubscribing();
    this.#publishPipeline(nowMs);
    this.flush();
  }

  #finishWhenDrained(): void {
    if (this.#state === "draining" && this.bufferedBytes === 0) this.#over();
  }

  #over(): void {
    this.#state = "over";
    this.#stateDeadlineMs = Infinity;
    this.finish();
  }
}

const REFUSALS: Readonly<Record<Exclude<ScanResult, "ok">, string>> = {
  not_json: errorText("deserialization_failed", CONTEXT.notJson),
  no_topic: errorText("deserialization_failed", CONTEXT.noTopic),
  not_event: errorText("deserialization_failed", CONTEXT.notEvent),
  bad_topic: errorText("invalid_topic_key", `topic has more than ${LIMITS.topicBytesMax} bytes`),
  too_large: errorText("too_large", `event has more than ${LIMITS.eventBytesMax} bytes`),
};

/** The messages of a segment. An event that has no JSON form is told by an error frame in its place (§6.3). */
function textsOf(segment: Segment): { readonly texts: readonly string[]; readonly failed: number } {
  if (segment.encoding === ENCODING.json) {
    return { texts: decoder.decode(segment.payload).split("\n"), failed: 0 };
  }
  const topic = textOf(segment.topic);
  const failed = errorText("broker_error", `Could not process remote event on topic '${topic}'`);
  try {
    const { lines, dropped } = cborToJson(topic, segment.payload, segment.count);
    const texts = dropped === 0 ? lines : [...lines, ...Array<string>(dropped).fill(failed)];
    return { texts, failed: dropped };
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    return { texts: [failed], failed: segment.count };
  }
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) length += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return length;
}
