/**
 * The subscribers of a router: where each of them stands in each stream, what it is sent live, and what again from
 * what is kept (rules 3, 4, 11). Fan-out is in planes.ts, credit in readers.ts, replays in replays.ts.
 */
import { assert } from "../base/assert.ts";
import { LIMITS } from "../base/limits.ts";
import type { FrameOf, Gap, Position, Segment, SequencedFrame } from "../protocol/frame.ts";
import { parseHistory } from "../protocol/history.ts";
import { isKept, keptStream, mayHold, routerOf } from "../protocol/stream.ts";
import { assertSubscriptionBounds } from "../protocol/subscription-bounds.ts";
import type { Prefix, Topic } from "../protocol/topic.ts";
import type { KeptLog } from "./kept-log.ts";
import type { Keeper } from "./keeper.ts";
import { isBefore, type Place } from "./kept.ts";
import type { DropReason, RouterLedger } from "./ledger.ts";
import type { InFlight } from "./flight.ts";
import type { OutboxDelivery } from "./outbox.ts";
import type { Output } from "./output.ts";
import { Planes } from "./planes.ts";
import type { Readers } from "./readers.ts";
import type { Replay } from "./replay.ts";
import { Replays, type ReplayPort } from "./replays.ts";
import type { Chain, Trunk } from "./trunk.ts";

export class Subscribers {
  readonly #planes: Planes;
  readonly #replays = new Replays();
  readonly #readers: Readers;
  readonly #out: Output;
  readonly #ledger: RouterLedger;
  readonly #now: () => Position;
  readonly #endedPrefixes: readonly Prefix[];

  /** @param now Where the router stands. */
  constructor(
    keeper: Pick<Keeper, "logs" | "endedPrefixes">,
    readers: Readers,
    out: Output,
    ledger: RouterLedger,
    now: () => Position,
  ) {
    this.#planes = new Planes(now().router, keeper.logs);
    this.#endedPrefixes = keeper.endedPrefixes;
    this.#readers = readers;
    this.#out = out;
    this.#ledger = ledger;
    this.#now = now;
  }

  /** Whether some are sent what is kept, and whether more of it can be sent at once. */
  get isReplaying(): boolean {
    return !this.#replays.isEmpty;
  }

  get isReplayDue(): boolean {
    return this.#replays.isReady;
  }

  /** Whether a topic among these is kept. */
  keeps(segments: readonly Segment[]): boolean {
    return this.#planes.keeps(segments);
  }

