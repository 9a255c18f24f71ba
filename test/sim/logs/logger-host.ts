/**
 * A logger of the simulated world: the engine of src/logs/logger.ts, driven as durable/log-writer.ts drives it, over a
 * model of its tables that crashes keep. A commit is one effect; each reply and each put is one of its own.
 */
import type { BufferedBatch } from "../../../src/logs/batch-buffer.ts";
import {
  Logger,
  NO_OVERRIDE,
  type LoggerCommit,
  type LoggerInput,
  type LoggerOptions,
  type LoggerOverride,
  type LoggerState,
  type LoggerTurn,
} from "../../../src/logs/logger.ts";
import type { ObjectPlan } from "../../../src/logs/object-plan.ts";
import type { WriterMark } from "../../../src/logs/writer-marks.ts";
import type { LogFrame } from "../../../src/logs/logger-link.ts";
import { Alarm } from "../kit/alarm.ts";
import type { End } from "../kit/link.ts";
import type { ObjectStore } from "../kit/object-store.ts";
import { Process } from "../kit/process.ts";
import { Violation, type World } from "../kit/world.ts";

/** First message on a trunk. */
export interface Hello {
  readonly type: "hello";
  readonly override: LoggerOverride;
}

const CRASH = 0.004;
const decoder = new TextDecoder();

/** What a logger keeps on disk. */
export class LoggerTables {
  readonly batches = new Map<number, BufferedBatch & { readonly text: string }>();
  readonly plans = new Map<string, { readonly plan: ObjectPlan; readonly content: string }>();
  readonly done = new Map<string, ObjectPlan>();
  readonly marks = new Map<string, WriterMark>();
  override = NO_OVERRIDE;
  #lastId = 0;

  load(): LoggerState {
    return {
      batches: [...this.batches.values()].toSorted((a, b) => a.id - b.id),
      plans: [...this.plans.values()].map(({ plan }) => plan),
      marks: [...this.marks.values()],
      lastId: Math.max(this.#lastId, ...this.batches.keys()),
      override: this.override,
    };
  }

  apply(commit: LoggerCommit): void {
    for (const writer of commit.expired) this.marks.delete(writer);
    for (const { bytes, ...batch } of commit.batches) {
      this.batches.set(batch.id, { ...batch, text: decoder.decode(bytes) });
    }
    for (const mark of commit.marks) this.marks.set(mark.writer, mark);
    for (const plan of commit.plans) this.keepPlan(plan);
    for (const plan of commit.done) this.finish(plan);
    this.override = commit.override ?? this.override;
  }

  /** The bytes that the plan fixed; those of a retry must be the same. */
  content(plan: ObjectPlan): string {
    const text = plan.members.map(({ id }) => this.batches.get(id)?.text ?? "").join("");
    const kept = this.plans.get(plan.key);
    if (kept !== undefined && kept.content !== text)
      throw new Violation(`${plan.key} is put with other bytes`);
    return text;
  }

  protected keepPlan(plan: ObjectPlan): void {
    this.plans.set(plan.key, { plan, content: this.content(plan) });
  }

  protected finish(plan: ObjectPlan): void {
    this.plans.delete(plan.key);
    this.done.set(plan.key, plan);
    for (const { id } of plan.members) this.batches.delete(id);
    this.#lastId = Math.max(this.#lastId, plan.last);
  }
}

export interface LoggerParts {
  makeEngine(options: LoggerOptions, state: LoggerState): Logger<End>;
  readonly tables: LoggerTables;
}

/** The parts as they are; tests replace one to see that the checkers notice. */
export function loggerParts(): LoggerParts {
  return { makeEngine: (options, state) => new Logger<End>(options, state), tables: new LoggerTables() };
}

export class LoggerHost extends Process {
  readonly tables: LoggerTables;
  /** As the deployed layout says. */
  isEnabled = true;
  readonly #parts: LoggerParts;
  readonly #r2: ObjectStore;
  readonly #alarm: Alarm;
  #engine!: Logger<End>;
  #inbox: LoggerInput<End>[] = [];
  #turnDue = false;
  #putsUnderWay = 0;

