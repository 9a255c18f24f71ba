/**
 * The engine of a TopicRouter: gives every published frame a sequence number and fans it out to the trunks whose
 * subscriptions match. Sans-I/O: inputs are gathered by `receive`, `turn` answers with changes of storage and bytes
 * to send. PROTOCOL.md, "Routers"; rules 1 to 6.
 */
import { assert } from "../base/assert.ts";
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeFrame, encodeFrame } from "../protocol/frame-codec.ts";
import type { Frame, FrameOf, Gap, InstanceId, Position } from "../protocol/frame.ts";
import { negotiateVersion } from "../protocol/handshake.ts";
import { assertSubscriptionBounds } from "../protocol/subscription-bounds.ts";
import type { Prefix } from "../protocol/topic.ts";
import { FanOut } from "./fan-out.ts";
import { makeFilter } from "./filter.ts";
import type { Member } from "./interest-group.ts";
import { PublisherMarks } from "./publisher-marks.ts";
import type { Checkpoint, RouterChange, RouterEffect, StoredRouter, TrunkRow } from "./router-state.ts";

/** RFC 6455 and the IANA registry: the endpoint restarts, come back. */
const SERVICE_RESTART = 1012;

interface Trunk extends Member {
  readonly instance: InstanceId;
  readonly connection: number;
  readonly prefixes: Set<Prefix>;
}

/** What arrived on a trunk: a frame, or its end. */
type Input =
  | { readonly type: "frame"; readonly trunk: string; readonly frame: Frame; readonly bytes: number }
  | { readonly type: "closed"; readonly trunk: string };

interface Publish {
  readonly trunk: string;
  readonly instance: InstanceId;
  readonly frame: FrameOf<"publish">;
}

export interface RouterOptions {
  readonly name: string;
  /** Version of the router table: a trunk of another table is refused with `moved` (rule 8). */
  readonly table: string;
}

export class Router {
  readonly #options: RouterOptions;
  readonly #trunks = new Map<string, Trunk>();
  readonly #byInstance = new Map<InstanceId, Trunk>();
  readonly #fanOut = new FanOut();
  readonly #marks: PublisherMarks;
  readonly #isConnected = (instance: InstanceId): boolean => this.#byInstance.has(instance);
  #incarnation: number;
  #seq: number;
  /** Whether storage holds a checkpoint that still stands. */
  #checkpointed: boolean;
  /** Whether a checkpoint is to be written before the object may sleep. */
  #dirty: boolean;
  #quietSinceMs: number;
  /** Instances listed in storage whose trunks are not back yet; while there are any, nothing is sequenced (rule 6). */
  readonly #awaited = new Set<InstanceId>();
  #graceEndsMs = 0;
  #inbox: Input[] = [];
  #held: Publish[] = [];
  #heldBytes = 0;
  #out: RouterEffect[] = [];
  readonly #acks = new Map<string, number>();
  /** Ids of trunks whose row is to be written, or deleted when they are gone, with this turn. */
  readonly #changed = new Set<string>();

