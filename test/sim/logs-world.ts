/**
 * The world of logs: shippers, sessions, two loggers and R2, with crashes, lost connections, repeats, sleep and
 * deploys. What must hold: every record that was acknowledged stands in R2 exactly once; the records of a writer stand
 * in its order at each logger; no key ever has two contents; nobody holds more than its bound (rules 16 to 20).
 */
import { LIMITS } from "../../src/base/limits.ts";
import { cutOne } from "./kit/link.ts";
import { ObjectStore } from "./kit/object-store.ts";
import { Violation, World, type Tally, type WorldOptions } from "./kit/world.ts";
import { LayoutModel } from "./logs/layout-model.ts";
import { LoggerHost, loggerParts, type LoggerParts } from "./logs/logger-host.ts";
import { SessionHost } from "./logs/session-host.ts";
import { ShipDisk, ShipperHost } from "./logs/shipper-host.ts";

/** The parts of the world; a test replaces one to plant a defect. */
export interface LogsParts {
  makeLoggerParts(): LoggerParts;
  readonly Shipper: typeof ShipperHost;
}

const PARTS: LogsParts = { makeLoggerParts: loggerParts, Shipper: ShipperHost };

/** How long accidents go on, ms of virtual time. */
const STORM_MS = 90_000;

/** Runs one seed. Throws `Violation` when something does not hold. */
export function runLogsWorld(options: WorldOptions, parts: LogsParts = PARTS): Tally {
  const logs = new LogsWorld(new World(options), parts);
  logs.run();
  return logs.world;
}

class LogsWorld {
  readonly world: World;
  readonly #r2: ObjectStore;
  readonly #loggers = new Map<string, LoggerHost>();
  readonly #shippers: ShipperHost[] = [];
  #sessions: SessionHost[] = [];
  #sessionCount = 0;
  /** What operators have said, and what an isolate that has not asked since takes for it. */
  #layout = new LayoutModel();
  #oldLayout = this.#layout;

  constructor(world: World, parts: LogsParts) {
    this.world = world;
    this.#r2 = new ObjectStore(world);
    for (const name of ["logger-1", "logger-2"]) {
      this.#loggers.set(name, new LoggerHost(world, name, this.#r2, parts.makeLoggerParts()));
    }
    const { random } = world;
    const count = random.between(1, 3);
    for (let i = 1; i <= count; i++) {
      const total = random.between(20, 150);
      this.#shippers.push(new parts.Shipper(world, `w${i}`, total, new ShipDisk(), () => this.#session()));
    }
  }

