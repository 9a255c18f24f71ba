/**
 * A session of the simulated world: it lives as long as its client's connection, or less. It relays log frames through
 * the very src/logs/logger-link.ts that src/worker/log-intake.ts drives.
 */
import { LoggerLink, type LinkEffect, type LogFrame } from "../../../src/logs/logger-link.ts";
import type { Frame } from "../../../src/protocol/frame.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { connect, type End, type LinkOptions } from "../kit/link.ts";
import { Process } from "../kit/process.ts";
import { Violation, type World } from "../kit/world.ts";
import type { LayoutModel } from "./layout-model.ts";
import type { Hello, LoggerHost } from "./logger-host.ts";

const CRASH = 0.002;
const TRUNK: LinkOptions = { delayMs: [0, 20], lossProbability: 0.004, noticeMsMax: 5_000 };

/** The loggers as the session's deployment lists them. */
interface LoggerChoice {
  readonly name: string;
  readonly enabled: boolean;
}

/** First message of a session to its client. */
export interface Welcome {
  readonly type: "welcome";
  readonly loggers: readonly LoggerChoice[];
}

interface Trunk {
  readonly host: LoggerHost;
  readonly link: LoggerLink;
  end: End | undefined;
}

export class SessionHost extends Process {
  readonly #loggers: ReadonlyMap<string, LoggerHost>;
  /** Its isolate's copy of what operators have said. */
  readonly #layout: LayoutModel;
  readonly #trunks = new Map<string, Trunk>();
  #client: End | undefined;

  constructor(world: World, name: string, loggers: ReadonlyMap<string, LoggerHost>, layout: LayoutModel) {
    super(world, name);
    this.#loggers = loggers;
    this.#layout = layout;
    this.start();
  }

  protected override boot(): void {}

  override opened(end: End): void {
    this.#client = end;
    const loggers = [...this.#loggers.values()].map(({ name, isEnabled }) => ({
      name,
      enabled: this.#layout.overrideOf(name).enabled ?? isEnabled,
    }));
    const welcome: Welcome = { type: "welcome", loggers };
    end.send(welcome);
  }

  override received(end: End, message: unknown): void {
    if (end === this.#client) return this.#take(message as LogFrame);
    const trunk = this.#trunks.get(end.tag as string);
    if (trunk?.end === end) this.#run(trunk, trunk.link.answered(message as Frame));
  }

  override closed(end: End): void {
    if (end === this.#client) {
      for (const other of this.ends) other.close();
      return this.crash("end");
    }
    const trunk = this.#trunks.get(end.tag as string);
    if (trunk?.end === end) this.#lost(trunk);
  }

  #take(frame: LogFrame): void {
    let trunk = this.#trunks.get(frame.logger);
    if (trunk === undefined) {
      trunk = { host: this.#loggers.get(frame.logger)!, link: new LoggerLink(), end: undefined };
      this.#trunks.set(frame.logger, trunk);
    }
    this.#run(trunk, trunk.link.take(frame));
    const { frames, bytes } = trunk.link.unanswered;
    if (frames > LIMITS.logUnansweredFramesMax || bytes > LIMITS.logUnansweredBytesMax) {
      throw new Violation("a session holds more than its bound");
    }
  }

  #lost(trunk: Trunk): void {
    trunk.end = undefined;
    this.#run(trunk, trunk.link.lost(this.world.nowMs));
  }

  #run(trunk: Trunk, effects: readonly LinkEffect[]): void {
    this.effects(
      CRASH,
      effects.map((effect) => () => this.#effect(trunk, effect)),
    );
  }

  #effect(trunk: Trunk, effect: LinkEffect): void {
    switch (effect.type) {
      case "open":
        this.after(effect.afterMs + this.random.between(0, 20), () => this.#open(trunk));
        return;
      case "send":
        trunk.end?.send(effect.frame);
        return;
      case "reply":
        this.#client?.send(effect.frame);
        return;
      case "drop":
        throw new Violation(`the session sees a logger break the protocol: ${effect.reason}`);
    }
  }

  #open(trunk: Trunk): void {
    const end = connect(this, trunk.host, TRUNK);
    if (end === undefined) return this.#lost(trunk);
    end.tag = trunk.host.name;
    trunk.end = end;
    const hello: Hello = { type: "hello", override: this.#layout.overrideOf(trunk.host.name) };
    end.send(hello);
    this.#run(trunk, trunk.link.opened());
  }
}
