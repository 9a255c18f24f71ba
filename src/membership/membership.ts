/**
 * The engine of Membership: which nodes are there, and numbered views of them for all who watch. A name has one entry,
 * that of its newest life. Sans-I/O: inputs are gathered by `receive` and `closed`, `turn` answers with effects.
 * PROTOCOL.md, "Membership"; rules 32 and 33.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeFrame, encodeFrame } from "../protocol/frame-codec.ts";
import type { Frame, FrameOf, InstanceId } from "../protocol/frame.ts";
import { negotiateVersion } from "../protocol/handshake.ts";
import type { Departure, JoinFrame, Member, ViewFrame } from "../protocol/member-frame.ts";
import { joinedOf } from "./join.ts";
import type {
  Duplicate,
  Joined,
  Liveness,
  MembershipEffect,
  StoredMembership,
  TrunkState,
} from "./membership-state.ts";

/** A session closes with it when its peer is gone; any other end is the trunk's own. */
const NORMAL_CLOSURE = 1000;
/** RFC 6455: going away. */
const GOING_AWAY = 1001;

type Input =
  | { readonly type: "frame"; readonly trunk: string; readonly frame: Frame }
  | { readonly type: "closed"; readonly trunk: string; readonly code: number };

interface Trunk extends TrunkState {
  readonly id: string;
}

interface Entry {
  readonly member: Member;
  readonly liveness: Liveness;
  /** When this life joined first, ms; 0 for a life that has not been heard of since a restart. */
  readonly since: number;
  /** The trunk that speaks for it; undefined while it may still come back. */
  trunk: string | undefined;
  /** Without a trunk: when it is given up. With one: the last sign of life that was looked at. */
  atMs: number;
}

/** When a trunk was last heard of beside its frames: the runtime answers heartbeats without the object. */
export type LastBeat = (trunk: string) => number | undefined;

export class Membership {
  readonly #life: string;
  readonly #lastBeat: LastBeat;
  readonly #trunks = new Map<string, Trunk>();
  readonly #byInstance = new Map<InstanceId, Trunk>();
  readonly #entries = new Map<string, Entry>();
  /** The last view, by name. */
  readonly #viewed: Map<string, Member>;
  #view: number;
  /** Names whose entry may differ from the last view. */
  readonly #changed = new Set<string>();
  #duplicates: Duplicate[] = [];
  #viewDueMs = 0;
  #sweepDueMs = 0;
  /** When a life joined last, ms: rises. */
  #lastSince = 0;
  #inbox: Input[] = [];
  #effects: MembershipEffect[] = [];

