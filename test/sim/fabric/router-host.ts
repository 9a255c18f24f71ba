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
import type { Router, RouterOptions } from "../../../src/routing/router.ts";
import { hello, subscribe } from "../../support/router-rig.ts";
import { RouterStore } from "../../support/router-store.ts";
import { Alarm } from "../kit/alarm.ts";
import type { End } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import type { Timer, World } from "../kit/world.ts";
import type { Layout, Release } from "./layout.ts";
import type { Ledger } from "./ledger.ts";

const CRASH = 0.0015;
const STORAGE_ERROR = 0.001;
const WITNESS = 0xffffff;

export type MakeRouter = (
  options: RouterOptions,
  stored: StoredRouter,
  live: ReadonlySet<string>,
  nowMs: number,
) => Router;

/** The parts of a router; a test replaces one to plant a defect. */
export interface RouterParts {
  readonly makeRouter: MakeRouter;
  /** The order of a turn's effects: storage first. */
  readonly order?: (commit: () => void, sends: readonly (() => void)[]) => readonly (() => void)[];
}

const inOrder: NonNullable<RouterParts["order"]> = (commit, sends) => [commit, ...sends];

export class RouterHost extends Process {
  readonly store = new RouterStore();
  readonly #layout: Layout;
  readonly #parts: RouterParts;
  readonly #ledger: Pick<Ledger, "sequenced">;
  readonly #trunks = new Map<string, End>();
  readonly #alarm: Alarm;
  #router!: Router;
  /** What it runs. */
  #release!: Release;
  #gather!: Gather;
  #pendingTasks = 0;
  #timer: Timer | undefined;
  #timerMs = Infinity;
  #trunkCount = 0;
  #witness: string | undefined;
  #witnessCount = 0;
  #isBackAtOnce = false;

  constructor(
    world: World,
    name: string,
    layout: Layout,
    ledger: Pick<Ledger, "sequenced">,
    parts: RouterParts,
  ) {
    super(world, name);
    this.#layout = layout;
    this.#ledger = ledger;
    this.#parts = parts;
    this.#alarm = new Alarm(this, () => this.#run((nowMs) => this.#router.tick(nowMs)));
    this.start();
  }

  /** An object sleeps only when nothing waits and no timer is pending. */
  get isIdle(): boolean {
    return this.isUp && this.#pendingTasks === 0 && this.#timerMs === Infinity;
  }

  /** What its ledger says that does not balance; events under way and waiting, when all is quiet, are among it. */
  get ledgerProblems(): readonly string[] {
    const { problems, publishers, readers } = this.#router.ledger;
    const { held } = publishers;
    const { inFlight, queued } = readers;
    const isQuiet = held === 0 && inFlight === 0 && queued === 0;
    return isQuiet ? problems : [...problems, `${held} held, ${inFlight} in flight, ${queued} queued`];
  }

  /** Events that its ledger gives up for lost, or says were dropped. */
  get ledgerLosses(): number {
    const { readers, dropped } = this.#router.ledger;
    return Object.values(dropped).reduce((sum, events) => sum + events, readers.unaccounted);
  }

  /**
   * Memory goes and sockets stay although the router has work. The platform does not do so (a pending timer keeps an
   * object awake); a router whose checkpoint is used must bear it all the same.
   */
  loseMemory(): void {
    if (!this.isUp || this.store.checkpoint !== undefined) return;
    this.world.count("eviction, sockets kept", this.name);
    this.sleep();
  }

  /** The object is moved: memory and sockets go, and it starts again at once. */
  evict(kind = "eviction, sockets closed"): void {
    this.#isBackAtOnce = true;
    this.crash(kind);
    this.#isBackAtOnce = false;
  }

  protected override boot(): void {
    const { nowMs } = this;
    const live = new Set(this.#trunks.keys());
    if (this.#witness !== undefined) live.add(this.#witness);
    const stored = this.store.read();
    this.#release = this.#layout.release;
    const keeping = { policies: this.#release.policiesOf(this.name, stored.logs), store: this.store };
    const { version: table, placement } = this.#release;
    const options = { name: this.name, table, routes: placement.routes, keeping };
    this.#router = this.#parts.makeRouter(options, stored, live, nowMs);
    this.#timerMs = Infinity;
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
    this.#armAlarm();
    this.#gather.dueLater();
  }

  protected override crashed(): void {
    this.#trunks.clear();
    this.#witness = undefined;
    const afterMs = this.#isBackAtOnce ? 0 : this.random.between(1, 3_000);
    this.world.after(afterMs, () => this.start());
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
    const { version } = this.#release;
    this.#router.receive(this.#witness, encodeFrame(hello(WITNESS, this.#witnessCount, version)));
    this.#router.receive(this.#witness, encodeFrame(subscribe([""])));
  }

  #run(step: (nowMs: number) => readonly RouterEffect[]): void {
    const effects = step(this.nowMs);
    const sends: (() => void)[] = [];
    for (const effect of effects) {
      if (effect.type === "send") {
        for (const id of effect.trunks) sends.push(() => this.#trunks.get(id)?.send(effect.bytes));
      } else if (effect.type === "close") sends.push(() => this.#close(effect.trunk, effect.reason));
    }
    const { order = inOrder } = this.#parts;
    this.effects(
      CRASH,
      order(() => this.#commit(effects), sends),
    );
    if (!this.isUp) return;
    this.#arm();
    this.#armAlarm();
  }

  /** One transaction. When it fails nothing of it stands, and the object starts again from storage (rule 35). */
  #commit(effects: readonly RouterEffect[]): void {
    const writes = effects.some(({ type }) => type === "persist");
    if (writes && this.world.fault("storage error", STORAGE_ERROR, this.name)) {
      return this.evict("restart after a storage error");
    }
    for (const effect of effects) {
      if (effect.type === "persist") {
        this.note(() => `keeps ${JSON.stringify(effect.change)}`);
        this.store.apply(structuredClone(effect.change));
      } else if (effect.type === "send" && this.#witness !== undefined) {
        if (effect.trunks.includes(this.#witness)) this.#witnessed(effect.bytes);
      }
    }
  }

  #witnessed(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame.type !== "deliver") return;
    const { router, incarnation, prev, frames } = frame;
    this.#witnessTook({ router, incarnation, seq: frames.at(-1)?.seq ?? prev });
    for (const one of frames) this.#ledger.sequenced(this.name, incarnation, one, this.#release);
    this.note(() => `sequenced ${incarnation}/${frames.map((f) => f.seq).join(",")}`);
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
    this.after(this.random.between(0, 40), () => this.#gone(id));
  }

  #arm(): void {
    const deadlineMs = this.#router.deadlineMs ?? Infinity;
    if (deadlineMs === Infinity || this.#timerMs <= deadlineMs) return;
    this.#timer?.cancel();
    this.#timerMs = deadlineMs;
    this.#timer = this.timer(deadlineMs, () => {
      this.#timerMs = Infinity;
      this.#run((nowMs) => this.#router.tick(nowMs));
    });
  }

  #armAlarm(): void {
    const { expiryMs } = this.#router;
    if (expiryMs !== undefined) this.#alarm.set(expiryMs);
  }
}
