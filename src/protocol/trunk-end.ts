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
import { RepeatFilter } from "./repeat-filter.ts";
import { SessionLedger } from "./session-ledger.ts";
import { isKept, mayHold } from "./stream.ts";
import type { Prefix } from "./topic.ts";
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

/** A subscription that begins with a history; to be asked for again until it is confirmed. */
interface WithHistory {
  readonly id: number;
  readonly prefixes: readonly Prefix[];
  /** Those of them that were not in force before: a new connection takes the others up from where the reader stands. */
  readonly added: readonly Prefix[];
  readonly history: unknown;
}

export class TrunkEnd {
  readonly router: string;
  readonly #identity: TrunkIdentity;
  readonly #ledger: SessionLedger;
  #state: "closed" | "opening" | "open" = "closed";
  #attempt = 0;
  #retryMs = 0;
  readonly #prefixes = new Set<Prefix>();
  #lastSubscribeId = 0;
  #confirmedId = 0;
  /** Where the reader stands, by stream. */
  #positions = new Map<string, Position>();
  /** Where the next subscription resumes; empty where nothing can have been missed. */
  #resume: readonly Position[] = [];
  readonly #recovery = new Recovery();
  #withHistory: WithHistory[] = [];
  /** The end of the delivery that came last. */
  #lastEnd: Position | undefined;
  readonly #unacked: UnackedPublishes;
  #credit: ReaderCredit;
  readonly #repeats = new Map<string, RepeatFilter>();

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
    return this.#prefixes.size > 0 || this.#hasChange || !this.#unacked.isEmpty;
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
    out.push(...this.#resubscribe());
    for (const frame of this.#unacked.resent()) out.push(encodeFrame(frame));
    return out;
  }

  /** What a new connection begins with: what was in force, from where the reader stands; then histories, one by one. */
  #resubscribe(): Uint8Array[] {
    this.#resume = this.positions;
    const later = new Set(this.#withHistory.flatMap(({ added }) => added));
    const before = [...this.#prefixes].filter((prefix) => !later.has(prefix));
    const out: Uint8Array[] = [];
    if (before.length > 0) {
      const id = (this.#withHistory[0]?.id ?? this.#lastSubscribeId + 1) - 1;
      out.push(this.#subscribeBytes(id, before));
    }
    for (const { id, prefixes, history } of this.#withHistory) {
      const wanted = prefixes.filter((prefix) => this.#prefixes.has(prefix));
      if (wanted.length > 0) out.push(this.#subscribeBytes(id, wanted, history));
    }
    const isConfirmed = this.#withHistory.length === 0 && out.length > 0;
    if (this.#hasChange && !isConfirmed) out.push(this.#unsubscribeBytes([]));
    // Whoever subscribes to nothing misses nothing until the next subscription.
    this.#resume = [];
    return out;
  }

  /**
   * The connection outlived the memory of this end, with these subscriptions, all confirmed, and nothing under way: so
   * an object wakes. Positions are those up to which everything was consumed.
   */
  woken(id: number, prefixes: Iterable<Prefix>, positions: readonly Position[]): void {
    this.#state = "open";
    this.#lastSubscribeId = id;
    this.#confirmedId = id;
    for (const prefix of prefixes) this.#prefixes.add(prefix);
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

  /** Where the reader stands that comes back through this trunk; while the trunk has subscriptions it knows better. */
  resumeFrom(positions: readonly Position[]): void {
    if (this.#prefixes.size > 0 || positions.length === 0) return;
    this.#positions = new Map(positions.map((position) => [position.router, position]));
    this.#resume = positions;
  }

  /** Adds subscriptions; confirmed by a `subscribed` event with this id or a higher one. Ids must rise. */
  subscribe(id: number, prefixes: readonly Prefix[], history?: unknown): Uint8Array[] {
    this.#lastSubscribeId = id;
    const added = prefixes.filter((prefix) => !this.#prefixes.has(prefix));
    for (const prefix of added) this.#prefixes.add(prefix);
    if (history !== undefined) this.#withHistory.push({ id, prefixes, added, history });
    return this.isOpen ? [this.#subscribeBytes(id, prefixes, history)] : [];
  }

  /** Takes subscriptions away; confirmed like `subscribe`. */
  unsubscribe(id: number, prefixes: readonly Prefix[]): Uint8Array[] {
    this.#lastSubscribeId = id;
    for (const prefix of prefixes) this.#prefixes.delete(prefix);
    return this.isOpen ? [this.#unsubscribeBytes(prefixes)] : [];
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

  #unsubscribeBytes(prefixes: readonly Prefix[]): Uint8Array {
    return encodeFrame({ type: "unsubscribe", id: this.#lastSubscribeId, prefixes });
  }

  #subscribeBytes(id: number, prefixes: readonly Prefix[], history?: unknown): Uint8Array {
    const positions = this.#resume;
    this.#resume = [];
    for (const { router } of positions) if (isKept(router)) this.#recovery.began(router);
    const options: Options = history === undefined ? {} : { history };
    return encodeFrame({ type: "subscribe", id, prefixes, positions, options });
  }

  #subscribed(frame: FrameOf<"subscribed">): TrunkEvent[] {
    if (frame.positions.length === 0)
      throw new FabricError("invalid_message", "subscribed carries no position");
    this.#positions = new Map(frame.positions.map((position) => [position.router, position]));
    this.#confirmedId = Math.max(this.#confirmedId, frame.id);
    const confirmed = this.#withHistory.filter(({ id }) => id <= frame.id);
    this.#withHistory = this.#withHistory.filter(({ id }) => id > frame.id);
    for (const { router } of frame.positions) {
      const isAsked = confirmed.some(({ prefixes }) => prefixes.some((prefix) => mayHold(router, prefix)));
      if (isKept(router) && isAsked) this.#recovery.historyBegan(router);
    }
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
    const repeats = this.#repeatsOf(stream);
    const fresh = frame.frames.filter((f) => !repeats.isRepeat(f.publisher, f.publisherSeq));
    const hasRepeats = fresh.length < frame.frames.length;
    if (hasRepeats) counts.repeats += arrived - framesEvents(fresh);
    events.push({ type: "deliver", frame: hasRepeats ? { ...frame, frames: fresh } : frame, bytes });
    return events;
  }

  /** A publish with topics of several streams comes once in each. */
  #repeatsOf(stream: string): RepeatFilter {
    let repeats = this.#repeats.get(stream);
    if (repeats === undefined) {
      repeats = new RepeatFilter(LIMITS.receiverPublishersMax);
      this.#repeats.set(stream, repeats);
    }
    return repeats;
  }
}

function errorOf({ code, message }: { readonly code: string; readonly message: string }): FabricError {
  return new FabricError(isErrorCode(code) ? code : "unavailable", message);
}
