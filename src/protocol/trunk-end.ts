/**
 * The session's end of one trunk: says hello, keeps subscriptions and unacknowledged publishes over a lost
 * connection, and checks that what the router sends has no hole (PROTOCOL.md, "Trunks"; rules 1 to 5).
 */
import { FabricError, isErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeFrame, encodeFrame } from "./frame-codec.ts";
import {
  framesEvents,
  type Frame,
  type FrameOf,
  type Gap,
  type InstanceId,
  type Options,
  type Position,
} from "./frame.ts";
import { PROTOCOL_VERSIONS } from "./handshake.ts";
import { ReaderCredit } from "./reader-credit.ts";
import { Recovery } from "./recovery.ts";
import { SessionLedger } from "./session-ledger.ts";
import { isKept, mayHold } from "./stream.ts";
import type { Prefix } from "./topic.ts";
import { StreamRepeats } from "./stream-repeats.ts";
import { TrunkSubscriptions } from "./trunk-subscriptions.ts";
import { UnackedPublishes } from "./unacked-publishes.ts";

/** What the session learns from a trunk. */
export type TrunkEvent =
  /** Subscriptions up to this id are live. */
  | {
      readonly type: "subscribed";
      readonly id: number;
      readonly gaps: readonly Gap[];
    }
  /** Publishes up to this number are sequenced. */
  | { readonly type: "published"; readonly seq: number; readonly receivers?: number }
  /** `frame` without repeats, and the bytes of the whole frame as it came. */
  | { readonly type: "deliver"; readonly frame: FrameOf<"deliver">; readonly bytes: Uint8Array }
  | { readonly type: "gap"; readonly gap: Gap }
  /** A stream is live again from this position on, after what was kept of it. */
  | { readonly type: "recovered"; readonly position: Position; readonly complete: boolean }
  /** The other side has answered the hello. */
  | { readonly type: "welcome"; readonly endpoint: string; readonly options: Options }
  /** The other side wants to be left. */
  | { readonly type: "goaway"; readonly reason: string }
  /** A publish was refused, as a whole. Only sessions say so. */
  | { readonly type: "publishRefused"; readonly seq: number; readonly error: FabricError }
  /** What became of events for nodes of pools. */
  | FrameOf<"handled">
  | FrameOf<"unhandled">
  /** The router refuses this session for good. */
  | { readonly type: "refused"; readonly error: FabricError };

export interface TrunkIdentity {
  readonly instance: InstanceId;
  /** Number of the client's connection; each trunk connection of a session raises it further. */
  readonly connection: number;
  /** Version of the session's router table (rule 8). */
  readonly table: string;
  /** How this reader wants to be served, as its hello says it: window, overflow, queue, resume. */
  readonly terms?: Options;
}

/** Trunk connections of one client connection are numbered below this. */
const TRUNK_CONNECTIONS = 2 ** 20;

export class TrunkEnd {
  readonly router: string;
  readonly #identity: TrunkIdentity;
  readonly #ledger: SessionLedger;
  #state: "closed" | "opening" | "open" = "closed";
  #attempt = 0;
  #retryMs = 0;
  readonly #subscriptions = new TrunkSubscriptions();
  /** Where the reader stands, by stream. */
  #positions = new Map<string, Position>();
  readonly #recovery = new Recovery();
  /** The subscription with which the reader has come back, until it is confirmed. */
  #backId = Infinity;
  /** The end of the delivery that came last. */
  #lastEnd: Position | undefined;
  readonly #unacked: UnackedPublishes;
  #credit: ReaderCredit;
  readonly #repeats = new StreamRepeats();

  /** @param ledger Counts what goes through the trunk; several may share one. */
  constructor(router: string, identity: TrunkIdentity, ledger = new SessionLedger()) {
    this.router = router;
    this.#identity = identity;
    this.#ledger = ledger;
    this.#unacked = new UnackedPublishes(ledger);
    this.#credit = new ReaderCredit(this.#windowBytes);
  }

