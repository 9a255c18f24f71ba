/**
 * A TopicRouter of the simulated world: the engine of src/routing/router.ts, driven as durable/topic-router.ts drives
 * it. The transaction of a turn is one effect, each send to each trunk another. A witness subscribed to everything sees
 * what is sequenced at the moment from which it stands.
 */
import { Gather } from "../../../src/base/gather.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { decodeFrame, encodeFrame } from "../../../src/protocol/frame-codec.ts";
import type { Position } from "../../../src/protocol/frame.ts";
import type { RouterEffect, StoredRouter } from "../../../src/routing/router-state.ts";
import { Router, type RouterOptions } from "../../../src/routing/router.ts";
import { hello, subscribe } from "../../support/router-rig.ts";
import { RouterStore } from "../../support/router-store.ts";
import type { End } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import type { World } from "../kit/world.ts";
import type { Ledger } from "./ledger.ts";

const CRASH = 0.0015;
const WITNESS = 0xffffff;

export type MakeRouter = (
  options: RouterOptions,
  stored: StoredRouter,
  live: ReadonlySet<string>,
  nowMs: number,
) => Router;

export class RouterHost extends Process {
  readonly #store = new RouterStore();
  readonly #table: string;
  readonly #make: MakeRouter;
  readonly #ledger: Ledger;
  readonly #trunks = new Map<string, End>();
  #router!: Router;
  #gather!: Gather;
  #pendingTasks = 0;
  #timerDue = false;
  #trunkCount = 0;
  #witness: string | undefined;
  #witnessCount = 0;

  constructor(world: World, name: string, table: string, ledger: Ledger, make: MakeRouter) {
    super(world, name);
    this.#table = table;
    this.#ledger = ledger;
    this.#make = make;
    this.start();
  }

  /** An object sleeps only when nothing waits and no timer is pending. */
  get isIdle(): boolean {
    return this.isUp && this.#pendingTasks === 0 && !this.#timerDue;
  }

  /**
   * Memory goes and sockets stay although the router has work. The platform does not do so (a pending timer keeps an
   * object awake); a router whose checkpoint is used must bear it all the same.
   */
  loseMemory(): void {
    if (!this.isUp || this.#store.checkpoint !== undefined) return;
    this.world.count("memory lost, sockets kept", this.name);
    this.sleep();
  }

  protected override boot(): void {
    const { nowMs } = this.world;
    const live = new Set(this.#trunks.keys());
    if (this.#witness !== undefined) live.add(this.#witness);
    const options = { name: this.name, table: this.#table };
    this.#router = this.#make(options, this.#store.read(), live, nowMs);
    this.#timerDue = false;
    this.#pendingTasks = 0;
    this.#gather = new Gather(
      (task) => {
        this.#pendingTasks++;
        this.after(0, () => {
          this.#pendingTasks--;
          task();
        });
      },
      () => this.#run((now) => this.#router.turn(now)),
    );
    if (this.#witness === undefined) this.#joinWitness();
    this.#gather.dueLater();
  }

  protected override crashed(): void {
    this.#trunks.clear();
    this.#witness = undefined;
    this.world.after(this.world.random.between(1, 3_000), () => this.start());
  }

  override opened(end: End): void {
    const id = `${this.name}-${++this.#trunkCount}`;
    end.tag = id;
    this.#trunks.set(id, end);
  }

  override received(end: End, message: unknown): void {
    this.#router.receive(end.tag as string, message as Uint8Array);
    this.#gather.due();
  }

  override closed(end: End): void {
    this.#gone(end.tag as string);
  }

  #gone(id: string): void {
    this.#trunks.delete(id);
    this.#router.closed(id);
    this.#gather.due();
  }

  #joinWitness(): void {
    this.#witness = `witness-${++this.#witnessCount}`;
    this.#router.receive(this.#witness, encodeFrame(hello(WITNESS, this.#witnessCount, this.#table)));
    this.#router.receive(this.#witness, encodeFrame(subscribe([""])));
  }

  #run(step: (nowMs: number) => readonly RouterEffect[]): void {
    const effects = step(this.world.nowMs);
    const steps = [() => this.#commit(effects)];
    for (const effect of effects) {
      if (effect.type === "send") {
        for (const id of effect.trunks) steps.push(() => this.#trunks.get(id)?.send(effect.bytes));
      } else if (effect.type === "close") steps.push(() => this.#close(effect.trunk, effect.reason));
    }
    this.effects(CRASH, steps);
    if (this.isUp) this.#arm();
  }

  #commit(effects: readonly RouterEffect[]): void {
    for (const effect of effects) {
      if (effect.type === "persist") {
        this.note(() => `keeps ${JSON.stringify(effect.change)}`);
        this.#store.apply(structuredClone(effect.change));
      } else if (
        effect.type === "send" &&
        this.#witness !== undefined &&
        effect.trunks.includes(this.#witness)
      ) {
        const frame = decodeFrame(effect.bytes);
        if (frame.type !== "deliver") continue;
        const last = frame.frames.at(-1)?.seq ?? frame.prev;
        this.#witnessTook({ router: frame.router, incarnation: frame.incarnation, seq: last });
        for (const one of frame.frames) this.#ledger.sequenced(this.name, frame.incarnation, one);
        this.note(() => `sequenced ${frame.incarnation}/${frame.frames.map((f) => f.seq).join(",")}`);
      }
    }
  }

  /** The witness consumes at once: it must not keep the router awake. */
  #witnessTook(position: Position): void {
    const credit = encodeFrame({ type: "credit", position, window: LIMITS.readerWindowBytes });
    this.#router.receive(this.#witness!, credit);
    this.#gather.due();
  }

  #close(id: string, reason: string): void {
    this.note(() => `closes ${id}: ${reason}`);
    if (id === this.#witness) {
      this.#joinWitness();
      return this.#gather.due();
    }
    const end = this.#trunks.get(id);
    this.#trunks.delete(id);
    end?.close();
    this.after(this.world.random.between(0, 40), () => this.#gone(id));
  }

  #arm(): void {
    const deadlineMs = this.#router.deadlineMs;
    if (deadlineMs === undefined || this.#timerDue) return;
    this.#timerDue = true;
    this.after(Math.max(1, deadlineMs - this.world.nowMs), () => {
      this.#timerDue = false;
      this.#run((nowMs) => this.#router.tick(nowMs));
    });
  }
}
