/**
 * The Membership object of the simulated world: the engine of src/membership/membership.ts, driven as
 * durable/membership.ts drives it. Rows outlive everything but a new life, attachments and the runtime's answers to
 * heartbeats outlive a sleep.
 */
import { Gather } from "../../../src/base/gather.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { HEARTBEAT } from "../../../src/membership/heartbeat.ts";
import type { LastBeat, Membership } from "../../../src/membership/membership.ts";
import type {
  MembershipCommit,
  MembershipEffect,
  StoredMembership,
  TrunkState,
} from "../../../src/membership/membership-state.ts";
import type { ViewFrame } from "../../../src/protocol/member-frame.ts";
import { Alarm } from "../kit/alarm.ts";
import type { End } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import type { Timer, World } from "../kit/world.ts";

const CRASH = 0.0015;
const STORAGE_ERROR = 0.01;

export type MakeMembership = (
  stored: StoredMembership,
  live: ReadonlyMap<string, TrunkState>,
  lastBeat: LastBeat,
  nowMs: number,
) => Membership;

/** Last words of a session that closes its trunk: a close code is no message, but is as well ordered. */
export interface TrunkClose {
  readonly type: "close";
  readonly code: number;
}

/** Closed without a code. */
const ABNORMAL = 1006;

export class MembershipHost extends Process {
  readonly #make: MakeMembership;
  readonly #committed: (life: string, commit: MembershipCommit) => void;
  readonly #alarm: Alarm;
  #stored: StoredMembership;
  readonly #trunks = new Map<string, End>();
  readonly #attached = new Map<string, TrunkState>();
  readonly #beats = new Map<string, number>();
  #engine!: Membership;
  #gather!: Gather;
  #timer: Timer | undefined;
  #timerMs = Infinity;
  #trunkCount = 0;
  #lives = 1;
  #pendingTasks = 0;
  /** When its memory was lost last, by the world's clock. */
  bootedMs = 0;
  #isBackAtOnce = false;

  constructor(world: World, make: MakeMembership, committed: (life: string, c: MembershipCommit) => void) {
    super(world, "membership");
    this.#make = make;
    this.#committed = committed;
    this.#stored = { life: "life-1", view: 0, members: [] };
    this.#alarm = new Alarm(this, () => this.#turn());
    this.start();
  }

  /** The last view that stands. */
  get view(): ViewFrame {
    return this.#engine.view;
  }

  /** An object sleeps only when nothing waits and no timer is pending. */
  get isIdle(): boolean {
    return this.isUp && this.#pendingTasks === 0 && this.#timerMs === Infinity;
  }

  /** The object is moved: memory and sockets go, and it starts again at once. */
  evict(kind = "eviction, sockets closed"): void {
    this.#isBackAtOnce = true;
    this.crash(kind);
    this.#isBackAtOnce = false;
  }

  /** A deploy; with `isAnother` its storage is a new one. */
  deploy(isAnother: boolean): void {
    if (isAnother) this.#stored = { life: `life-${++this.#lives}`, view: 0, members: [] };
    this.evict(isAnother ? "another life" : "deploy");
  }

  protected override boot(): void {
    this.bootedMs = this.world.nowMs;
    this.#timerMs = Infinity;
    this.#pendingTasks = 0;
    this.#engine = this.#make(
      structuredClone(this.#stored),
      new Map(this.#attached),
      (trunk) => this.#beats.get(trunk),
      this.nowMs,
    );
    this.#gather = new Gather(
      (task) => {
        this.#pendingTasks++;
        this.after(0, () => {
          this.#pendingTasks--;
          task();
        });
      },
      () => this.#turn(),
    );
    this.#armAlarm();
    this.#gather.dueLater();
  }

  protected override crashed(): void {
    for (const kept of [this.#trunks, this.#attached, this.#beats]) kept.clear();
    this.world.after(this.#isBackAtOnce ? 0 : this.random.between(1, 3_000), () => this.start());
  }

  override opened(end: End): void {
    const id = `t${++this.#trunkCount}`;
    end.tag = id;
    this.#trunks.set(id, end);
  }

  override received(end: End, message: unknown): void {
    const id = end.tag as string;
    if (message === HEARTBEAT.ask) {
      // The runtime answers by itself.
      this.#beats.set(id, this.nowMs);
      return end.send(HEARTBEAT.answer);
    }
    if (message instanceof Uint8Array) this.#engine.receive(id, message);
    else this.#gone(id, (message as TrunkClose).code);
    this.#gather.due();
  }

  override closed(end: End): void {
    this.#gone(end.tag as string, ABNORMAL);
  }

  #gone(id: string, code: number): void {
    if (!this.#trunks.delete(id)) return;
    this.#attached.delete(id);
    this.#beats.delete(id);
    this.#engine.closed(id, code);
    this.#gather.due();
  }

  #turn(): void {
    const steps = this.#engine.turn(this.nowMs).flatMap((effect) => this.#steps(effect));
    this.effects(CRASH, steps);
    if (!this.isUp) return;
    this.#armTimer();
    this.#armAlarm();
  }

  #steps(effect: MembershipEffect): (() => void)[] {
    switch (effect.type) {
      case "commit":
        return [() => this.#commit(effect.commit)];
      case "attach":
        return [() => this.#trunks.has(effect.trunk) && this.#attached.set(effect.trunk, effect.state)];
      case "send":
        return effect.trunks.map((id) => () => this.#trunks.get(id)?.send(effect.bytes));
      case "close":
        return [() => this.#close(effect.trunk, effect.code, effect.reason)];
    }
  }

  /** One transaction. When it fails nothing of it stands, and the object starts again from storage (rule 35). */
  #commit(commit: MembershipCommit): void {
    if (this.world.fault("storage error", STORAGE_ERROR, this.name)) {
      return this.evict("restart after a storage error");
    }
    this.note(() => `keeps ${JSON.stringify(commit)}`);
    const members = new Map(this.#stored.members.map((member) => [member.name, member]));
    for (const { name } of commit.down) members.delete(name);
    for (const member of commit.up) members.set(member.name, member);
    this.#stored = { ...this.#stored, view: commit.view, members: [...members.values()] };
    this.#committed(this.#stored.life, commit);
  }

  #close(id: string, code: number, reason: string): void {
    this.note(() => `closes ${id}: ${reason}`);
    this.#trunks.get(id)?.close();
    this.after(this.random.between(0, 40), () => this.#gone(id, code));
  }

  #armTimer(): void {
    const deadlineMs = this.#engine.deadlineMs ?? Infinity;
    if (deadlineMs === Infinity || this.#timerMs <= deadlineMs) return;
    this.#timer?.cancel();
    this.#timerMs = deadlineMs;
    this.#timer = this.timer(deadlineMs, () => {
      this.#timerMs = Infinity;
      this.#turn();
    });
  }

  #armAlarm(): void {
    const hasNodes = this.#engine.members.length > 0;
    this.#alarm.set(hasNodes ? this.nowMs + LIMITS.memberCheckMs : undefined);
  }
}
