/**
 * The session's end of one trunk: says hello, keeps subscriptions and unacknowledged publishes over a lost
 * connection, and checks that what the router sends has no hole (PROTOCOL.md, "Trunks"; rules 1 to 5).
 */
import { FabricError, isErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeFrame, encodeFrame } from "./frame-codec.ts";
import {
  segmentsBytes,
  type Frame,
  type FrameOf,
  type Gap,
  type InstanceId,
  type Position,
  type Segment,
} from "./frame.ts";
import { PROTOCOL_VERSIONS } from "./handshake.ts";
import { RepeatFilter } from "./repeat-filter.ts";
import type { Prefix } from "./topic.ts";

/** What the session learns from a trunk. */
export type TrunkEvent =
  /** Subscriptions up to this id are live. */
  | {
      readonly type: "subscribed";
      readonly id: number;
      readonly position: Position;
      readonly gaps: readonly Gap[];
    }
  /** Publishes up to this number are sequenced. */
  | { readonly type: "published"; readonly seq: number }
  /** `frame` without repeats, and the bytes of the whole frame as it came. */
  | { readonly type: "deliver"; readonly frame: FrameOf<"deliver">; readonly bytes: Uint8Array }
  | { readonly type: "gap"; readonly gap: Gap }
  /** The router refuses this session for good. */
  | { readonly type: "refused"; readonly error: FabricError };

export interface TrunkIdentity {
  readonly instance: InstanceId;
  /** Number of the client's connection; each trunk connection of a session raises it further. */
  readonly connection: number;
  /** Version of the session's router table (rule 8). */
  readonly table: string;
}

/** Trunk connections of one client connection are numbered below this. */
const TRUNK_CONNECTIONS = 2 ** 20;

interface Unacked {
  readonly frame: FrameOf<"publish">;
  readonly size: number;
  sent: boolean;
}

export class TrunkEnd {
  readonly router: string;
  readonly #identity: TrunkIdentity;
  #state: "closed" | "opening" | "open" = "closed";
  #attempt = 0;
  #retryMs = 0;
  readonly #prefixes = new Set<Prefix>();
  #lastSubscribeId = 0;
  #confirmedId = 0;
  #position: Position | undefined;
  /** What the next subscription asks the gap since; undefined where nothing can have been missed. */
  #resume: Position | undefined;
  #unacked: Unacked[] = [];
  #unackedBytes = 0;
  readonly #repeats = new RepeatFilter(LIMITS.receiverPublishersMax);

  constructor(router: string, identity: TrunkIdentity) {
    this.router = router;
    this.#identity = identity;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Where this reader stands; undefined before its first subscription. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Publishes that are not acknowledged, bytes. */
  get unackedBytes(): number {
    return this.#unackedBytes;
  }

  /** Whether another publish fits into the window. */
  get hasWindow(): boolean {
    return (
      this.#unacked.length < LIMITS.publishWindowFrames && this.#unackedBytes < LIMITS.publishWindowBytes
    );
  }

  /** Whether the trunk has something to lose: subscriptions, changes of them, or unacknowledged publishes. */
  get isNeeded(): boolean {
    return this.#prefixes.size > 0 || this.#hasChange || this.#unacked.length > 0;
  }

  get #hasChange(): boolean {
    return this.#lastSubscribeId > this.#confirmedId;
  }