  /**
   * @param live Ids of trunks whose sockets outlived the sleep.
   * The effects of the start are taken with the first `turn`.
   */
  constructor(options: RouterOptions, stored: StoredRouter, live: ReadonlySet<string>, nowMs: number) {
    this.#options = options;
    const checkpoint = stored.checkpoint;
    this.#checkpointed = checkpoint !== undefined;
    this.#incarnation = checkpoint?.incarnation ?? stored.incarnation + 1;
    this.#seq = checkpoint?.seq ?? 0;
    this.#marks = new PublisherMarks(checkpoint?.marks);
    this.#quietSinceMs = nowMs;
    this.#dirty = !this.#checkpointed;
    if (!this.#checkpointed) this.#persist({ type: "incarnation", incarnation: this.#incarnation });
    this.#restore(stored, live);
    if (this.#awaited.size > 0) this.#graceEndsMs = nowMs + LIMITS.coldGraceMs;
  }

  /** When `tick` is due, ms; undefined when nothing waits. An object with a deadline must stay awake. */
  get deadlineMs(): number | undefined {
    if (this.#awaited.size > 0) return this.#graceEndsMs;
    return this.#dirty ? this.#quietSinceMs + LIMITS.checkpointMs : undefined;
  }

  /** Where the router stands. */
  get position(): Position {
    return { router: this.#options.name, incarnation: this.#incarnation, seq: this.#seq };
  }

  /** Trunks that have said hello. */
  get trunkCount(): number {
    return this.#trunks.size;
  }

  /** Takes the bytes of one frame; they are worked on in the next `turn`. */
  receive(trunk: string, bytes: Uint8Array): void {
    try {
      this.#inbox.push({ type: "frame", trunk, frame: decodeFrame(bytes), bytes: bytes.length });
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#refuse(trunk, error);
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
    if (this.#held.length > 0 && this.#isWarm(nowMs)) this.#sequenceHeld(nowMs);
    this.#flushFanOut();
    for (const [id, seq] of this.#acks) {
      this.#send([id], { type: "published", router: this.#options.name, seq });
    }
    this.#acks.clear();
    this.#persistTrunks();
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** To be called at `deadlineMs`: ends the grace period, or writes the checkpoint of a quiet router. */
  tick(nowMs: number): readonly RouterEffect[] {
    if (this.#awaited.size > 0 && nowMs >= this.#graceEndsMs) this.#endGrace();
    if (this.#dirty && nowMs >= this.#quietSinceMs + LIMITS.checkpointMs) {
      this.#persist({ type: "checkpoint", checkpoint: this.#checkpoint() });
      this.#dirty = false;
      this.#checkpointed = true;
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
        const lastSeq = Math.max(row.lastSeq, lastSeqs.get(row.id) ?? this.#seq);
        const trunk = this.#addTrunk({ ...row, lastSeq });
        this.#fanOut.join(trunk, makeFilter(trunk.prefixes));
      } else {
        if (row.prefixes.length > 0) this.#awaited.add(row.instance);
        this.#changed.add(row.id);
      }
    }
    if (this.#checkpointed) return;
    for (const trunk of live) {
      this.#out.push({ type: "close", trunk, code: SERVICE_RESTART, reason: "restarted" });
    }
  }

  #input(id: string, frame: Frame, bytes: number): void {
    try {
      if (frame.type === "hello") return this.#hello(id, frame);
      const trunk = this.#trunks.get(id);
      if (trunk === undefined)
        throw new FabricError("invalid_message", "the first frame of a trunk must be hello");
      if (frame.type === "publish") return this.#hold({ trunk: id, instance: trunk.instance, frame }, bytes);
      if (frame.type === "subscribe") return this.#subscribe(trunk, frame);
      if (frame.type === "unsubscribe") return this.#unsubscribe(trunk, frame);
      if (frame.type === "ping") return this.#send([id], { type: "pong", id: frame.id });
      throw new FabricError("invalid_message", `a router does not take ${frame.type} frames`);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#refuse(id, error);
    }
  }

  #hold(publish: Publish, bytes: number): void {
    this.#held.push(publish);
    this.#heldBytes += bytes;
  }

  #hello(id: string, frame: FrameOf<"hello">): void {
    if (this.#trunks.has(id)) throw new FabricError("invalid_message", "hello was said before");
    const version = negotiateVersion(frame.versions);
    const table = frame.options["table"];
    if (table !== this.#options.table) {
      throw new FabricError("moved", "the router table of this trunk is not that of the router");
    }
    if (this.#trunks.size >= LIMITS.trunksMax) {
      throw new FabricError(
        "unavailable",
        `the router has ${LIMITS.trunksMax} trunks, more it does not take`,
      );
    }
    const other = this.#byInstance.get(frame.instance);
    if (other !== undefined) {
      const older = other.connection < frame.connection ? other.id : id;
      this.#refuse(older, new FabricError("superseded", "a newer connection of this instance is open"));
      if (older === id) return;
      this.#removeTrunk(other.id);
    }
    const { instance, connection } = frame;
    this.#addTrunk({ id, instance, connection, prefixes: [], lastSeq: this.#seq });
    this.#changed.add(id);
    this.#send([id], { type: "welcome", version, endpoint: this.#options.name, options: {} });
  }

  #addTrunk(row: TrunkRow): Trunk {
    const trunk: Trunk = { ...row, prefixes: new Set(row.prefixes) };
    this.#trunks.set(trunk.id, trunk);
    this.#byInstance.set(trunk.instance, trunk);
    return trunk;
  }

  #removeTrunk(id: string): void {
    const trunk = this.#trunks.get(id);
    if (trunk === undefined) return;
    this.#flushFanOut();
    this.#fanOut.leave(trunk);
    this.#trunks.delete(id);
    this.#byInstance.delete(trunk.instance);
    this.#changed.add(id);
  }

  #subscribe(trunk: Trunk, frame: FrameOf<"subscribe">): void {
    assertSubscriptionBounds(new Set([...trunk.prefixes, ...frame.prefixes]));
    this.#resubscribe(trunk, () => {
      for (const prefix of frame.prefixes) trunk.prefixes.add(prefix);
    });
    this.#awaited.delete(trunk.instance);
    const gaps = frame.positions
      .filter((p) => p.router === this.#options.name)
      .flatMap((p) => this.#gapSince(p));
    this.#send([trunk.id], { type: "subscribed", id: frame.id, positions: [this.position], gaps });
  }

  #unsubscribe(trunk: Trunk, frame: FrameOf<"unsubscribe">): void {
    this.#resubscribe(trunk, () => {
      for (const prefix of frame.prefixes) trunk.prefixes.delete(prefix);
    });
    this.#send([trunk.id], { type: "subscribed", id: frame.id, positions: [this.position], gaps: [] });
  }

  /**
   * Changes the prefixes of a trunk between two deliveries. Both ends then stand at the current sequence number: what
   * was sequenced before is sent, or did not match.
   */
  #resubscribe(trunk: Trunk, change: () => void): void {
    this.#flushFanOut();
    this.#fanOut.leave(trunk);
    change();
    trunk.lastSeq = this.#seq;
    this.#fanOut.join(trunk, makeFilter(trunk.prefixes));
    this.#changed.add(trunk.id);
  }

