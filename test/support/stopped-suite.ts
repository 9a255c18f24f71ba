/** What a native reader costs that stops, beside readers that keep up with full load (R12, R13, N-19). */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { memoryMiB } from "../../bench/load/process.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { LedgerView } from "../../src/worker/ledger-route.ts";
import { until } from "./away.ts";
import { startServe, type ServeProcess } from "./fabric.ts";
import { FullLoad } from "./full-load.ts";
import { ResumingReader } from "./resuming-reader.ts";

const MIB = 1024 * 1024;
const HEALTHY = 50;
/** Several stop at once, so that what one costs stands out of what garbage collection does. */
const STOPPED = { tcp: 10, credit: 2 } as const;
const STOPPED_QUEUE_BYTES = MIB;
/** Of each stopped reader: its window, one delivery more, and what waits. */
const BOUND_MIB =
  ((STOPPED.tcp + STOPPED.credit) *
    (LIMITS.readerWindowBytes + LIMITS.deliverFrameBytes + STOPPED_QUEUE_BYTES)) /
  MIB;
/** Measured: under the same load without stopped readers, peaks of one round and the next differ by up to 70 MiB. */
const ALLOWANCE_MIB = 128;
/** What each reader is sent, at least: a fabric that held it for the stopped ones would be far over the bound. */
const BYTES_MIN = 40e6;
const POLL_MS = 5;

/** How a reader stops. `tcp`: it does not read. `credit`: it reads, and never says that it has consumed anything. */
type Stop = keyof typeof STOPPED;

class Scene {
  readonly server: ServeProcess;
  readonly healthy: readonly ResumingReader[];
  readonly load: FullLoad;
  readonly stopped: ResumingReader[] = [];

  private constructor(server: ServeProcess) {
    this.server = server;
    this.healthy = Array.from({ length: HEALTHY }, () => new ResumingReader("full/", { events: "counted" }));
    this.load = new FullLoad("full/x", () => Math.min(...this.healthy.map(({ received }) => received)));
  }

  static async open(): Promise<Scene> {
    const scene = new Scene(await startServe());
    for (const reader of scene.healthy) await reader.connect(scene.server.wsUrl);
    await scene.load.connect(scene.server.wsUrl);
    return scene;
  }

  /** Full load for some time and volume; resolves with the peak of workerd's memory so far, MiB. */
  async run(seconds: number): Promise<number> {
    const bytes = this.load.bytes + BYTES_MIN;
    this.load.start();
    await sleep(seconds * 1_000);
    while (this.load.bytes < bytes) await sleep(POLL_MS);
    await this.load.stop();
    await until(() => this.healthy.every(({ received }) => received === this.load.events));
    return sumOf(this.server.runtimePids, (pid) => memoryMiB(pid).peak);
  }

  /** Readers that subscribe, grant their credit once, and stop. */
  async stop(how: Stop): Promise<void> {
    for (let i = 0; i < STOPPED[how]; i++) {
      const reader = new ResumingReader("full/", { events: "counted", queue: STOPPED_QUEUE_BYTES });
      this.stopped.push(reader);
      await reader.connect(this.server.wsUrl);
      reader.isConsuming = false;
      if (how === "tcp") reader.pause();
    }
  }

  /** The stopped readers read again, up to the end. */
  async goOn(): Promise<void> {
    const [{ positions }] = this.healthy as [ResumingReader];
    for (const reader of this.stopped) {
      reader.resume();
      reader.consumeAll();
    }
    await until(() => this.stopped.every((reader) => reader.positions[0]!.seq === positions[0]!.seq));
  }

  /** The loss ledger when nothing waits or is under way any more. */
  async ledger(): Promise<LedgerView> {
    for (;;) {
      const view = (await (await fetch(`${this.server.url}/v1/ledger`)).json()) as LedgerView;
      const { inFlight, queued } = view.routers[0]!.readers;
      if (inFlight + queued === 0) return view;
      await sleep(POLL_MS);
    }
  }

  async close(): Promise<void> {
    this.load.close();
    for (const reader of [...this.healthy, ...this.stopped]) reader.cut();
    await this.server.dispose();
  }
}

/** The suite, with full load of that many seconds without and with stopped readers. */
export function stoppedSuite(seconds: number): void {
  describe(`readers that stop beside ${HEALTHY} others under full load`, () => {
    const timeout = 240_000 + 3_000 * seconds;
    let scene: Scene | undefined;
    afterEach(async () => scene?.close());

    test(
      "R12 R13 R38 cost the fabric no more than their bound, the others nothing, and every drop is told and booked",
      { timeout },
      async () => {
        scene = await Scene.open();
        const peakWithout = await scene.run(seconds);
        await scene.stop("tcp");
        await scene.stop("credit");
        const before = scene.load.events;
        const peakWith = await scene.run(seconds);
        expect(peakWith - peakWithout).toBeLessThan(BOUND_MIB + ALLOWANCE_MIB);
        for (const reader of scene.healthy) expectAll(reader, scene.load.events);
        await scene.goOn();
        for (const reader of scene.stopped) expectAccounted(reader, scene.load.events - before);
        expectLedger(await scene.ledger(), scene, before);
      },
    );
  });
}

function expectAll(reader: ResumingReader, events: number): void {
  expect(reader).toMatchObject({ received: events, gaps: [], untold: [], repeats: 0, closed: undefined });
}

/** Whatever did not come, a gap counts. */
function expectAccounted(reader: ResumingReader, events: number): void {
  expect(reader).toMatchObject({ untold: [], repeats: 0, closed: undefined });
  expect(reader.gaps.length).toBeGreaterThan(0);
  for (const gap of reader.gaps) expect(gap).toMatchObject({ extent: "exact", reason: "overflow" });
  expect(reader.received + droppedOf(reader)).toBe(events);
}

/** The ledger names every drop: what the readers were told, for that reason, and no other event is missing. */
function expectLedger({ balanced, routers }: LedgerView, { load, healthy, stopped }: Scene, before: number) {
  const dropped = sumOf(stopped, droppedOf);
  const offered = healthy.length * load.events + stopped.length * (load.events - before);
  expect(balanced).toBe(true);
  expect(routers).toMatchObject([
    {
      publishers: { published: load.events, repeats: 0, held: 0 },
      readers: { offered, delivered: offered - dropped, unaccounted: 0 },
      dropped: { drop_oldest: dropped, drop_newest: 0, slow_reader: 0, away: 0 },
      gaps: { overflow: sumOf(stopped, ({ gaps }) => gaps.length) },
      problems: [],
    },
  ]);
}

const droppedOf = ({ gaps }: ResumingReader) => sumOf(gaps, ({ events = Number.NaN }) => events);

function sumOf<T>(list: readonly T[], of: (item: T) => number): number {
  return list.reduce((sum, item) => sum + of(item), 0);
}