  /** Marks the start of a connection attempt; false when one is under way or open. */
  open(): boolean {
    if (this.#state !== "closed") return false;
    this.#state = "opening";
    return true;
  }

  /** The connection is there. Answers with what is to be sent on it, in order. */
  opened(): Uint8Array[] {
    this.#state = "open";
    this.#attempt++;
    const { instance, connection, table } = this.#identity;
    const hello: Frame = {
      type: "hello",
      versions: PROTOCOL_VERSIONS,
      instance,
      connection: connection * TRUNK_CONNECTIONS + this.#attempt,
      options: { table },
    };
    const out = [encodeFrame(hello)];
    this.#resume = this.#position;
    if (this.#prefixes.size > 0) out.push(this.#subscribeBytes([...this.#prefixes]));
    else if (this.#hasChange) out.push(this.#unsubscribeBytes([]));
    // Whoever subscribes to nothing misses nothing until the next subscription.
    this.#resume = undefined;
    for (const unacked of this.#unacked) {
      out.push(encodeFrame(unacked.sent ? { ...unacked.frame, repeat: true } : unacked.frame));
      unacked.sent = true;
    }
    return out;
  }

  /** The connection is gone, or could not be made. Answers with the time to wait before the next attempt, ms. */
  lost(): number {
    this.#state = "closed";
    this.#retryMs = Math.min(
      LIMITS.trunkRetryMaxMs,
      this.#retryMs === 0 ? LIMITS.trunkRetryMs : this.#retryMs * 2,
    );
    return this.#retryMs;
  }

  /** Where the reader stands that comes back through this trunk; while the trunk has subscriptions it knows better. */
  resumeFrom(position: Position): void {
    if (this.#prefixes.size > 0) return;
    this.#position = position;
    this.#resume = position;
  }

  /** Adds subscriptions; confirmed by a `subscribed` event with this id or a higher one. Ids must rise. */
  subscribe(id: number, prefixes: readonly Prefix[]): Uint8Array[] {
    this.#lastSubscribeId = id;
    for (const prefix of prefixes) this.#prefixes.add(prefix);
    return this.isOpen ? [this.#subscribeBytes(prefixes)] : [];
  }

  /** Takes subscriptions away; confirmed like `subscribe`. */
  unsubscribe(id: number, prefixes: readonly Prefix[]): Uint8Array[] {
    this.#lastSubscribeId = id;
    for (const prefix of prefixes) this.#prefixes.delete(prefix);
    return this.isOpen ? [this.#unsubscribeBytes(prefixes)] : [];
  }

  /** Publishes a frame and keeps it until it is acknowledged. Numbers must rise. */
  publish(seq: number, segments: readonly Segment[], repeat = false): Uint8Array[] {
    const frame = { type: "publish", seq, repeat, segments } as const;
    const size = segmentsBytes(segments);
    this.#unacked.push({ frame, size, sent: this.isOpen });
    this.#unackedBytes += size;
    return this.isOpen ? [encodeFrame(frame)] : [];
  }

  /** Takes a frame of the router. Throws FabricError when it is not one that a router sends. */
  receive(bytes: Uint8Array): TrunkEvent[] {
    const frame = decodeFrame(bytes);
    switch (frame.type) {
      case "deliver":
        return this.#deliver(frame, bytes);
      case "published":
        return this.#published(frame.seq);
      case "subscribed":
        return this.#subscribed(frame);
      case "gap":
        return [{ type: "gap", gap: this.#told(frame.gap) }];
      case "welcome":
        this.#retryMs = 0;
        return [];
      case "error": {
        const code = isErrorCode(frame.code) ? frame.code : "unavailable";
        return [{ type: "refused", error: new FabricError(code, frame.message) }];
      }
      case "pong":
      case "goaway":
        return [];
      default:
        throw new FabricError("invalid_message", `a router does not send ${frame.type} frames`);
    }
  }

  /** A gap as this reader has it: it knows its own position better than the router does. */
  #told(gap: Gap): Gap {
    const from = this.#position ?? gap.from;
    this.#position = gap.to;
    return { ...gap, from };
  }

  #unsubscribeBytes(prefixes: readonly Prefix[]): Uint8Array {
    return encodeFrame({ type: "unsubscribe", id: this.#lastSubscribeId, prefixes });
  }

  #subscribeBytes(prefixes: readonly Prefix[]): Uint8Array {
    const positions = this.#resume === undefined ? [] : [this.#resume];
    this.#resume = undefined;
    return encodeFrame({ type: "subscribe", id: this.#lastSubscribeId, prefixes, positions, options: {} });
  }

  #subscribed(frame: FrameOf<"subscribed">): TrunkEvent[] {
    const position = frame.positions[0];
    if (position === undefined) throw new FabricError("invalid_message", "subscribed carries no position");
    this.#position = position;
    this.#confirmedId = Math.max(this.#confirmedId, frame.id);
    return [{ type: "subscribed", id: frame.id, position, gaps: frame.gaps }];
  }

  #published(seq: number): TrunkEvent[] {
    let count = 0;
    for (const unacked of this.#unacked) {
      if (unacked.frame.seq > seq) break;
      this.#unackedBytes -= unacked.size;
      count++;
    }
    if (count > 0) this.#unacked.splice(0, count);
    return [{ type: "published", seq }];
  }

  #deliver(frame: FrameOf<"deliver">, bytes: Uint8Array): TrunkEvent[] {
    const events: TrunkEvent[] = [];
    const at = this.#position;
    const first: Position = { router: this.router, incarnation: frame.incarnation, seq: frame.prev };
    if (at !== undefined && frame.incarnation < at.incarnation) return [];
    if (at !== undefined && (at.incarnation !== frame.incarnation || at.seq !== frame.prev)) {
      const extent = at.incarnation === frame.incarnation ? "exact" : "unknown";
      events.push({ type: "gap", gap: { extent, from: at, to: first } });
    }
    const last = frame.frames.at(-1);
    if (last !== undefined) this.#position = { ...first, seq: last.seq };
    const fresh = frame.frames.filter((f) => !this.#repeats.isRepeat(f.publisher, f.publisherSeq));
    const hasRepeats = fresh.length < frame.frames.length;
    events.push({ type: "deliver", frame: hasRepeats ? { ...frame, frames: fresh } : frame, bytes });
    return events;
  }
}