  get #windowBytes(): number {
    const window = this.#identity.terms?.["window"];
    return typeof window === "number" ? window : LIMITS.readerWindowBytes;
  }

  /** Whether the router is to be told what the peer has consumed. */
  get isCreditUntold(): boolean {
    return this.#credit.isUntold;
  }

  /** The peer has consumed all that came so far, with a last delivery of this size; answers with what to send now. */
  consume(bytes: number): Uint8Array[] {
    if (this.#lastEnd === undefined) return [];
    return this.#credit.consume(this.#lastEnd, bytes) ? this.takeCredit() : [];
  }

  /** What tells the router, if there is anything to tell. */
  takeCredit(): Uint8Array[] {
    const bytes = this.#credit.take();
    return bytes === undefined || !this.isOpen ? [] : [bytes];
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Where this reader stands, in each stream of this router; empty before its first subscription. */
  get positions(): readonly Position[] {
    return [...this.#positions.values()];
  }

  /** Publishes that are not acknowledged, bytes. */
  get unackedBytes(): number {
    return this.#unacked.bytes;
  }

  /** Whether another publish fits into the window. */
  get hasWindow(): boolean {
    return this.#unacked.hasWindow;
  }

  /** Whether the trunk has something to lose: subscriptions, changes of them, or unacknowledged publishes. */
  get isNeeded(): boolean {
    const { isEmpty, hasChange } = this.#subscriptions;
    return !isEmpty || hasChange || !this.#unacked.isEmpty;
  }

  /** Whether every subscription is confirmed, and the reader has what was kept of it. */
  get isRecovered(): boolean {
    return !this.#subscriptions.hasChange && this.#recovery.isOver;
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
    const { instance, connection, table, terms } = this.#identity;
    const hello: Frame = {
      type: "hello",
      versions: PROTOCOL_VERSIONS,
      instance,
      connection: connection * TRUNK_CONNECTIONS + this.#attempt,
      options: { ...terms, table },
    };
    this.#credit = new ReaderCredit(this.#windowBytes);
    const out = [encodeFrame(hello)];
    this.#lastEnd = undefined;
    for (const frame of this.#subscriptions.again(this.positions)) out.push(this.#bytesOf(frame));
    for (const frame of this.#unacked.resent()) out.push(encodeFrame(frame));
    return out;
  }

  /**
   * The connection outlived the memory of this end, with these subscriptions, all confirmed, and nothing under way: so
   * an object wakes. Positions are those up to which everything was consumed.
   */
  woken(id: number, prefixes: Iterable<Prefix>, positions: readonly Position[]): void {
    this.#state = "open";
    this.#subscriptions.woken(id, prefixes);
    this.#positions = new Map(positions.map((position) => [position.router, position]));
  }

  /** The connection is gone, or could not be made. Answers with the time to wait before the next attempt, ms. */
  lost(): number {
    this.#state = "closed";
    this.#recovery.lost();
    this.#retryMs = Math.min(
      LIMITS.trunkRetryMaxMs,
      this.#retryMs === 0 ? LIMITS.trunkRetryMs : this.#retryMs * 2,
    );
    return this.#retryMs;
  }

  /**
   * A reader comes back through this trunk, who was subscribed to what it subscribes to next; while the trunk has
   * subscriptions it knows better. A stream of this router that it does not name begins where the router's memory does.
   */
  resumeFrom(positions: readonly Position[]): void {
    if (!this.#subscriptions.isEmpty) return;
    this.#positions = new Map(positions.map((position) => [position.router, position]));
    this.#subscriptions.comesBack();
  }

  /** Adds subscriptions; confirmed by a `subscribed` event with this id or a higher one. Ids must rise. */
  subscribe(id: number, prefixes: readonly Prefix[], history?: unknown): Uint8Array[] {
    return this.#ask(this.#subscriptions.add(id, prefixes, history, this.positions));
  }

  /** Takes subscriptions away; confirmed like `subscribe`. */
  unsubscribe(id: number, prefixes: readonly Prefix[]): Uint8Array[] {
    return this.#ask(this.#subscriptions.remove(id, prefixes));
  }

  /** Takes subscriptions away that have served their purpose: nobody waits for the answer. */
  leave(prefixes: readonly Prefix[]): Uint8Array[] {
    return this.#ask(this.#subscriptions.leave(prefixes));
  }

  #ask(frame: FrameOf<"subscribe"> | FrameOf<"unsubscribe">): Uint8Array[] {
    return this.isOpen ? [this.#bytesOf(frame)] : [];
  }

  /** Publishes a frame and keeps it until it is acknowledged. Numbers must rise. */
  publish(frame: FrameOf<"publish">): Uint8Array[] {
    this.#unacked.add(frame, this.isOpen);
    return this.isOpen ? [encodeFrame(frame)] : [];
  }

  /** Takes a frame of the router. Throws FabricError when it is not one that a router sends. */
  receive(bytes: Uint8Array): TrunkEvent[] {
    const frame = decodeFrame(bytes);
    switch (frame.type) {
      case "deliver":
        return this.#deliver(frame, bytes);
      case "published":
        return this.#published(frame);
      case "subscribed":
        return this.#subscribed(frame);
      case "gap":
        return [{ type: "gap", gap: this.#told(frame.gap) }];
      case "recovered":
        return [this.#recovered(frame)];
      case "welcome":
        this.#retryMs = 0;
        this.#repeats.under(frame.options["table"]);
        return [{ type: "welcome", endpoint: frame.endpoint, options: frame.options }];
      case "error":
        return [{ type: "refused", error: errorOf(frame) }];
      case "publishRefused":
        return this.#publishRefused(frame);
      case "handled":
      case "unhandled":
        return [frame];
      case "goaway":
        return [{ type: "goaway", reason: frame.reason }];
      case "pong":
        return [];
      default:
        throw new FabricError("invalid_message", `a router does not send ${frame.type} frames`);
    }
  }

  /** A gap as this reader has it: it knows its own position better than the router does. */
  #told(gap: Gap): Gap {
    const stream = gap.to.router;
    const from = this.#positions.get(stream) ?? gap.from;
    this.#positions.set(stream, gap.to);
    this.#recovery.missed(stream);
    return { ...gap, from };
  }

  #recovered({ position, complete }: FrameOf<"recovered">): TrunkEvent {
    this.#positions.set(position.router, position);
    const isComplete = this.#recovery.ended(position.router) && complete;
    return { type: "recovered", position, complete: isComplete };
  }

  #bytesOf(frame: FrameOf<"subscribe"> | FrameOf<"unsubscribe">): Uint8Array {
    if (frame.type === "subscribe") {
      if (frame.options["back"] === true) this.#backId = frame.id;
      for (const { router } of frame.positions) if (isKept(router)) this.#recovery.began(router);
    }
    return encodeFrame(frame);
  }

  #subscribed(frame: FrameOf<"subscribed">): TrunkEvent[] {
    if (frame.positions.length === 0)
      throw new FabricError("invalid_message", "subscribed carries no position");
    this.#positions = new Map(frame.positions.map((position) => [position.router, position]));
    const asked = this.#subscriptions.confirmed(frame.id);
    const streams = frame.positions.map(({ router }) => router).filter(isKept);
    for (const stream of streams) {
      if (asked.some((prefix) => mayHold(stream, prefix))) this.#recovery.historyBegan(stream);
      if (frame.id >= this.#backId) this.#recovery.began(stream);
    }
    if (frame.id >= this.#backId) this.#backId = Infinity;
    const gone = new Set(frame.gaps.map(({ to }) => to.router));
    this.#recovery.keep(streams.filter((stream) => !gone.has(stream)));
    return [{ type: "subscribed", id: frame.id, gaps: frame.gaps }];
  }

  #published({ seq, receivers }: FrameOf<"published">): TrunkEvent[] {
    this.#unacked.acknowledged(seq);
    return [receivers === undefined ? { type: "published", seq } : { type: "published", seq, receivers }];
  }

  #publishRefused(frame: FrameOf<"publishRefused">): TrunkEvent[] {
    if (!this.#unacked.refused(frame.seq)) return [];
    return [{ type: "publishRefused", seq: frame.seq, error: errorOf(frame) }];
  }

  #deliver(frame: FrameOf<"deliver">, bytes: Uint8Array): TrunkEvent[] {
    const events: TrunkEvent[] = [];
    const counts = this.#ledger.readers;
    const arrived = framesEvents(frame.frames);
    counts.arrived += arrived;
    const stream = frame.router;
    const at = this.#positions.get(stream);
    const first: Position = { router: stream, incarnation: frame.incarnation, seq: frame.prev };
    const last = frame.frames.at(-1);
    if (last !== undefined) this.#lastEnd = { ...first, seq: last.seq };
    if (frame.replay === "history") return [{ type: "deliver", frame, bytes }];
    if (at !== undefined && frame.incarnation < at.incarnation) {
      counts.stale += arrived;
      return [];
    }
    const isNext = at === undefined || (at.incarnation === frame.incarnation && at.seq === frame.prev);
    if (!isNext && frame.replay === undefined) {
      const extent = at.incarnation === frame.incarnation ? "exact" : "unknown";
      this.#recovery.missed(stream);
      events.push({ type: "gap", gap: { extent, from: at, to: first } });
    }
    if (last !== undefined) this.#positions.set(stream, { ...first, seq: last.seq });
    const fresh = frame.frames.filter((f) => !this.#repeats.isRepeat(stream, f.publisher, f.publisherSeq));
    const hasRepeats = fresh.length < frame.frames.length;
    if (hasRepeats) counts.repeats += arrived - framesEvents(fresh);
    events.push({ type: "deliver", frame: hasRepeats ? { ...frame, frames: fresh } : frame, bytes });
    return events;
  }
}

function errorOf({ code, message }: { readonly code: string; readonly message: string }): FabricError {
  return new FabricError(isErrorCode(code) ? code : "unavailable", message);
}
