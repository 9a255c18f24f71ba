/**
 * A process of the world: it boots from what is durable, may crash between any two effects, and what it planned dies
 * with its life. Subclasses keep what is durable in fields that `boot` does not touch, and all else in what it makes.
 */
import type { End } from "./link.ts";
import type { Random } from "./random.ts";
import type { Timer, World } from "./world.ts";

export abstract class Process {
  readonly world: World;
  readonly name: string;
  /** Randomness of its own: what one process does changes nothing at the others but what it sends them. */
  readonly random: Random;
  /** Rises with each boot, crash and sleep. */
  #life = 0;
  #isUp = false;
  /** How far its machine's clock is off, ms. */
  #clockOffMs = 0;
  /** When the latest of the messages that it got was sent, ms. */
  latestSentMs = 0;
  /** Connections that end with the process. */
  readonly ends = new Set<End>();

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.random = world.randomOf(name);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** What the clock of its machine says, ms since 1970. */
  get nowMs(): number {
    return this.world.nowMs + this.#clockOffMs;
  }

  /** The clock of its machine is set. Timers do not notice. */
  jumpClock(byMs: number): void {
    this.world.count(byMs > 0 ? "clock jump forward" : "clock jump back", this.name);
    this.note(() => `its clock jumps by ${byMs} ms`);
    this.#clockOffMs += byMs;
  }

  /** Makes the memory of a new life from what is durable. */
  protected abstract boot(): void;
  /** A message on one of its connections. */
  abstract received(end: End, message: unknown): void;
  /** A connection ended on the other side or on the way. */
  abstract closed(end: End): void;
  /** Somebody connected. */
  opened(_end: End): void {}
  /** What happens after a crash; by default nothing: the process is gone. */
  protected crashed(): void {}

  start(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#life++;
    this.note(() => "boots");
    this.boot();
  }

  /** Memory, timers and connections go; what is durable stays. */
  crash(kind = "crash"): void {
    if (!this.#isUp) return;
    this.world.count(`${kind} of ${this.constructor.name}`, this.name);
    this.#isUp = false;
    this.#life++;
    for (const end of this.ends) end.die();
    this.crashed();
  }

  /** Memory and timers go, connections stay: hibernation. The next message or alarm finds a process of a new life. */
  sleep(): void {
    if (!this.#isUp) return;
    this.world.count(`sleep of ${this.constructor.name}`, this.name);
    this.#life++;
    this.boot();
  }

  /** Runs `run` later, if this life still lasts then. */
  after(delayMs: number, run: () => void): Timer {
    return this.world.after(delayMs, this.guard(run));
  }

  /** A timer for what is due when this machine's clock says so; it may come late. */
  timer(dueMs: number, run: () => void): Timer {
    const lateMs = this.world.fault("late timer", 0.005, this.name) ? this.random.between(1, 3_000) : 0;
    return this.after(Math.max(1, dueMs - this.nowMs) + lateMs, run);
  }

  /** A callback that does nothing once this life is over. */
  guard<A extends unknown[]>(run: (...args: A) => void): (...args: A) => void {
    const life = this.#life;
    return (...args) => {
      if (life === this.#life && this.#isUp) run(...args);
    };
  }

  /** Runs effects one after another; before each the process may crash, and then the rest never happens. */
  effects(crashProbability: number, steps: readonly (() => void)[]): void {
    for (const step of steps) {
      const life = this.#life;
      if (this.world.fault("crash between effects", crashProbability, this.name)) this.crash();
      if (life !== this.#life) return;
      step();
      if (life !== this.#life) return;
    }
  }

  note(text: () => string): void {
    this.world.note(this.name, text);
  }
}