  constructor(world: World, name: string, r2: ObjectStore, parts: LoggerParts) {
    super(world, name);
    this.#parts = parts;
    this.tables = parts.tables;
    this.#r2 = r2;
    this.#alarm = new Alarm(this, () => this.#turn({ type: "wake" }));
    this.start();
  }

  get buffered(): { readonly bytes: number; readonly batches: number } {
    return this.#engine.buffered;
  }

  /** An object sleeps only when it waits for nothing. */
  get isIdle(): boolean {
    return !this.#turnDue && this.#putsUnderWay === 0;
  }

  flush(): void {
    this.#turn({ type: "flush", stream: undefined });
  }

  /** The call of the route that made a change; a logger that is down does not hear it. */
  tell(override: LoggerOverride): void {
    this.note(() => `is told ${override.epoch} ${override.enabled}`);
    this.#turn({ type: "override", override });
  }

  override boot(): void {
    this.#inbox = [];
    this.#turnDue = false;
    this.#putsUnderWay = 0;
    const options = { name: this.name, enabled: this.isEnabled };
    this.#engine = this.#parts.makeEngine(options, this.tables.load());
    this.#alarm.set(this.#engine.wakeAtMs);
  }

  override received(end: End, message: unknown): void {
    const frame = message as LogFrame | Hello;
    const isHello = frame.type === "hello";
    if (!isHello) this.#inbox.push({ type: "frame", from: end, frame });
    else this.#inbox.push({ type: "override", override: frame.override });
    if (this.#turnDue) return;
    this.#turnDue = true;
    this.after(0, () => {
      this.#turnDue = false;
      this.#turn();
    });
  }

  override closed(end: End): void {
    this.#turn({ type: "gone", from: end });
  }

  /** The platform starts an object again when it is asked for; here it comes by itself. */
  protected override crashed(): void {
    this.world.after(this.random.between(1, 3_000), () => this.start());
  }

  #turn(input?: LoggerInput<End>): void {
    if (!this.isUp) return;
    const inputs = this.#inbox;
    this.#inbox = [];
    if (input !== undefined) inputs.push(input);
    const turn = this.#engine.turn(inputs, this.world.nowMs);
    const wakeAtMs = this.#engine.wakeAtMs;
    this.effects(CRASH, this.#steps(turn, wakeAtMs));
  }

  #steps({ commit, replies, puts }: LoggerTurn<End>, wakeAtMs: number | undefined): (() => void)[] {
    return [
      // The alarm stands in the same database as the rows.
      () => {
        this.tables.apply(commit);
        this.#alarm.set(wakeAtMs);
        for (const { first, last, stream } of commit.plans)
          this.note(() => `plans ${stream} ${first}-${last}`);
        for (const { key } of commit.done) this.note(() => `is done with ${key}`);
      },
      ...replies.map(({ to, frame }) => () => {
        this.note(() => `answers ${describe(frame)}`);
        to.send(frame);
      }),
      ...puts.map((plan) => () => this.#put(plan)),
    ];
  }

  #put(plan: ObjectPlan): void {
    this.#putsUnderWay++;
    this.note(() => `puts ${plan.key}`);
    this.#r2.put(this, plan.key, this.tables.content(plan), (ok) => {
      this.#putsUnderWay--;
      this.#turn({ type: "put", key: plan.key, ok });
    });
  }
}

function describe(frame: LoggerTurn<End>["replies"][number]["frame"]): string {
  if (frame.type === "logAck") return `ack ${frame.writer} ${frame.last.number}`;
  return frame.type === "logRefused" ? `${frame.code} ${frame.writer} ${frame.number}` : frame.type;
}
