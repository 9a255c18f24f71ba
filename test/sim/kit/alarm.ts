/** A model of an object's alarm: durable, one at a time, fires at least once, also when the process is down. */
import type { Process } from "./process.ts";
import type { Timer } from "./world.ts";

export class Alarm {
  readonly #owner: Process;
  readonly #fire: () => void;
  #timer: Timer | undefined;
  #atMs: number | undefined;

  /** `fire` is called on the owner, started if need be. */
  constructor(owner: Process, fire: () => void) {
    this.#owner = owner;
    this.#fire = fire;
  }

  set(atMs: number | undefined): void {
    if (atMs === this.#atMs) return;
    this.#timer?.cancel();
    this.#atMs = atMs;
    if (atMs === undefined) return;
    const { world, nowMs } = this.#owner;
    this.#timer = world.after(atMs - nowMs, () => {
      this.#atMs = undefined;
      this.#owner.start();
      this.#fire();
    });
  }
}
