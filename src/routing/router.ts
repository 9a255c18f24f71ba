/**
 * The engine of a TopicRouter: gives every published frame a sequence number, keeps what is to be kept, and fans it out
 * to the trunks whose subscriptions match. Sans-I/O: inputs are gathered by `receive`, `turn` answers with changes of
 * storage and bytes to send. PROTOCOL.md, "Routers"; rules 1 to 6, 10 and 11.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeFrame } from "../protocol/frame-codec.ts";
import {
  segmentsEvents,
  type Frame,
  type FrameOf,
  type Gap,
  type Position,
  type SequencedFrame,
} from "../protocol/frame.ts";
import { negotiateVersion } from "../protocol/handshake.ts";
import { Departed } from "./departed.ts";
import { Dispatches, poolPublisher } from "./dispatches.ts";
import { ColdStart } from "./cold-start.ts";
import { HeldPublishes, type HeldPublish } from "./held-publishes.ts";
import { Keeper, type Keeping } from "./keeper.ts";
import type { KeptLog } from "./kept-log.ts";
import { RouterLedger, type DropReason, type RouterLedgerView } from "./ledger.ts";
import { Output } from "./output.ts";
import { Readers } from "./readers.ts";
import { parseTerms } from "./reader-terms.ts";
import type { Checkpoint, RouterEffect, StoredRouter, TrunkRow } from "./router-state.ts";
import { Subscribers } from "./subscribers.ts";
import { hasMoved, pastOf, Taken, type TakenOptions } from "./taken.ts";
import { Trunk } from "./trunk.ts";
import { Trunks } from "./trunks.ts";

/** What arrived on a trunk: a frame, or its end. */
type Input =
  | { readonly type: "frame"; readonly trunk: string; readonly frame: Frame; readonly bytes: number }
  | { readonly type: "closed"; readonly trunk: string };

/** `table` is the version of the router table: a trunk of another table is refused with `moved` (rule 8). */
export interface RouterOptions extends TakenOptions {
  /** What it keeps; nothing without it. */
  readonly keeping?: Keeping;
}

export class Router {
  readonly #options: RouterOptions;
  readonly #trunks = new Trunks();
  readonly #keeper: Keeper;
  readonly #ledger: RouterLedger;
  readonly #departed: Departed;
  readonly #readers = new Readers();
  readonly #subscribers: Subscribers;
  readonly #taken: Taken;
  #incarnation: number;
  #seq: number;
  /** Whether storage holds a checkpoint that still stands. */
  #checkpointed: boolean;
  /** Whether a checkpoint is to be written before the object may sleep. */
  #dirty: boolean;
  /** When something was last sequenced, or the checkpoint written. */
  #quietSinceMs: number;
  readonly #coldStart: ColdStart;
  #inbox: Input[] = [];
  readonly #held: HeldPublishes;
  /** Whether kept publishes among them wait for the next commit. */
  #isKeepDue = false;
  /** Whether a reader came back, so that what has expired must not be there any more. */
  #isExpiryUrgent = false;
  readonly #out: Output;
  readonly #dispatches: Dispatches;
  #turnMs: number;