  /** What a reader missed that stood at `from` before its trunk was cut (rule 4). */
  #gapSince(from: Position): Gap[] {
    if (from.incarnation === this.#incarnation && from.seq >= this.#seq) return [];
    const extent = from.incarnation === this.#incarnation ? "exact" : "unknown";
    return [{ extent, from, to: this.position }];
  }

  #isWarm(nowMs: number): boolean {
    if (this.#awaited.size === 0) return true;
    if (nowMs < this.#graceEndsMs && this.#heldBytes < LIMITS.coldBufferBytesMax) return false;
    this.#endGrace();
    return true;
  }

  #endGrace(): void {
    this.#awaited.clear();
  }

  #sequenceHeld(nowMs: number): void {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const publish of held) this.#sequence(publish);
    this.#quietSinceMs = nowMs;
  }

  #sequence({ trunk, instance, frame }: Publish): void {
    this.#acks.set(trunk, Math.max(frame.seq, this.#acks.get(trunk) ?? 0));
    if (!this.#marks.take(instance, frame.seq, this.#isConnected)) return;
    if (!this.#dirty) this.#becomeDirty();
    this.#seq++;
    const { seq: publisherSeq, segments } = frame;
    const isFull = this.#fanOut.feed({ seq: this.#seq, publisher: instance, publisherSeq, segments });
    if (isFull) this.#flushFanOut();
  }

  #becomeDirty(): void {
    this.#dirty = true;
    if (!this.#checkpointed) return;
    this.#checkpointed = false;
    this.#persist({ type: "checkpointUsed" });
  }

  /** Sends what has gathered. */
  #flushFanOut(): void {
    for (const { trunks, bytes } of this.#fanOut.take(this.#options.name, this.#incarnation)) {
      this.#out.push({ type: "send", trunks, bytes });
    }
  }

  #checkpoint(): Checkpoint {
    assert(
      this.#held.length === 0 && this.#fanOut.isEmpty,
      "a checkpoint is written by a router with nothing at hand",
    );
    const lastSeqs: [string, number][] = [];
    for (const { id, prefixes, lastSeq } of this.#trunks.values()) {
      if (prefixes.size > 0 && lastSeq !== this.#seq) lastSeqs.push([id, lastSeq]);
    }
    return { incarnation: this.#incarnation, seq: this.#seq, marks: this.#marks.entries(), lastSeqs };
  }

  #persistTrunks(): void {
    for (const id of this.#changed) {
      const trunk = this.#trunks.get(id);
      if (trunk === undefined) this.#persist({ type: "trunkGone", id });
      else this.#persist({ type: "trunk", row: { ...trunk, prefixes: [...trunk.prefixes] } });
    }
    this.#changed.clear();
  }

  #persist(change: RouterChange): void {
    this.#out.push({ type: "persist", change });
  }

  #send(trunks: readonly string[], frame: Frame): void {
    this.#out.push({ type: "send", trunks, bytes: encodeFrame(frame) });
  }

  #refuse(id: string, error: FabricError): void {
    this.#send([id], { type: "error", id: undefined, code: error.code, message: error.message });
    this.#out.push({ type: "close", trunk: id, code: error.close, reason: error.code });
  }
}
