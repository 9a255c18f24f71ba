/** The clients of one target, and what was measured with them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { IdleClient, PublishingClient, ReadingClient } from "./client.ts";
import { DIALECTS } from "./dialects.ts";
import { startMetronome } from "./metronome.ts";
import type { LoadPlan, LoadResult, LoadShape, LoadTarget, SliceCost } from "./plan.ts";
import { cpuSeconds, memoryMiB } from "./process.ts";

const DRAIN_MS = 5_000;
/** Connections opened at the same time. */
const IDLE_AT_ONCE = 50;
/** What a server does after the last of them: checkpoints, collection of garbage. */
const IDLE_SETTLE_MS = 3_000;
/** For how long its work is measured then. */
const IDLE_MS = 3_000;

/** A publisher, and the subscribers that take its events. */
interface Lane {
  readonly publisher: PublishingClient;
  readonly readers: readonly ReadingClient[];
}

export class Side {
  readonly #target: LoadTarget;
  readonly #shape: LoadShape;
  /** In units, as all counts of clients. */
  readonly #window: number;
  readonly #rssIdleMiB: number;
  readonly #unitEvents: number;
  #idle: IdleClient[] = [];
  #idlePeerKiB = 0;
  #idleCores = 0;
  #probedBefore: unknown;
  #subscribers: ReadingClient[] = [];
  #lanes: Lane[] = [];
  #isSending = false;
  #isPumpDue = false;
  /** Units delivered since the start, of all subscribers. */
  #deliveries = 0;
  #agesUs: number[] = [];
  readonly #slices: SliceCost[] = [];
  #measured = { ms: 0, loadUs: 0 };

  private constructor(target: LoadTarget, plan: LoadPlan) {
    this.#target = target;
    this.#shape = { ...plan.shape, ...target.shape };
    this.#unitEvents = DIALECTS[target.dialect].unitEvents(this.#shape);
    this.#window = Math.max(1, Math.floor((target.window ?? plan.window) / this.#unitEvents));
    this.#rssIdleMiB = memoryMiB(target.pid).now;
  }