  /**
   * @param live Ids of trunks whose sockets outlived the sleep.
   * The effects of the start are taken with the first `turn`.
   */
  constructor(options: RouterOptions, stored: StoredRouter, live: ReadonlySet<string>, nowMs: number) {
    this.#options = options;
    const isMoved = hasMoved(options, stored);
    // What was on its way under another table comes again, or goes elsewhere.
    const checkpoint = isMoved ? undefined : stored.checkpoint;
    this.#checkpointed = checkpoint !== undefined;
    this.#incarnation = checkpoint?.incarnation ?? stored.incarnation + 1;
    this.#seq = checkpoint?.seq ?? 0;
    this.#quietSinceMs = nowMs;
    this.#turnMs = nowMs;
    this.#dirty = !this.#checkpointed;
    const marked = stored.checkpoint ?? stored.marks;
    this.#ledger = new RouterLedger(marked?.counts);
    this.#departed = new Departed(this.#ledger);
    this.#held = new HeldPublishes(this.#ledger);
    this.#out = new Output(this.#ledger);
    this.#dispatches = new Dispatches(this.#out);
    const past = pastOf(options.name, stored, this.position);
    this.#keeper = new Keeper(options.keeping, stored.logs, past, (change) => this.#out.persist(change));
    const now = () => this.position;
    this.#subscribers = new Subscribers(this.#keeper, this.#readers, this.#out, this.#ledger, now);
    this.#taken = new Taken(options, stored, this.#trunks.isConnected);
    if (marked !== undefined) this.#keeper.marked(marked);
    if (!this.#checkpointed) {
      this.#out.persist({ type: "incarnation", incarnation: this.#incarnation });
      // After a crash the rows since the last marks tell the rest: what is stored is not taken again (rule 5).
      this.#taken.recover(this.#keeper.behind(marked ?? { incarnation: 0, seq: 0 }));
    }
    for (const change of this.#taken.start(stored)) this.#out.persist(change);
    if (isMoved) this.#storeMarks();
    this.#coldStart = new ColdStart(nowMs);
    this.#restore(stored, live);
  }

  /** When `tick` is due, ms; undefined when nothing waits. An object with a deadline must stay awake. */
  get deadlineMs(): number | undefined {
    const due = Math.min(
      this.#coldStart.deadlineMs,
      this.#mayCheckpoint ? this.#quietSinceMs + LIMITS.checkpointMs : Infinity,
      this.#isKeepDue ? this.#keeper.dueMs : Infinity,
      this.#subscribers.isReplayDue ? this.#turnMs : Infinity,
      this.#readers.deadlineMs,
    );
    return due === Infinity ? undefined : due;
  }

  /** When a router that sleeps is to be woken to drop what has expired, ms; undefined while it is awake. */
  get expiryMs(): number | undefined {
    const { expiryMs } = this.#keeper;
    return this.#dirty || expiryMs === Infinity ? undefined : expiryMs;
  }

  /** Where the router stands. */
  get position(): Position {
    return { router: this.#options.name, incarnation: this.#incarnation, seq: this.#seq };
  }

  /** Trunks that have said hello. */
  get trunkCount(): number {
    return this.#trunks.size;
  }

  /** What became of all events so far, compared with what is at hand. Between turns. Cost: all that waits. */
  get ledger(): RouterLedgerView {
    const { router, incarnation } = this.position;
    const problems = this.#ledger.problems({ held: this.#held.events, ...this.#readers.count() });
    return { router, incarnation, ...this.#ledger.counts(), problems };
  }

  /** Takes the bytes of one frame; they are worked on in the next `turn`. */
  receive(trunk: string, bytes: Uint8Array): void {
    try {
      this.#inbox.push({ type: "frame", trunk, frame: decodeFrame(bytes), bytes: bytes.length });
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#out.refuse(trunk, error);
    }
  }

  /** A trunk's socket is gone: in its turn, after what arrived on it, its subscriptions end. */
  closed(trunk: string): void {
    this.#inbox.push({ type: "closed", trunk });
  }

  /** Works on everything received, in order, and answers with all effects since the last turn; changes come first. */
  turn(nowMs: number): readonly RouterEffect[] {
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const input of inbox) {
      if (input.type === "closed") this.#removeTrunk(input.trunk);
      else this.#input(input.trunk, input.frame, input.bytes);
    }
    for (const change of this.#keeper.expire(nowMs, this.#isExpiryUrgent)) this.#out.persist(change);
    this.#isExpiryUrgent = false;
    this.#subscribers.replay();
    // A start from a checkpoint would take readers that are replayed to for live.
    if (this.#subscribers.isReplaying && !this.#dirty) this.#becomeDirty();
    if (this.#coldStart.isOver(nowMs, this.#held.bytes) && !this.#held.isEmpty) this.#sequenceHeld(nowMs);
    this.#subscribers.flush();
    this.#keep(nowMs);
    for (const trunk of this.#readers.judge(nowMs)) this.#dismiss(trunk);
    this.#out.sendAcks(this.#options.name);
    this.#dispatches.tellAll();
    this.#trunks.persist(this.#out, this.#seq);
    this.#ledger.assertBalanced();
    this.#turnMs = nowMs;
    return this.#out.take();
  }

  /** To be called at `deadlineMs`: ends the grace period, or writes the checkpoint of a quiet router. */
  tick(nowMs: number): readonly RouterEffect[] {
    if (this.#mayCheckpoint && nowMs >= this.#quietSinceMs + LIMITS.checkpointMs) {
      this.#out.persist({ type: "checkpoint", checkpoint: this.#checkpoint() });
      this.#keeper.marked(this.position);
      this.#dirty = false;
      this.#checkpointed = true;
      this.#quietSinceMs = nowMs;
    }
    return this.turn(nowMs);
  }

  /**
   * After a clean start the trunks that outlived the sleep go on. Otherwise nobody knows what was on its way when memory
   * was lost, publishes included: all begin anew, and readers learn of the gap by their positions (rule 4).
   */
  #restore(stored: StoredRouter, live: ReadonlySet<string>): void {
    const lastSeqs = new Map(stored.checkpoint?.lastSeqs);
    for (const row of stored.trunks) {
      if (this.#checkpointed && live.has(row.id)) {
        const trunk = this.#addTrunk(row);
        this.#subscribers.restore(trunk, row.lastSeq, lastSeqs);
      } else {
        if (row.prefixes.length > 0) this.#coldStart.await(row.instance);
        this.#trunks.changed(row.id);
      }
    }
    if (this.#checkpointed) return;
    for (const trunk of live) this.#out.restart(trunk);
  }

  #input(id: string, frame: Frame, bytes: number): void {
    try {
      if (frame.type === "hello") return this.#hello(id, frame);
      const trunk = this.#trunks.get(id);
      if (trunk === undefined)
        throw new FabricError("invalid_message", "the first frame of a trunk must be hello");
      if (frame.type === "publish") {
        return this.#held.add({ trunk: id, instance: trunk.instance, frame, size: bytes });
      }
      if (frame.type === "poolEvents") return this.#held.addPool(id, trunk.instance, frame);
      if (frame.type === "credit") return this.#subscribers.credit(trunk, frame);
      if (frame.type === "subscribe") return this.#subscribe(trunk, frame);
      if (frame.type === "unsubscribe") return this.#unsubscribe(trunk, frame);
      if (frame.type === "ping") return this.#out.frame(id, { type: "pong", id: frame.id });
      throw new FabricError("invalid_message", `a router does not take ${frame.type} frames`);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#out.refuse(id, error);
    }
  }

  #hello(id: string, frame: FrameOf<"hello">): void {
    if (this.#trunks.get(id) !== undefined) throw new FabricError("invalid_message", "hello was said before");
    const version = negotiateVersion(frame.versions);
    if (frame.options["table"] !== this.#options.table) {
      throw new FabricError("moved", "the router table of this trunk is not that of the router");
    }
    this.#trunks.assertRoom();
    const other = this.#trunks.of(frame.instance);
    if (other !== undefined) {
      const older = other.connection < frame.connection ? other.id : id;
      this.#out.refuse(older, new FabricError("superseded", "a newer connection of this instance is open"));
      if (older === id) return;
      this.#removeTrunk(other.id);
    }
    const { instance, connection } = frame;
    const terms = parseTerms(frame.options);
    this.#addTrunk({ id, instance, connection, terms, prefixes: [] });
    this.#trunks.changed(id);
    this.#out.frame(id, {
      type: "welcome",
      version,
      endpoint: this.#options.name,
      options: this.#taken.welcome(instance),
    });
  }

  #addTrunk(row: Omit<TrunkRow, "lastSeq">): Trunk {
    return this.#trunks.add(new Trunk(row, this.#ledger, this.#readers.waiting));
  }

  #removeTrunk(id: string, reason: DropReason = "away"): void {
    const trunk = this.#trunks.get(id);
    if (trunk === undefined) return;
    this.#departed.left(trunk.instance, this.#subscribers.remove(trunk, reason));
    this.#trunks.remove(trunk);
  }

  #subscribe(trunk: Trunk, frame: FrameOf<"subscribe">): void {
    const gaps = this.#subscribers.subscribe(trunk, frame);
    this.#departed.back(trunk.instance, frame.positions);
    this.#isExpiryUrgent ||= trunk.isReplayed;
    this.#coldStart.isBack(trunk.instance);
    this.#confirm(trunk, frame.id, gaps);
  }

