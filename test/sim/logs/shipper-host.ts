/**
 * A shipper of the simulated world: the engine of src/logs/shipper.ts over a model of its state folder, cutting an
 * endless-looking source into segments as it goes. How a source is cut is drawn anew in each life, as file growth and
 * timing do in the real one; only the recorded state fixes it.
 */
import { FabricError } from "../../../src/base/errors.ts";
import type { Frame, FrameOf } from "../../../src/protocol/frame.ts";
import {
  applyEntry,
  newShipState,
  type JournalEntry,
  type PinnedBatch,
  type SealedBatch,
  type ShipState,
} from "../../../src/logs/ship-state.ts";
import { Shipper, type ShipperEffect } from "../../../src/logs/shipper.ts";
import { connect, type End, type LinkOptions } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import type { Timer, World } from "../kit/world.ts";
import { hashOf } from "./hash.ts";
import type { SessionHost, Welcome } from "./session-host.ts";

const CRASH = 0.003;
const CLIENT: LinkOptions = {
  delayMs: [1, 80],
  lossProbability: 0.004,
  repeatProbability: 0.01,
  noticeMsMax: 20_000,
};
const STREAMS = ["conn", "dns"];
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The shipper's state folder: a journal, and the bytes of the batches it names. */
export class ShipDisk {
  readonly #entries: JournalEntry[] = [];
  readonly #bytes = new Map<number, Uint8Array>();

  /** Makes an entry durable, with the bytes of a segment's batches. */
  record(entry: JournalEntry, bytesOf: ReadonlyMap<number, Uint8Array>): void {
    this.#entries.push(structuredClone(entry));
    if (entry.type !== "segment") return;
    for (const { id } of entry.segment.batches) this.#bytes.set(id, bytesOf.get(id)!);
  }