  run(): void {
    const { world } = this;
    this.#accidents();
    world.runFor(STORM_MS);
    world.faultScale = 0;
    this.#operate(undefined);
    this.#deploy(true);
    world.runUntil(() => this.#isShipped(), "all is acknowledged");
    for (const logger of this.#loggers.values()) logger.flush();
    world.runUntil(() => this.#isFlushed(), "all is in R2");
    this.#check();
  }

  #session(): SessionHost {
    const { world } = this;
    const isStale = world.faultScale > 0 && world.random.chance(0.3);
    const layout = isStale ? this.#oldLayout : this.#layout;
    const session = new SessionHost(world, `s${++this.#sessionCount}`, this.#loggers, layout);
    this.#sessions = this.#sessions.filter(({ isUp }) => isUp);
    this.#sessions.push(session);
    return session;
  }

  /** One accident now and then, until the world is quiet. */
  #accidents(): void {
    const { world } = this;
    world.after(world.random.between(50, 3_000), () => {
      if (world.faultScale === 0) return;
      if (!world.happens()) return this.#accidents();
      const logger = world.random.pick([...this.#loggers.values()]);
      switch (world.random.between(0, 7)) {
        case 0:
          logger.crash();
          break;
        case 1:
          world.random.pick(this.#shippers).crash();
          break;
        case 2:
          if (this.#sessions.length > 0) world.random.pick(this.#sessions).crash();
          break;
        case 3:
          if (logger.isIdle) logger.sleep();
          break;
        case 4:
          cutOne(world, world.random.pick([...this.#loggers.values(), ...this.#shippers]));
          break;
        case 5:
          if (world.random.chance(0.5)) this.#deploy(false);
          break;
        case 6:
          if (world.random.chance(0.5)) this.#maintain(logger);
          else this.#operate(world.random.pick([true, false, undefined]), logger);
          break;
        default:
          world.count("flush on request", logger.name);
          logger.flush();
          // The moments between plan, put and done are short: half of the flushes end in one.
          if (world.random.chance(0.5)) world.after(world.random.between(0, 300), () => logger.crash());
      }
      this.#checkBounds();
      this.#accidents();
    });
  }

  /**
   * An operator enables or disables a logger, or takes back what was said of it (without a logger: of all). The logger
   * is told at once, unless it is down or the route dies before; then it hears of it on a trunk, or never.
   */
  #operate(enabled: boolean | undefined, only?: LoggerHost): void {
    const { world } = this;
    world.count("change of the layout", only?.name ?? "all");
    this.#oldLayout = this.#layout;
    for (const logger of only === undefined ? this.#loggers.values() : [only]) {
      this.#layout = this.#layout.with(logger.name, enabled);
      if (world.fault("change not told", 0.3, logger.name)) continue;
      logger.tell(this.#layout.overrideOf(logger.name));
    }
  }

  /**
   * A logger is disabled, restarted, and soon enabled again, while clients change their sessions: sessions that do not
   * know yet that their client has gone still hold batches that the logger refuses meanwhile.
   */
  #maintain(logger: LoggerHost): void {
    const { world } = this;
    this.#operate(false, logger);
    logger.crash("maintenance");
    for (const shipper of this.#shippers) cutOne(world, shipper);
    world.after(world.random.between(0, 6_000), () => {
      if (world.faultScale > 0) this.#operate(true, logger);
    });
  }

  /** A new layout restarts the objects at once; sessions of the old one may live on. */
  #deploy(allEnabled: boolean): void {
    const { world } = this;
    world.count("deploy");
    for (const logger of this.#loggers.values()) {
      logger.isEnabled = allEnabled || world.random.chance(0.7);
      logger.crash("deploy");
    }
    for (const session of this.#sessions) {
      if (allEnabled || world.random.chance(0.5)) session.crash("deploy");
    }
  }

  #isShipped(): boolean {
    for (const { name, failure } of this.#shippers) {
      if (failure !== undefined) throw new Violation(`${name} fails: ${failure.code}: ${failure.message}`);
    }
    return this.#shippers.every(({ isDone }) => isDone);
  }

  #isFlushed(): boolean {
    const isEmpty = [...this.#loggers.values()].every(
      ({ tables }) => tables.batches.size === 0 && tables.plans.size === 0,
    );
    return isEmpty && this.#r2.pending === 0;
  }

  #checkBounds(): void {
    for (const { name, buffered } of this.#loggers.values()) {
      if (buffered.bytes > LIMITS.logBufferBytesMax || buffered.batches > LIMITS.logBufferBatchesMax) {
        throw new Violation(`${name} buffers more than its bound`);
      }
    }
  }

  #check(): void {
    const counts = new Map<string, number>();
    for (const [key, contents] of this.#r2.contents) {
      if (contents.length > 1) throw new Violation(`${key} was written with ${contents.length} contents`);
      for (const line of contents[0]!.split("\n").slice(0, -1)) counts.set(line, (counts.get(line) ?? 0) + 1);
    }
    for (const { name, total } of this.#shippers) {
      for (let i = 0; i < total; i++) {
        const count = counts.get(`${name} ${i}`) ?? 0;
        if (count !== 1) throw new Violation(`record ${name} ${i} stands in R2 ${count} times`);
      }
    }
    const pins = new Map(this.#shippers.flatMap(({ disk }) => [...disk.pins()]));
    for (const logger of this.#loggers.values()) this.#checkManifest(logger, pins);
  }

  /** The manifest names what R2 has; a stream's objects, in its order, hold each writer's batches by number. */
  #checkManifest(
    { name, tables }: LoggerHost,
    pins: ReadonlyMap<string, { logger: string; number: number }>,
  ) {
    const last = new Map<string, number>();
    const objects = [...tables.done.values()].toSorted((a, b) => a.first - b.first);
    for (const { key, stream } of objects) {
      const content = this.#r2.contents.get(key)?.[0];
      if (content === undefined) throw new Violation(`${key} is in the manifest and not in R2`);
      for (const line of content.split("\n").slice(0, -1)) {
        const { logger, number } = pins.get(line)!;
        const series = `${line.split(" ")[0]} ${stream}`;
        if (logger !== name) throw new Violation(`${line} stands at ${name} and belongs to ${logger}`);
        if (number < (last.get(series) ?? 0)) throw new Violation(`${name} has ${line} out of order`);
        last.set(series, number);
      }
    }
    const known = new Set(objects.map(({ key }) => key));
    for (const key of this.#r2.contents.keys()) {
      if (key.includes(`/${name}-`) && !known.has(key))
        throw new Violation(`${key} is in R2 and in no manifest`);
    }
  }
}