  /** How many trunks but this one take a topic among these. */
  receiversOf(segments: readonly Segment[], except: string): number {
    const trunks = new Set<Trunk>();
    const topics = segments.map(({ topic }) => topic);
    for (const { trunk } of this.#planes.takersOf(topics)) trunks.add(trunk);
    // Who is sent what is kept gets to it.
    for (const chain of this.#replays.chains) {
      if (topics.some((topic) => this.#planes.concerns(chain, topic))) trunks.add(chain.trunk);
    }
    return [...trunks].filter(({ id }) => id !== except).length;
  }

  /** The live chains whose subscription is this very topic. */
  readersAt(topic: Topic): readonly Chain[] {
    return [...this.#planes.takersOf([topic])].filter(({ trunk }) => trunk.prefixes.has(asPrefix(topic)));
  }

  /** Gives a frame to all that it concerns, and to the logs. Answers with the logs that have a full row. */
  feed(frame: SequencedFrame): readonly KeptLog[] {
    const { isFull, fullLogs } = this.#planes.feed(frame);
    if (isFull) this.flush();
    return fullLogs;
  }

  /**
   * A trunk that outlived the sleep of its router.
   * @param rowSeq Where all its chains stood at least when its row was written.
   * @param lastSeqs As `lastSeqs` gave them.
   */
  restore(trunk: Trunk, rowSeq: number, lastSeqs: ReadonlyMap<string, number>): void {
    const { seq } = this.#now();
    this.#planes.enter(trunk, (stream) => Math.max(rowSeq, lastSeqs.get(this.#key(trunk.id, stream)) ?? seq));
  }

  /** Where chains stand that are not at the router's own place, for its checkpoint. */
  lastSeqs(trunks: Iterable<Trunk>): readonly (readonly [string, number])[] {
    assert(this.#planes.isEmpty, "a checkpoint is written by a router with nothing at hand");
    const { seq } = this.#now();
    const out: [string, number][] = [];
    for (const { id, chains } of trunks) {
      for (const { stream, lastSeq } of chains.values()) {
        if (lastSeq !== seq) out.push([this.#key(id, stream), lastSeq]);
      }
    }
    return out;
  }

  #key(trunk: string, stream: string): string {
    return stream === this.#now().router ? trunk : `${trunk} ${stream}`;
  }

  /**
   * Adds prefixes. What is kept for a reader that comes back, and its history, is sent from the next `replay` on; the
   * answer is what is not kept. Throws `too_many` or `invalid_data`; then nothing has changed.
   */
  subscribe(trunk: Trunk, { prefixes, positions, options }: FrameOf<"subscribe">): readonly Gap[] {
    assertSubscriptionBounds(new Set([...trunk.prefixes, ...prefixes]));
    const history = parseHistory(options);
    const before = new Set(trunk.chains.keys());
    this.#change(trunk, () => {
      for (const prefix of prefixes) trunk.prefixes.add(prefix);
    });
    const gaps: Gap[] = [];
    for (const position of options["back"] === true ? this.#withUnnamed(trunk, positions) : positions) {
      if (routerOf(position.router) !== this.#now().router) continue;
      const chain = trunk.chains.get(position.router);
      if (chain?.log === undefined) gaps.push(...this.#gapSince(trunk, position));
      else if (!before.has(chain.stream)) gaps.push(...this.#resume(chain, position));
    }
    if (history === undefined) return gaps;
    for (const chain of this.#planes.chainsOf(trunk, prefixes)) {
      if (chain.log === undefined) continue;
      if (chain.replay === undefined) this.#begin(chain, this.#standing(chain), true);
      this.#replays.addHistory(chain, chain.log, history, prefixes);
    }
    return gaps;
  }

  /**
   * A reader that comes back has missed all of the streams that it does not name: they are new since it was here, and
   * those that are kept no longer are gone.
   */
  #withUnnamed(trunk: Trunk, positions: readonly Position[]): readonly Position[] {
    const { router } = this.#now();
    const ended = this.#endedPrefixes.map((prefix) => keptStream(router, prefix));
    const isConcerned = (stream: string) => [...trunk.prefixes].some((prefix) => mayHold(stream, prefix));
    const concerning = trunk.terms.resume ? ended.filter(isConcerned) : [];
    const named = new Set(positions.map((position) => position.router));
    const unnamed = [...trunk.chains.keys(), ...concerning].filter((stream) => !named.has(stream));
    return [...positions, ...unnamed.map((stream) => ({ router: stream, incarnation: 0, seq: 0 }))];
  }

  unsubscribe(trunk: Trunk, prefixes: readonly Prefix[]): void {
    this.#change(trunk, () => {
      for (const prefix of prefixes) trunk.prefixes.delete(prefix);
    });
  }

  /** A trunk is gone, and what waited for it is dropped for this reason. Answers with what was under way to it. */
  remove(trunk: Trunk, reason: DropReason): readonly InFlight[] {
    this.flush();
    for (const chain of trunk.chains.values()) this.#leave(chain);
    this.#readers.forget(trunk);
    trunk.awaited.end();
    return trunk.outbox.end(reason);
  }

  /** Where a reader stands, or will when what is sent has arrived. */
  positionsOf(trunk: Trunk): readonly Position[] {
    if (trunk.chains.size === 0) return [this.#now()];
    return [...trunk.chains.values()].map((chain) => ({ router: chain.stream, ...this.#standing(chain) }));
  }

  credit(trunk: Trunk, { position, window }: FrameOf<"credit">): void {
    const windowBytes = Math.min(window, LIMITS.readerWindowBytesMax);
    this.#out.items(trunk.id, this.#readers.credit(trunk, position, windowBytes));
  }

  /**
   * Changes the prefixes of a trunk between two deliveries. Both ends then stand at the current sequence number, since
   * what was sequenced before is sent, or did not match; unless something still waits, or is replayed.
   */
  #change(trunk: Trunk, change: () => void): void {
    this.flush();
    for (const chain of trunk.chains.values()) this.#planes.leave(chain);
    change();
    const { seq } = this.#now();
    for (const chain of this.#planes.enter(trunk, () => seq)) {
      this.#replays.forget(chain);
      this.#readers.giveUp(trunk, chain.stream);
      trunk.awaited.end(chain.stream);
    }
    for (const chain of trunk.chains.values()) {
      const isWaiting = chain.replay !== undefined || trunk.outbox.standing(chain.stream) !== undefined;
      if (!isWaiting) chain.lastSeq = seq;
    }
  }

  #standing(chain: Chain): Place {
    if (chain.replay !== undefined) return chain.replay.at;
    const seq = chain.trunk.outbox.standing(chain.stream) ?? chain.lastSeq;
    return { incarnation: this.#now().incarnation, seq };
  }

  /** What a reader missed that stood at `from` before its trunk was cut, where that is not kept (rule 4). */
  #gapSince(trunk: Trunk, from: Position): readonly Gap[] {
    // A stream that this trunk has no part in: its prefixes have changed, and nothing was missed.
    if (isKept(from.router) && trunk.terms.resume && this.#planes.has(from.router)) return [];
    const to = { ...this.#now(), router: from.router };
    if (from.incarnation === to.incarnation && from.seq >= to.seq) return [];
    const isNew = from.incarnation === 0;
    // A router that has never sent anything.
    if (isNew && to.incarnation === 1 && to.seq === 0) return [];
    const extent = from.incarnation === to.incarnation ? "exact" : "unknown";
    const reason = isKept(from.router) ? "expired" : extent === "exact" || isNew ? "away" : "restarted";
    return [{ extent, from, to, reason }];
  }

  /** A reader comes back to a stream that is kept: it is sent what it missed. */
  #resume(chain: Chain, from: Position): readonly Gap[] {
    const to = { ...this.#now(), router: from.router };
    // Who has seen what this router never sent knows another storage than this one.
    if (isBefore(to, from)) return [{ extent: "unknown", from, to, reason: "restarted" }];
    this.#begin(chain, { incarnation: from.incarnation, seq: from.seq }, true);
    return [];
  }

  #begin(chain: Chain, at: Place, isAwaited: boolean): void {
    assert(chain.log !== undefined, "what is replayed is kept");
    this.#planes.leave(chain);
    this.#readers.withdraw(chain.trunk, chain.stream);
    this.#replays.begin(chain, chain.log, at, isAwaited);
  }

  /** Ends a chain's part in the router. */
  #leave(chain: Chain): void {
    this.#planes.leave(chain);
    this.#replays.forget(chain);
  }

  /** Sends readers that came back, or fell behind, what is kept for them; not while anything waits to be flushed. */
  replay(): void {
    if (!this.#replays.isEmpty) this.#replays.run(this.#port);
  }

  readonly #port: ReplayPort = {
    deliver: (chain, delivery) => {
      const isSent = this.#readers.pushDirect(chain.trunk, delivery);
      assert(isSent, "a replay sends what the reader's credit covers");
      this.#ledger.readers.replayed += delivery.events;
      this.#out.bytes([chain.trunk.id], delivery.bytes);
    },
    gap: (chain, gap) => {
      chain.trunk.awaited.dropped(chain.stream, gap.from.seq, gap.to);
      this.#out.frame(chain.trunk.id, { type: "gap", gap });
    },
    ended: (chain, replay) => this.#goLive(chain, replay),
  };

  #goLive(chain: Chain, replay: Replay): void {
    const position = { ...this.#now(), router: chain.stream };
    chain.lastSeq = replay.isAwaited ? position.seq : replay.at.seq;
    this.#planes.join(chain);
    if (!replay.isAwaited) return;
    this.#out.frame(chain.trunk.id, { type: "recovered", position, complete: replay.isComplete });
  }

  /** Sends what has gathered, to each reader as far as its credit goes. */
  flush(): void {
    const counts = this.#ledger.readers;
    for (const delivery of this.#planes.take(this.#now().incarnation)) {
      counts.offered += delivery.events * delivery.members.length;
      const trunks: string[] = [];
      for (const chain of delivery.members) {
        const { trunk } = chain;
        if (this.#readers.pushDirect(trunk, delivery)) trunks.push(trunk.id);
        else if (this.#fallBehind(chain, delivery)) counts.withdrawn += delivery.events;
        else this.#out.items(trunk.id, this.#readers.push(trunk, delivery));
      }
      if (trunks.length > 0) this.#out.bytes(trunks, delivery.bytes);
    }
  }

  /**
   * A reader that drops, and for which no more may wait, gives back what waits and is kept: that is read again when the
   * reader gets to it. Answers whether the delivery is among it.
   */
  #fallBehind(chain: Chain, delivery: OutboxDelivery): boolean {
    const { outbox, terms, chains } = chain.trunk;
    if (terms.overflow === "block" || terms.overflow === "disconnect") return false;
    if (outbox.hasRoom(delivery.bytes.length)) return false;
    for (const other of chains.values()) {
      if (other.log === undefined || other.replay !== undefined) continue;
      const waiting = outbox.standing(other.stream);
      if (waiting === undefined && other !== chain) continue;
      const seq = waiting ?? delivery.prev;
      this.#begin(other, { incarnation: this.#now().incarnation, seq }, false);
    }
    return chain.replay !== undefined;
  }
}

/** The prefix that is a whole topic. */
function asPrefix(topic: Topic): Prefix {
  return topic as string as Prefix;
}