  /** Opens all clients. Rejects when one cannot connect. */
  static async open(target: LoadTarget, plan: LoadPlan): Promise<Side> {
    const side = new Side(target, plan);
    const shape = side.#shape;
    const dialect = DIALECTS[target.dialect];
    await side.#openIdle();
    const each = <T>(count: number, make: (group: number, i: number) => Promise<T>) =>
      Promise.all(
        Array.from({ length: shape.groups * count }, (_, i) => make(Math.floor(i / count), i % count)),
      );
    side.#subscribers = await each(shape.subscribers, (group) =>
      dialect.subscribe(target, group, shape, (ageUs) => side.#onUnit(ageUs)),
    );
    const publishers = await each(shape.publishers, (group, i) =>
      dialect.publish(target, group, i, shape, side.#window),
    );
    side.#lanes = publishers.map((publisher) => ({
      publisher,
      readers: side.#subscribers.filter((s) => s.group === publisher.group),
    }));
    return side;
  }

  /** Loads the target for `ms` and waits until everything has arrived; `isMeasured` adds it to the result. */
  async slice(ms: number, isMeasured: boolean): Promise<void> {
    if (this.#missing() > 0) return; // an earlier slice lost events: the result is known
    if (isMeasured && this.#probedBefore === undefined) this.#probedBefore = await this.#probe();
    const { pid } = this.#target;
    const before = { units: this.#deliveries, server: cpuSeconds(pid), ms: performance.now() };
    const load = process.cpuUsage();
    await this.#load(ms);
    const tookMs = performance.now() - before.ms;
    if (!isMeasured) {
      this.#agesUs = [];
      return;
    }
    const used = process.cpuUsage(load);
    this.#slices.push({
      events: (this.#deliveries - before.units) * this.#unitEvents,
      serverSeconds: cpuSeconds(pid) - before.server,
    });
    const sum = this.#measured;
    this.#measured = { ms: sum.ms + tookMs, loadUs: sum.loadUs + used.user + used.system };
  }

  async #probe(): Promise<unknown> {
    const { origin, probe } = this.#target;
    return probe === undefined ? undefined : (await fetch(origin + probe)).json();
  }

  /** Closes all clients and tells what was measured. */
  async finish(): Promise<LoadResult> {
    const closed = this.#subscribers.flatMap((s) => (s.closed === undefined ? [] : [s.closed]));
    const lost = this.#missing() * this.#unitEvents;
    const memory = memoryMiB(this.#target.pid);
    const probedAfter = await this.#probe();
    const clients = [...this.#lanes.map((l) => l.publisher), ...this.#subscribers, ...this.#idle];
    await Promise.all(clients.map((client) => client.close()));
    const { loadUs } = this.#measured;
    const events = this.#slices.reduce((sum, slice) => sum + slice.events, 0);
    const serverSeconds = this.#slices.reduce((sum, slice) => sum + slice.serverSeconds, 0);
    const ms = Math.max(this.#measured.ms, 1); // 0 when the warm-up lost events already
    const ages = this.#agesUs.toSorted((a, b) => a - b);
    const quantileMs = (q: number) =>
      (ages[Math.min(ages.length - 1, Math.floor(ages.length * q))] ?? 0) / 1000;
    return {
      delivered: events,
      perSecond: (events * 1000) / ms,
      lost,
      disordered: this.#subscribers.reduce((n, s) => n + s.tally.disordered, 0) * this.#unitEvents,
      closed,
      serverUsPerEvent: (serverSeconds * 1e6) / Math.max(events, 1),
      slices: this.#slices,
      serverCores: (serverSeconds * 1000) / ms,
      loadCores: loadUs / 1000 / ms,
      p50Ms: quantileMs(0.5),
      p99Ms: quantileMs(0.99),
      rssIdleMiB: this.#rssIdleMiB,
      rssMiB: memory.now,
      rssPeakMiB: memory.peak,
      idlePeerKiB: this.#idlePeerKiB,
      idleCores: this.#idleCores,
      ...(probedAfter === undefined ? {} : { probed: [this.#probedBefore, probedAfter] as const }),
    };
  }

  /** Opens the idle connections, and takes what the server's memory grew by and what it does for them. */
  async #openIdle(): Promise<void> {
    const { idle: count = 0 } = this.#shape;
    const { idle } = DIALECTS[this.#target.dialect];
    if (count === 0 || idle === undefined) return;
    while (this.#idle.length < count) {
      const first = this.#idle.length;
      const next = Array.from({ length: Math.min(IDLE_AT_ONCE, count - first) }, (_, i) => first + i);
      this.#idle.push(...(await Promise.all(next.map((number) => idle(this.#target, number)))));
    }
    await sleep(IDLE_SETTLE_MS);
    this.#idlePeerKiB = ((memoryMiB(this.#target.pid).now - this.#rssIdleMiB) * 1024) / count;
    const before = cpuSeconds(this.#target.pid);
    await sleep(IDLE_MS);
    this.#idleCores = (cpuSeconds(this.#target.pid) - before) / (IDLE_MS / 1000);
  }

  async #load(ms: number): Promise<void> {
    if (this.#shape.rate > 0) {
      let owed = 0;
      const metronome = startMetronome(this.#shape.rate, (due) => {
        owed += due;
        // What the window holds back is sent late, not never.
        const count = Math.min(owed, ...this.#lanes.map((lane) => this.#credit(lane)));
        if (count <= 0) return;
        owed -= count;
        for (const { publisher } of this.#lanes) publisher.send(count);
      });
      await sleep(ms);
      metronome.stop();
    } else {
      this.#isSending = true;
      this.#pump();
      await sleep(ms);
      this.#isSending = false;
    }
    const end = performance.now() + DRAIN_MS;
    while (this.#missing() > 0 && performance.now() < end) await sleep(1);
  }

  #onUnit(ageUs: number): void {
    this.#deliveries++;
    if (this.#shape.rate > 0) this.#agesUs.push(ageUs);
    else if (!this.#isPumpDue) {
      this.#isPumpDue = true;
      setImmediate(() => {
        this.#isPumpDue = false;
        this.#pump();
      });
    }
  }

  /** Lets every publisher send up to its window beyond its slowest subscriber. */
  #pump(): void {
    if (!this.#isSending) return;
    for (const lane of this.#lanes) {
      const credit = this.#credit(lane);
      if (credit > 0) lane.publisher.send(credit);
    }
  }

  /** Units that the window lets a publisher send now. */
  #credit({ publisher, readers }: Lane): number {
    let slowest = Infinity;
    for (const reader of readers) slowest = Math.min(slowest, reader.tally.receivedFrom[publisher.index]!);
    return this.#window - (publisher.sent - slowest);
  }

  #missing(): number {
    const due = this.#lanes.reduce((n, { publisher, readers }) => n + publisher.sent * readers.length, 0);
    return due - this.#subscribers.reduce((n, s) => n + s.tally.received, 0);
  }
}