  /** @param live Trunks whose sockets outlived a sleep; after a crash there are none. */
  constructor(
    stored: StoredMembership,
    live: ReadonlyMap<string, TrunkState>,
    lastBeat: LastBeat,
    nowMs: number,
  ) {
    this.#life = stored.life;
    this.#view = stored.view;
    this.#lastBeat = lastBeat;
    this.#viewed = new Map(stored.members.map((member) => [member.name, member]));
    for (const [id, state] of live) this.#restore({ ...state, id }, nowMs);
    const atMs = nowMs + LIMITS.memberGraceMs;
    for (const member of stored.members) {
      if (this.#entries.has(member.name)) continue;
      this.#entries.set(member.name, { member, liveness: "heartbeat", since: 0, trunk: undefined, atMs });
    }
  }

  /** The nodes that are there. */
  get members(): readonly Member[] {
    return [...this.#entries.values()].map(({ member }) => member);
  }

  /** The last view, all of it. */
  get view(): ViewFrame {
    const id = { life: this.#life, number: this.#view };
    return { type: "view", id, base: undefined, up: [...this.#viewed.values()], down: [] };
  }

  /** Number of the last view, who watches, and trunks that have said hello. */
  get stat(): { readonly view: number; readonly watchers: number; readonly trunks: number } {
    const watchers = [...this.#trunks.values()].filter((trunk) => trunk.isWatching).length;
    return { view: this.#view, watchers, trunks: this.#trunks.size };
  }

  /** When `turn` is due without input, ms; undefined when nothing waits. */
  get deadlineMs(): number | undefined {
    const due = Math.min(
      this.#changed.size > 0 ? this.#viewDueMs : Infinity,
      this.#entries.size > 0 ? this.#sweepDueMs : Infinity,
    );
    return due === Infinity ? undefined : due;
  }

  /** Takes the bytes of one frame; they are worked on in the next `turn`. */
  receive(trunk: string, bytes: Uint8Array): void {
    try {
      this.#inbox.push({ type: "frame", trunk, frame: decodeFrame(bytes) });
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#refuse(trunk, error);
    }
  }

  /** A trunk's socket is gone. */
  closed(trunk: string, code: number): void {
    this.#inbox.push({ type: "closed", trunk, code });
  }

  /** Works on everything received, in order, and on what is due; answers with all effects since the last turn. */
  turn(nowMs: number): readonly MembershipEffect[] {
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const input of inbox) {
      if (input.type === "closed") this.#closed(input.trunk, input.code, nowMs);
      else this.#input(input.trunk, input.frame, nowMs);
    }
    if (nowMs >= this.#sweepDueMs) this.#sweep(nowMs);
    if (this.#changed.size > 0 && nowMs >= this.#viewDueMs) this.#tellView(nowMs);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #restore(trunk: Trunk, nowMs: number): void {
    this.#trunks.set(trunk.id, trunk);
    this.#byInstance.set(trunk.instance, trunk);
    const { joined } = trunk;
    if (joined === undefined) return;
    const entry = this.#entries.get(joined.name);
    const other = this.#trunks.get(entry?.trunk ?? "");
    const isLater =
      entry?.member.nodeId === joined.nodeId
        ? (other?.connection ?? 0) < trunk.connection
        : (entry?.since ?? -1) < (joined.since ?? 0);
    if (isLater) this.#enter(joined, trunk.id, nowMs);
  }

  #input(id: string, frame: Frame, nowMs: number): void {
    try {
      if (frame.type === "hello") return this.#hello(id, frame, nowMs);
      const trunk = this.#trunks.get(id);
      if (trunk === undefined)
        throw new FabricError("invalid_message", "the first frame of a trunk must be hello");
      if (frame.type === "join") return this.#join(trunk, frame, nowMs);
      if (frame.type === "watch") return this.#watch(trunk, frame);
      if (frame.type === "ping") return this.#send([id], { type: "pong", id: frame.id });
      throw new FabricError("invalid_message", `membership does not take ${frame.type} frames`);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#refuse(id, error);
    }
  }

  #hello(id: string, frame: FrameOf<"hello">, nowMs: number): void {
    if (this.#trunks.has(id)) throw new FabricError("invalid_message", "hello was said before");
    const version = negotiateVersion(frame.versions);
    if (this.#trunks.size >= LIMITS.trunksMax) {
      throw new FabricError(
        "unavailable",
        `membership has ${LIMITS.trunksMax} trunks, more it does not take`,
      );
    }
    const { instance, connection } = frame;
    const other = this.#byInstance.get(instance);
    if (other !== undefined) {
      const isNewer = other.connection < connection;
      this.#refuse(
        isNewer ? other.id : id,
        new FabricError("superseded", "a newer connection of this instance is open"),
      );
      if (!isNewer) return;
      this.#forget(other, false, nowMs);
    }
    const trunk: Trunk = { id, instance, connection, isWatching: false, joined: undefined };
    this.#byInstance.set(instance, trunk);
    this.#attach(trunk);
    this.#send([id], { type: "welcome", version, endpoint: this.#life, options: {} });
  }

  #join(trunk: Trunk, frame: JoinFrame, nowMs: number): void {
    const joined = joinedOf(frame, Math.max(nowMs, this.#lastSince + 1));
    const { joined: before } = trunk;
    if (before !== undefined && (before.name !== joined.name || before.nodeId !== joined.nodeId)) {
      throw new FabricError("invalid_message", "a trunk speaks for one node");
    }
    const entry = this.#entries.get(joined.name);
    if (entry === undefined && this.#entries.size >= LIMITS.nodesMax) {
      const { code, message } = new FabricError("too_many", `there are ${LIMITS.nodesMax} nodes`);
      return this.#send([trunk.id], { type: "error", id: frame.id, code, message });
    }
    if (entry !== undefined && entry.member.nodeId !== joined.nodeId) {
      if (entry.since > joined.since!) return this.#sendDuplicate(trunk.id, frame.id, joined.name);
      this.#replaced(entry, joined);
    }
    this.#enter(joined, trunk.id, nowMs);
    this.#attach({ ...trunk, joined });
    const options = { since: joined.since };
    this.#send([trunk.id], { type: "joined", id: frame.id, nodeId: joined.nodeId, options });
  }

  /** Zeek goes on with the newer life and reports the older one: a restart that is not noticed yet looks the same. */
  #replaced({ member, trunk: old }: Entry, { nodeId }: Joined): void {
    const trunk = old === undefined ? undefined : this.#trunks.get(old);
    if (trunk?.joined === undefined) return;
    this.#duplicates.push({ name: member.name, nodeId: member.nodeId, by: nodeId });
    const { joinId } = trunk.joined;
    this.#attach({ ...trunk, joined: undefined });
    this.#sendDuplicate(trunk.id, joinId, member.name);
  }

  #sendDuplicate(trunk: string, id: number, name: string): void {
    const message = `another process has joined as ${name}`;
    this.#send([trunk], { type: "error", id, code: "duplicate_node", message });
  }

  #enter({ name, nodeType, nodeId, liveness, since = 0 }: Joined, trunk: string, nowMs: number): void {
    const member = { name, nodeType, nodeId };
    this.#lastSince = Math.max(this.#lastSince, since);
    this.#entries.set(name, { member, liveness, since, trunk, atMs: nowMs });
    this.#changed.add(name);
    if (liveness === "heartbeat") {
      this.#sweepDueMs = Math.min(this.#sweepDueMs, nowMs + LIMITS.nodeSilenceMs);
    }
  }

  #watch(trunk: Trunk, { known }: FrameOf<"watch">): void {
    this.#attach({ ...trunk, isWatching: true });
    const isCurrent = known?.life === this.#life && known.number === this.#view;
    const id = { life: this.#life, number: this.#view };
    const view = isCurrent
      ? { base: this.#view, up: [], down: [] }
      : { base: undefined, up: [...this.#viewed.values()], down: [] };
    this.#send([trunk.id], { type: "view", id, ...view });
  }

  #closed(id: string, code: number, nowMs: number): void {
    const trunk = this.#trunks.get(id);
    if (trunk !== undefined) this.#forget(trunk, code === NORMAL_CLOSURE, nowMs);
  }

  /**
   * @param isOver The session says that its peer is gone. A trunk that ends otherwise may come back while the peer
   * lives on, so its node has as long as one that is silent.
   */
  #forget({ id, instance, joined }: Trunk, isOver: boolean, nowMs: number): void {
    this.#trunks.delete(id);
    if (this.#byInstance.get(instance)?.id === id) this.#byInstance.delete(instance);
    const entry = joined === undefined ? undefined : this.#entries.get(joined.name);
    if (entry?.trunk !== id) return;
    if (isOver) return this.#leave(entry);
    entry.trunk = undefined;
    entry.atMs = nowMs + LIMITS.nodeSilenceMs;
    this.#sweepDueMs = Math.min(this.#sweepDueMs, entry.atMs);
  }

  #leave({ member }: Entry): void {
    this.#entries.delete(member.name);
    this.#changed.add(member.name);
  }

  /** Ends entries whose time is over, and looks again when the next one can be. */
  #sweep(nowMs: number): void {
    this.#sweepDueMs = Infinity;
    for (const entry of this.#entries.values()) {
      const endMs = this.#endMs(entry);
      if (endMs > nowMs) this.#sweepDueMs = Math.min(this.#sweepDueMs, endMs);
      else this.#silent(entry);
    }
  }

  #endMs(entry: Entry): number {
    if (entry.trunk === undefined) return entry.atMs;
    if (entry.liveness === "close") return Infinity;
    entry.atMs = Math.max(entry.atMs, this.#lastBeat(entry.trunk) ?? 0);
    return entry.atMs + LIMITS.nodeSilenceMs;
  }

  /** The trunk closes too: a peer that is heard again joins with another one. */
  #silent(entry: Entry): void {
    this.#leave(entry);
    const trunk = entry.trunk === undefined ? undefined : this.#trunks.get(entry.trunk);
    if (trunk === undefined) return;
    this.#trunks.delete(trunk.id);
    this.#byInstance.delete(trunk.instance);
    this.#effects.push({ type: "close", trunk: trunk.id, code: GOING_AWAY, reason: "silent" });
  }

  /** Commits and sends the next view, unless all that happened has cancelled out. */
  #tellView(nowMs: number): void {
    const up: Member[] = [];
    const down: Departure[] = [];
    for (const name of this.#changed) {
      const before = this.#viewed.get(name);
      const now = this.#entries.get(name)?.member;
      if (before?.nodeId === now?.nodeId && before?.nodeType === now?.nodeType) continue;
      if (before !== undefined) down.push({ name, nodeId: before.nodeId });
      if (now === undefined) this.#viewed.delete(name);
      else {
        up.push(now);
        this.#viewed.set(name, now);
      }
    }
    this.#changed.clear();
    if (up.length + down.length + this.#duplicates.length === 0) return;
    const base = this.#view++;
    const duplicates = this.#duplicates;
    this.#duplicates = [];
    this.#viewDueMs = nowMs + LIMITS.viewMs;
    const commit = { view: this.#view, down, up, duplicates };
    this.#effects.unshift({ type: "commit", commit });
    const watchers = [...this.#trunks.values()].filter((trunk) => trunk.isWatching).map(({ id }) => id);
    if (watchers.length === 0) return;
    this.#send(watchers, { type: "view", id: { life: this.#life, number: this.#view }, base, up, down });
  }

  #attach(trunk: Trunk): void {
    const { id, ...state } = trunk;
    this.#trunks.set(id, trunk);
    this.#byInstance.set(trunk.instance, trunk);
    this.#effects.push({ type: "attach", trunk: id, state });
  }

  #send(trunks: readonly string[], frame: Frame): void {
    this.#effects.push({ type: "send", trunks, bytes: encodeFrame(frame) });
  }

  #refuse(trunk: string, { code, message, close }: FabricError): void {
    this.#send([trunk], { type: "error", id: undefined, code, message });
    this.#effects.push({ type: "close", trunk, code: close, reason: code });
  }
}