  #unsubscribe(trunk: Trunk, frame: FrameOf<"unsubscribe">): void {
    this.#subscribers.unsubscribe(trunk, frame.prefixes);
    this.#confirm(trunk, frame.id, []);
  }

  #confirm(trunk: Trunk, id: number, gaps: readonly Gap[]): void {
    this.#trunks.changed(trunk.id);
    const positions = this.#subscribers.positionsOf(trunk);
    this.#out.frame(trunk.id, { type: "subscribed", id, positions, gaps });
  }

  #sequenceHeld(nowMs: number): void {
    this.#isKeepDue = false;
    const mayKeep = this.#keeper.isDue(nowMs) || this.#held.bytes >= LIMITS.keepHeldBytes;
    const waits = ({ frame }: HeldPublish) => {
      if (this.#readers.holdsBack(frame.segments)) return true;
      const waitsForCommit = !mayKeep && this.#subscribers.keeps(frame.segments);
      this.#isKeepDue ||= waitsForCommit;
      return waitsForCommit;
    };
    for (const publish of this.#held.take(waits)) this.#sequence(publish, nowMs);
    if (this.#held.isEmpty) this.#taken.settled();
    this.#quietSinceMs = nowMs;
  }

  #sequence(publish: HeldPublish, nowMs: number): void {
    if (publish.isPool === true) return this.#dispatch(publish, nowMs);
    const { trunk, instance, frame, events } = publish;
    const { seq, receipt, origin } = frame;
    const { verdict, segments } = this.#taken.judge(publish);
    if (verdict === "overtaken") return this.#overtaken(publish);
    const isNew = verdict === "new";
    // One that was sent before may have had receivers that are not here any more.
    const isAsked = receipt === true && isNew && !frame.repeat;
    this.#out.acknowledge(trunk, seq, isAsked ? this.#subscribers.receiversOf(segments, trunk) : undefined);
    const fresh = isNew ? segmentsEvents(segments) : 0;
    this.#ledger.sequenced(fresh, false);
    this.#ledger.sequenced(events - fresh, true);
    if (!isNew || segments.length === 0) return;
    if (origin === undefined) this.#feed({ publisher: instance, publisherSeq: seq, segments }, nowMs);
    else {
      const { publisher, path } = origin;
      this.#feed({ publisher, publisherSeq: origin.seq, path, segments }, nowMs);
    }
  }

  /** An event for one node of a pool: only if somebody is at its very topic. */
  #dispatch(publish: HeldPublish, nowMs: number): void {
    const { frame, events } = publish;
    if (this.#dispatches.isKnown(publish)) return this.#ledger.sequenced(events, true);
    const { segments } = frame;
    const readers = this.#subscribers.readersAt(segments[0]!.topic);
    if (readers.length === 0) {
      this.#dispatches.noReceiver(publish);
      return this.#ledger.refused(events);
    }
    this.#ledger.sequenced(events, false);
    const at = { ...this.position, seq: this.#seq + 1 };
    this.#dispatches.sent(publish, readers, at);
    const publisher = poolPublisher(this.#incarnation);
    this.#feed({ publisher, publisherSeq: at.seq, segments }, nowMs);
  }

  /** Gives a frame the next number, and passes it on. */
  #feed(frame: Omit<SequencedFrame, "seq">, nowMs: number): void {
    if (!this.#dirty) this.#becomeDirty();
    this.#seq++;
    for (const log of this.#subscribers.feed({ seq: this.#seq, ...frame })) this.#commit(log, nowMs);
  }

  #overtaken({ trunk, events }: HeldPublish): void {
    this.#ledger.refused(events);
    if (this.#trunks.get(trunk) === undefined) return;
    this.#out.refuse(trunk, new FabricError("superseded", "another connection of this client has gone on"));
    this.#removeTrunk(trunk);
  }

  /** What was sequenced in this turn and is to be kept is stored with it, before it is sent or acknowledged (rule 10). */
  #keep(nowMs: number): void {
    for (const log of this.#keeper.logs) this.#commit(log, nowMs);
    if (this.#keeper.isMarkDue) this.#storeMarks();
  }

  #storeMarks(): void {
    this.#keeper.marked(this.position);
    this.#out.persist({ type: "marks", checkpoint: { ...this.#checkpoint(), lastSeqs: [] } });
  }

  #commit(log: KeptLog, nowMs: number): void {
    for (const change of this.#keeper.commit(log, this.#incarnation, nowMs)) this.#out.persist(change);
  }

  #becomeDirty(): void {
    this.#dirty = true;
    if (!this.#checkpointed) return;
    this.#checkpointed = false;
    this.#out.persist({ type: "checkpointUsed" });
  }

  /** Ends a reader that is too far behind. When it comes back, its position tells the gap. */
  #dismiss(trunk: Trunk): void {
    const { queuedBytes } = trunk.outbox;
    this.#out.refuse(trunk.id, new FabricError("slow_reader", `the reader is ${queuedBytes} bytes behind`));
    this.#removeTrunk(trunk.id, "slow_reader");
  }

  /** What waits for readers is nowhere else: a checkpoint would say that it was sent. */
  get #mayCheckpoint(): boolean {
    if (!this.#held.isEmpty || this.#readers.waiting.sum > 0 || this.#subscribers.isReplaying) return false;
    return this.#dirty || !this.#ledger.isStored;
  }

  #checkpoint(): Checkpoint {
    const lastSeqs = this.#subscribers.lastSeqs(this.#trunks.values());
    const counts = this.#ledger.store();
    return { incarnation: this.#incarnation, seq: this.#seq, marks: this.#taken.entries(), lastSeqs, counts };
  }
}
