/** The engine of Membership with trunks in memory: time passes as a test says, and a crash keeps what was committed. */
import { LIMITS } from "../../src/base/limits.ts";
import { Membership } from "../../src/membership/membership.ts";
import type {
  Liveness,
  MembershipCommit,
  MembershipEffect,
  TrunkState,
} from "../../src/membership/membership-state.ts";
import { decodeFrame, encodeFrame } from "../../src/protocol/frame-codec.ts";
import type { Frame, FrameOf, FrameType } from "../../src/protocol/frame.ts";
import type { Member } from "../../src/protocol/member-frame.ts";
import { greeting, join, WATCH } from "./membership-trunk.ts";

export class MembershipRig {
  nowMs = 1_000_000;
  membership: Membership;
  readonly commits: MembershipCommit[] = [];
  readonly closes: { trunk: string; code: number; reason: string }[] = [];
  /** Sends, one a frame and trunk. */
  sends = 0;
  #stored = { life: "life", view: 0, members: new Map<string, Member>() };
  readonly #sockets = new Map<string, TrunkState | undefined>();
  readonly #beats = new Map<string, number>();
  readonly #inboxes = new Map<string, Frame[]>();

  constructor() {
    this.membership = this.#start();
  }

  /** Frames of a trunk, worked on in one turn. */
  receive(trunk: string, ...frames: Frame[]): this {
    if (!this.#sockets.has(trunk)) this.#sockets.set(trunk, undefined);
    for (const frame of frames) this.membership.receive(trunk, encodeFrame(frame));
    return this.turn();
  }

  /** Says hello and joins; what is answered is dropped. */
  join(trunk: string, n: number, member: Member, liveness: Liveness = "heartbeat", connection = 1): this {
    this.receive(trunk, greeting(n, connection), join(member, liveness));
    this.take(trunk);
    return this;
  }

  watch(trunk: string, n: number): this {
    return this.receive(trunk, greeting(n), WATCH);
  }

  /** Heartbeats, answered by the runtime. */
  beat(...trunks: string[]): this {
    for (const trunk of trunks) this.#beats.set(trunk, this.nowMs);
    return this;
  }

  close(trunk: string, code = 1000): this {
    this.#sockets.delete(trunk);
    this.membership.closed(trunk, code);
    return this.turn();
  }

  /** Lets time pass, taking turns at each deadline on the way; these trunks beat meanwhile. */
  pass(ms: number, ...beating: string[]): this {
    const endMs = this.nowMs + ms;
    let beatMs = this.nowMs + LIMITS.heartbeatMs;
    for (;;) {
      const dueMs = Math.max(this.nowMs, this.membership.deadlineMs ?? Infinity);
      const nextMs = Math.min(dueMs, beatMs);
      if (nextMs > endMs) break;
      this.nowMs = nextMs;
      if (nextMs === beatMs) {
        this.beat(...beating);
        beatMs += LIMITS.heartbeatMs;
      }
      if (nextMs === dueMs) this.turn();
    }
    this.nowMs = endMs;
    return this;
  }

  turn(): this {
    for (const effect of this.membership.turn(this.nowMs)) this.#do(effect);
    return this;
  }

  /** The object sleeps and wakes: its sockets stay. */
  sleep(): this {
    this.membership = this.#start();
    return this.turn();
  }

  /** The object dies with its sockets. */
  crash(): this {
    this.#sockets.clear();
    this.#beats.clear();
    return this.sleep();
  }

  take(trunk: string): Frame[] {
    const frames = this.#inboxes.get(trunk) ?? [];
    this.#inboxes.delete(trunk);
    return frames;
  }

  takeOf<T extends FrameType>(trunk: string, type: T): FrameOf<T>[] {
    return this.take(trunk).filter((frame): frame is FrameOf<T> => frame.type === type);
  }

  /** Names and lives that are up now. */
  get up(): string[] {
    return this.membership.members.map(({ nodeId }) => nodeId).toSorted();
  }

  /** What the views since the last call told, in order: "+life" and "-life". */
  told(): string[] {
    return this.commits
      .splice(0)
      .flatMap(({ down, up }) => [...down.map((d) => `-${d.nodeId}`), ...up.map((u) => `+${u.nodeId}`)]);
  }

  #start(): Membership {
    const live = new Map([...this.#sockets].flatMap(([id, state]) => (state ? [[id, state] as const] : [])));
    const { life, view, members } = this.#stored;
    const stored = { life, view, members: [...members.values()] };
    return new Membership(stored, live, (trunk) => this.#beats.get(trunk), this.nowMs);
  }

  #do(effect: MembershipEffect): void {
    switch (effect.type) {
      case "commit":
        this.commits.push(effect.commit);
        this.#stored.view = effect.commit.view;
        for (const { name } of effect.commit.down) this.#stored.members.delete(name);
        for (const member of effect.commit.up) this.#stored.members.set(member.name, member);
        return;
      case "attach":
        if (this.#sockets.has(effect.trunk)) this.#sockets.set(effect.trunk, structuredClone(effect.state));
        return;
      case "send":
        this.sends += effect.trunks.length;
        for (const trunk of effect.trunks) {
          const inbox = this.#inboxes.get(trunk);
          const frame = decodeFrame(effect.bytes);
          if (inbox === undefined) this.#inboxes.set(trunk, [frame]);
          else inbox.push(frame);
        }
        return;
      case "close":
        this.closes.push(effect);
        this.close(effect.trunk, effect.code);
    }
  }
}