  /** Under which logger and number each line went, by the last entry that says so. */
  pins(): Map<string, { readonly logger: string; readonly number: number }> {
    const out = new Map<string, { logger: string; number: number }>();
    for (const entry of this.#entries) {
      const batches =
        entry.type === "segment" ? entry.segment.batches : entry.type === "moved" ? entry.batches : [];
      for (const { id, logger, number } of batches) {
        for (const line of decoder.decode(this.#bytes.get(id)).split("\n").slice(0, -1)) {
          out.set(line, { logger, number });
        }
      }
    }
    return out;
  }

  load(state: ShipState): Map<number, Uint8Array> {
    for (const entry of this.#entries) applyEntry(state, structuredClone(entry));
    return new Map(this.#bytes);
  }
}

export class ShipperHost extends Process {
  readonly disk: ShipDisk;
  /** Records of the source. */
  readonly total: number;
  readonly #birthMs: number;
  readonly #connectTo: () => SessionHost;
  /** What the writer cannot get over; the checker looks at it. */
  failure: FabricError | undefined;
  #state!: ShipState;
  #engine!: Shipper;
  /** Bytes of batches by id. */
  #bytes!: Map<number, Uint8Array>;
  #end: End | undefined;
  #timer: Timer | undefined;

  constructor(world: World, name: string, total: number, disk: ShipDisk, connectTo: () => SessionHost) {
    super(world, name);
    this.total = total;
    this.disk = disk;
    this.#connectTo = connectTo;
    this.#birthMs = world.nowMs;
    this.start();
  }

  get isDone(): boolean {
    return this.isUp && this.#position >= this.total && this.#engine.pending.length === 0;
  }

  get #position(): number {
    return this.#state.sources.get("f")?.to ?? 0;
  }

  protected override boot(): void {
    this.#state = newShipState(this.name.padEnd(16, "."), this.#birthMs);
    this.#bytes = this.disk.load(this.#state);
    this.#engine = new Shipper(this.#state);
    this.#end = undefined;
    this.#timer = undefined;
    this.after(this.random.between(0, 50), () => this.#connect());
  }

  protected override crashed(): void {
    this.world.after(this.random.between(10, 5_000), () => this.start());
  }

  override received(end: End, message: unknown): void {
    if (end !== this.#end) return;
    const frame = message as Welcome | Frame;
    const { nowMs } = this.world;
    if (frame.type === "welcome") this.#run(this.#engine.connected((frame as Welcome).loggers, nowMs));
    else if (frame.type === "logAck") this.#run(this.#engine.acked(frame, nowMs));
    else this.#run(this.#engine.refused(frame as FrameOf<"logRefused">, nowMs));
  }

  override closed(end: End): void {
    if (end !== this.#end) return;
    this.#end = undefined;
    this.#engine.disconnected();
    this.after(this.random.between(0, 500), () => this.#connect());
  }

  #connect(): void {
    if (this.#end !== undefined) return;
    this.#end = connect(this, this.#connectTo(), CLIENT);
  }

  #run(effects: readonly ShipperEffect[]): void {
    this.effects(
      CRASH,
      effects.map((effect) => () => this.#effect(effect)),
    );
    if (this.isUp) this.#goOn();
  }

  /** Offers what there is room for, and waits for the engine's next deadline. */
  #goOn(): void {
    if (this.#engine.hasRoom && this.#position < this.total) {
      this.after(this.random.between(0, 30), () => {
        if (this.#engine.hasRoom && this.#position < this.total) this.#run(this.#offer());
      });
    }
    this.#timer?.cancel();
    const { wakeAtMs } = this.#engine;
    if (wakeAtMs === undefined) return;
    this.#timer = this.after(wakeAtMs - this.world.nowMs, () =>
      this.#run(this.#engine.tick(this.world.nowMs)),
    );
  }

  #offer(): ShipperEffect[] {
    const { random } = this;
    const from = this.#position;
    const to = Math.min(this.total, from + random.between(1, 6));
    const streams = random.chance(0.5) ? STREAMS : [random.pick(STREAMS)];
    const sealed = streams.map((stream, i) => this.#seal(stream, from, to, streams.length, i));
    const batches = sealed.filter(({ batch }) => batch.records > 0);
    const effects = this.#engine.offer({
      source: "f",
      from,
      to,
      context: null,
      batches: batches.map(({ batch }) => batch),
    });
    for (const effect of effects) {
      if (effect.type !== "record" || effect.entry.type !== "segment") continue;
      effect.entry.segment.batches.forEach(({ id }, i) => this.#bytes.set(id, batches[i]!.bytes));
    }
    return effects;
  }

  /** The records from `from` to `to` whose turn it is, of `ways` batches the `index`th. */
  #seal(stream: string, from: number, to: number, ways: number, index: number) {
    let text = "";
    let records = 0;
    for (let i = from; i < to; i++) {
      if (i % ways !== index) continue;
      text += `${this.name} ${i}\n`;
      records++;
    }
    const bytes = encoder.encode(text);
    const range = { source: "f", from, to };
    const batch: SealedBatch = { stream, records, hash: hashOf(text), size: bytes.length, range };
    return { batch, bytes };
  }

  #effect(effect: ShipperEffect): void {
    switch (effect.type) {
      case "record":
        this.disk.record(effect.entry, this.#bytes);
        return this.#run(this.#engine.recorded(effect.ticket, this.world.nowMs));
      case "note":
        this.disk.record(effect.entry, this.#bytes);
        return;
      case "send":
        this.note(() => `sends ${effect.batch.logger} ${effect.batch.number}`);
        this.#end?.send(this.#frame(effect.batch));
        return;
      case "resume":
        this.#end?.send({
          type: "logResume",
          logger: effect.logger,
          writer: this.#state.writer,
          birthMs: this.#birthMs,
        });
        return;
      case "taken":
        return;
      case "fail":
        return this.#fail(effect.error);
    }
  }

  #frame(batch: PinnedBatch): Frame {
    const { logger, number, stream, records, hash, range, id } = batch;
    const { writer, birthMs } = this.#state;
    const bytes = this.#bytes.get(id)!;
    return { type: "logBatch", logger, writer, birthMs, number, stream, records, hash, range, bytes };
  }

  /** What passes with time makes the command try again, as an operator would; the rest is a defect here. */
  #fail(error: FabricError): void {
    this.note(() => `fails: ${error.code} ${error.message}`);
    if (error.code !== "logger_disabled") {
      this.failure = error;
      return;
    }
    this.#end?.close();
    this.#end = undefined;
    this.#engine.disconnected();
    this.after(this.random.between(100, 5_000), () => this.#connect());
  }
}
