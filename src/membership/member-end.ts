/**
 * The session's end of its trunk to Membership: says which node its peer is, passes on the peer's signs of life, and
 * keeps the isolate's copy of the view up to date. Sans-I/O. PROTOCOL.md, "Membership"; rules 32 and 33.
 *
 * A node lives as long as its peer is heard: any frame of the peer counts, and the peer says something at least every
 * `LIMITS.heartbeatMs`. So an idle node is up, and one that hangs is not, whatever the sockets in between believe.
 */
import { FabricError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { decodeFrame, encodeFrame } from "../protocol/frame-codec.ts";
import type { Frame, FrameOf, InstanceId } from "../protocol/frame.ts";
import { PROTOCOL_VERSIONS } from "../protocol/handshake.ts";
import type { JoinFrame, Member, ViewFrame, ViewId } from "../protocol/member-frame.ts";
import { joinFrame, sinceOf } from "./join.ts";
import type { Liveness } from "./membership-state.ts";
import type { ViewCopy } from "./view-copy.ts";

export type MemberEffect =
  | { readonly type: "open" }
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** Send the heartbeat: a text that the runtime at the other end answers by itself. */
  | { readonly type: "beat" }
  /** Close the trunk. With `isOver` its node is gone: the close says so. */
  | { readonly type: "close"; readonly isOver: boolean }
  /** Tell the peer. */
  | { readonly type: "reply"; readonly frame: Frame };

export interface MemberEndOptions {
  readonly instance: InstanceId;
  /** Number of the peer's connection; each trunk connection of the session raises it further. */
  readonly connection: number;
  /** Of this life of the peer. */
  readonly nodeId: string;
  readonly liveness: Liveness;
  /** Throws FabricError when the peer may not be this node. */
  readonly admit: (name: string, nodeType: string) => void;
  /** The isolate's copy: all its sessions may share one. */
  readonly views: ViewCopy;
}

/** Trunk connections of one client connection are numbered below this. */
const TRUNK_CONNECTIONS = 2 ** 20;

interface OwnJoin {
  /** The peer's id of it. */
  id: number;
  /** Ours: a peer may ask twice under one id, and each is answered. */
  readonly trunkId: number;
  readonly member: Member;
  isConfirmed: boolean;
  /** What the first join was answered with. */
  since: number | undefined;
}

export class MemberEnd {
  readonly #options: MemberEndOptions;
  #state: "closed" | "opening" | "open" | "over" = "closed";
  #attempt = 0;
  #retryMs = 0;
  #retryAtMs = Infinity;
  #join: OwnJoin | undefined;
  #joins = 0;
  /** Whether this trunk speaks for the node: the join is said on it. */
  #isSaid = false;
  /** Whether the peer was heard since the last trunk was lost. */
  #isHeardSince = false;
  #isWatching = false;
  /** Whether the view has come on this trunk since it was asked for. */
  #isCurrent = false;
  /** What a peer that watches has been told last; `asked` until its first answer. */
  #peer: { readonly at: ViewId | undefined; readonly asked: boolean } | undefined;
  #heardMs = -Infinity;
  #beatMs = -Infinity;
  /** When the first beat was sent that has no answer yet. */
  #unansweredMs = Infinity;
  #effects: MemberEffect[] = [];

  constructor(options: MemberEndOptions) {
    this.#options = options;
  }

  /** Takes the effects gathered since the last call. */
  drain(): readonly MemberEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When `tick` is due, ms; undefined when nothing waits. */
  get deadlineMs(): number | undefined {
    return this.#retryAtMs === Infinity ? undefined : this.#retryAtMs;
  }

  /** The node that the peer is, if it has joined. */
  get member(): Member | undefined {
    return this.#join?.member;
  }

  /** The peer wants to be a node. Answered by `joined` or an error with its id. */
  join({ id, name, nodeType }: JoinFrame, nowMs: number): void {
    if (this.#state === "over") return;
    try {
      this.#options.admit(name, nodeType);
      const other = this.#join?.member;
      if (other !== undefined && (other.name !== name || other.nodeType !== nodeType)) {
        throw new FabricError("invalid_data", `this connection speaks for ${other.name}`);
      }
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      return this.#reply({ type: "error", id, code: error.code, message: error.message });
    }
    const { nodeId } = this.#options;
    if (this.#join?.isConfirmed === true) {
      this.#join.id = id;
      return this.#replyJoined(this.#join);
    }
    const member = { name, nodeType, nodeId };
    this.#join = { id, trunkId: ++this.#joins, member, isConfirmed: false, since: undefined };
    this.#heardMs = nowMs;
    if (this.#state === "open") this.#sayJoin(this.#join);
    else this.#open();
  }

  /** The session needs the view for itself, to choose nodes of pools. */
  needView(): void {
    if (this.#isWatching || this.#state === "over") return;
    this.#isWatching = true;
    this.#say(this.#watchBytes());
  }

  /** The peer wants the view, and all changes of it. */
  watch({ known }: FrameOf<"watch">): void {
    this.#peer = { at: known, asked: true };
    this.needView();
    if (this.#isCurrent) this.#answerPeer();
  }

  /** Anything came from the peer. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#isHeardSince = true;
    if (this.#join === undefined) return;
    if (this.#state === "closed" && this.#retryAtMs === Infinity) return this.#open();
    if (this.#state !== "open" || this.#options.liveness !== "heartbeat") return;
    if (!this.#isSaid) this.#sayJoin(this.#join);
    if (nowMs - this.#beatMs < LIMITS.heartbeatMs / 2) return;
    if (nowMs - this.#unansweredMs >= LIMITS.nodeSilenceMs) return this.#giveUp(nowMs);
    this.#beat(nowMs);
  }

  /** The answer to a heartbeat came. */
  beatAnswered(): void {
    this.#unansweredMs = Infinity;
  }

  /** The trunk is connected. */
  opened(nowMs: number): void {
    if (this.#state === "over") return this.#close(true);
    this.#state = "open";
    this.#isSaid = false;
    const { instance, connection, liveness } = this.#options;
    this.#send({
      type: "hello",
      versions: PROTOCOL_VERSIONS,
      instance,
      connection: connection * TRUNK_CONNECTIONS + ++this.#attempt,
      options: {},
    });
    if (this.#join !== undefined && this.#speaksAtOnce(this.#join, nowMs)) {
      this.#sayJoin(this.#join);
      if (liveness === "heartbeat") this.#beat(nowMs);
    }
    if (this.#isWatching) this.#effects.push(sendOf(this.#watchBytes()));
  }

  /** A frame of Membership. Anything that it does not send gives the trunk up. */
  received(bytes: Uint8Array, nowMs: number): void {
    if (this.#state !== "open") return;
    try {
      this.#frame(decodeFrame(bytes));
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      this.#giveUp(nowMs);
    }
  }

  /** The trunk is gone, or could not be opened. */
  lost(nowMs: number): void {
    if (this.#state === "over" || this.#state === "closed") return;
    this.#state = "closed";
    this.#isHeardSince = false;
    this.#isCurrent = false;
    this.#unansweredMs = Infinity;
    this.#retryMs = Math.min(LIMITS.trunkRetryMaxMs, Math.max(LIMITS.trunkRetryMs, this.#retryMs * 2));
    if (this.#isNeeded(nowMs)) this.#retryAtMs = nowMs + this.#retryMs;
  }

  /** To be called at `deadlineMs`. */
  tick(nowMs: number): void {
    if (nowMs < this.#retryAtMs) return;
    this.#retryAtMs = Infinity;
    if (this.#isNeeded(nowMs)) this.#open();
  }

  /** The peer is gone, and with it the node. */
  peerGone(): void {
    if (this.#state === "over") return;
    const hasTrunk = this.#state !== "closed";
    this.#state = "over";
    this.#retryAtMs = Infinity;
    this.#join = undefined;
    if (hasTrunk) this.#close(true);
  }

  #isNeeded(nowMs: number): boolean {
    return this.#isWatching || (this.#join !== undefined && this.#isHeard(nowMs));
  }

  /** A join is a sign of life: a peer that hangs must not come back by another trunk of its session, so it is awaited. */
  #speaksAtOnce({ isConfirmed }: OwnJoin, nowMs: number): boolean {
    if (this.#options.liveness === "close") return true;
    return this.#isHeard(nowMs) && (!isConfirmed || this.#isHeardSince);
  }

  #isHeard(nowMs: number): boolean {
    return this.#options.liveness === "close" || nowMs - this.#heardMs < LIMITS.nodeSilenceMs;
  }

  #frame(frame: Frame): void {
    switch (frame.type) {
      case "welcome":
        this.#retryMs = 0;
        return;
      case "joined":
        return this.#confirmed(frame);
      case "view":
        return this.#view(frame);
      case "error":
        return this.#refused(frame);
      case "pong":
        return;
      default:
        throw new FabricError("invalid_message", `membership does not send ${frame.type} frames`);
    }
  }

  #confirmed({ id, options }: FrameOf<"joined">): void {
    if (this.#join?.trunkId !== id || this.#join.isConfirmed) return;
    this.#join.since = sinceOf(options);
    this.#join.isConfirmed = true;
    this.#replyJoined(this.#join);
  }

  #replyJoined({ id, member: { nodeId } }: OwnJoin): void {
    this.#reply({ type: "joined", id, nodeId, options: { heartbeatMs: LIMITS.heartbeatMs } });
  }

  #refused(frame: FrameOf<"error">): void {
    if (frame.id !== undefined) {
      if (this.#join?.trunkId !== frame.id) return;
      const { id } = this.#join;
      this.#join = undefined;
      return this.#reply({ ...frame, id });
    }
    // A newer connection of the peer speaks for its node; every other reason may pass.
    if (frame.code === "superseded") this.peerGone();
  }

  #view(frame: ViewFrame): void {
    const { views } = this.#options;
    if (views.take(frame) === "gap") return this.#say(this.#watchBytes());
    this.#isCurrent = true;
    if (this.#peer === undefined) return;
    if (this.#peer.asked) return this.#answerPeer();
    const { at } = this.#peer;
    const isSameLife = at?.life === frame.id.life;
    if (isSameLife && frame.id.number <= at.number) return;
    if (isSameLife && frame.base === at.number) return this.#tellPeer(frame);
    this.#tellPeer(views.snapshot() ?? frame);
  }

  #answerPeer(): void {
    const view = this.#options.views.snapshot();
    if (view === undefined) return;
    const at = this.#peer?.at;
    const isKnown = at?.life === view.id.life && at.number === view.id.number;
    this.#tellPeer(isKnown ? { ...view, base: at.number, up: [] } : view);
  }

  #tellPeer(frame: ViewFrame): void {
    this.#peer = { at: frame.id, asked: false };
    this.#reply(frame);
  }

  #sayJoin({ trunkId, member, since }: OwnJoin): void {
    this.#isSaid = true;
    this.#send(joinFrame(trunkId, member, this.#options.liveness, since));
  }

  #watchBytes(): Uint8Array {
    return encodeFrame({ type: "watch", known: this.#options.views.id });
  }

  /** Sends on a trunk that is open; one that is not says it all when it opens. */
  #say(bytes: Uint8Array): void {
    if (this.#state === "open") this.#effects.push(sendOf(bytes));
    else this.#open();
  }

  #send(frame: Frame): void {
    this.#effects.push(sendOf(encodeFrame(frame)));
  }

  #beat(nowMs: number): void {
    this.#beatMs = nowMs;
    this.#unansweredMs = Math.min(this.#unansweredMs, nowMs);
    this.#effects.push({ type: "beat" });
  }

  #open(): void {
    if (this.#state !== "closed" || this.#retryAtMs !== Infinity) return;
    this.#state = "opening";
    this.#effects.push({ type: "open" });
  }

  #giveUp(nowMs: number): void {
    this.#close(false);
    this.lost(nowMs);
  }

  #close(isOver: boolean): void {
    this.#effects.push({ type: "close", isOver });
  }

  #reply(frame: Frame): void {
    this.#effects.push({ type: "reply", frame });
  }
}

function sendOf(bytes: Uint8Array): MemberEffect {
  return { type: "send", bytes };
}
