/**
 * What an object tells the rest of the fabric: events through their routers, lines of a log stream through a logger.
 * Both are rows in the transaction of what they report, and stay until they are acknowledged (rule 31 asks the same of
 * ClusterNode). Publishes are numbered, and so are batches: what is sent again is taken once.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { LIMITS } from "../src/base/limits.ts";
import type { Layout } from "../src/cluster/layout.ts";
import { LogQueue } from "../src/logs/log-queue.ts";
import type { Report } from "../src/membership/reports.ts";
import { decodeFrame, encodeFrame } from "../src/protocol/frame-codec.ts";
import { ENCODING, type FrameOf, type InstanceId, type Segment } from "../src/protocol/frame.ts";
import { joinSegments } from "../src/protocol/join-segments.ts";
import { fromBytes } from "../src/protocol/topic.ts";
import { encodeEvents } from "../src/protocol/transcode.ts";
import type { TrunkIdentity } from "../src/protocol/trunk-end.ts";
import { Placement } from "../src/routing/placement.ts";
import { ReportTables, type WaitingPublish } from "./report-tables.ts";
import { RouterPublisher } from "./router-publisher.ts";
import { openTrunk } from "./trunk.ts";
import { trace } from "./trace.ts";

export interface ReporterPorts {
  readonly storage: DurableObjectStorage;
  readonly layout: Layout;
  readonly env: Pick<Env, "ROUTER" | "LOGGER">;
  /** Runs a step that changes storage; a throw in it discards the object (rule 35). */
  guard(step: () => void): void;
}

const newInstance = () => fromBytes(crypto.getRandomValues(new Uint8Array(16)));

export class Reporter {
  readonly #ports: ReporterPorts;
  readonly #tables: ReportTables;
  readonly #placement: Placement;
  readonly #publishers = new Map<string, RouterPublisher>();
  readonly #queue: LogQueue;
  #identity: TrunkIdentity | undefined;
  /** Publishes that are rows and not yet handed to a publisher. */
  #unsent: WaitingPublish[];
  #waiting: number;
  #isWriting = false;
  #dropped = 0;

  constructor(ports: ReporterPorts) {
    this.#ports = ports;
    const birth = () => ({ instance: newInstance(), writer: newInstance(), birthMs: Date.now() });
    this.#tables = new ReportTables(ports.storage, birth);
    const { layout } = ports;
    this.#placement = new Placement(layout.routers, layout.formerRouters);
    const loggers = layout.loggers.filter(({ enabled }) => enabled).map(({ name }) => name);
    this.#queue = new LogQueue(loggers, this.#tables.loadLog());
    this.#unsent = [...this.#tables.publishes()];
    this.#waiting = this.#unsent.length;
  }

  /** The publisher of these events. */
  get instance(): InstanceId {
    return this.#tables.instance;
  }

  /** Reports that wait, and those that found no room. */
  get stat(): { readonly waiting: number; readonly dropped: number } {
    return { waiting: this.#waiting + this.#queue.length, dropped: this.#dropped };
  }

  /** Queues events and log lines; to be called in the transaction of what they report, `send` after it. */
  add(reports: readonly Report[], stream: string, lines: readonly string[]): void {
    const byRouter = Map.groupBy(reports, ({ topic }) => this.#placement.owner(topic));
    for (const [router, all] of byRouter) {
      for (let from = 0; from < all.length; from += LIMITS.reportEventsMax) {
        this.#addPublish(router, all.slice(from, from + LIMITS.reportEventsMax));
      }
    }
    if (lines.length > 0) this.#addLines(stream, lines);
  }

  /** Counts a report that found no room. */
  drop(): void {
    this.#dropped++;
  }

  /** Sends what waits. */
  send(): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const { router, frame } of unsent) {
      this.#publisher(router).publish(decodeFrame(frame) as FrameOf<"publish">);
    }
    void this.#write();
  }

  #addPublish(router: string, reports: readonly Report[]): void {
    if (this.#waiting >= LIMITS.memberReportsMax) return void this.#dropped++;
    const number = this.#tables.nextNumber();
    // A row that is sent after a restart may have been sent before it.
    const frame = { type: "publish", seq: number, repeat: true, segments: segmentsOf(reports) } as const;
    const row = { number, router, frame: encodeFrame(frame) };
    this.#tables.addPublish(row);
    this.#unsent.push(row);
    this.#waiting++;
  }

  #addLines(stream: string, lines: readonly string[]): void {
    if (this.#queue.length >= LIMITS.memberReportsMax) return void this.#dropped++;
    const bytes = new Uint8Array(gzipSync(lines.map((line) => `${line}\n`).join("")));
    const hash = new Uint8Array(createHash("sha256").update(bytes).digest());
    this.#tables.applyLog(this.#queue.add({ stream, records: lines.length, hash, bytes }));
  }

  #publisher(router: string): RouterPublisher {
    let publisher = this.#publishers.get(router);
    if (publisher === undefined) {
      this.#identity ??= { ...this.#tables.connect(), table: this.#placement.version };
      publisher = new RouterPublisher(router, this.#identity, {
        open: async (name) => openTrunk(this.#ports.env.ROUTER.getByName(name)),
        acknowledged: (name, seq) =>
          this.#ports.guard(() => {
            this.#tables.published(name, seq);
            this.#waiting = this.#tables.countPublishes();
          }),
      });
      this.#publishers.set(router, publisher);
    }
    return publisher;
  }

  /** Batches go one by one. A logger that is out of reach, or refuses, is asked again after a while. */
  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    for (let frame = this.#queue.next(); frame !== undefined; frame = this.#queue.next()) {
      if (!(await this.#ask(frame))) break;
    }
    this.#isWriting = false;
    if (this.#queue.next() !== undefined) setTimeout(() => void this.#write(), LIMITS.trunkRetryMaxMs);
  }

  /** Whether it was answered with an acknowledgement. */
  async #ask(frame: NonNullable<ReturnType<LogQueue["next"]>>): Promise<boolean> {
    try {
      const answer = await this.#ports.env.LOGGER.getByName(frame.logger).append(encodeFrame(frame));
      const reply = decodeFrame(answer);
      const life = { writer: newInstance(), birthMs: Date.now() };
      this.#ports.guard(() =>
        this.#ports.storage.transactionSync(() => this.#tables.applyLog(this.#queue.answered(reply, life))),
      );
      return reply.type === "logAck";
    } catch (error) {
      trace("reporter.logger_failed", { logger: frame.logger, error: String(error) });
      return false;
    }
  }
}

/** Events in their order, neighbours with one topic in one segment: who reads several topics sees the order too (R9). */
function segmentsOf(reports: readonly Report[]): readonly Segment[] {
  const segments = reports.map(({ topic, event }) => ({
    topic,
    encoding: ENCODING.cbor,
    count: 1,
    payload: encodeEvents([event]),
  }));
  return joinSegments(segments);
}
