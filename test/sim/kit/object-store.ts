/**
 * A model of R2: a put is applied at some moment, and answered at another, or never. A failed put may have been
 * applied, or may be applied long after its failure was reported. Every content that a key ever had is kept.
 */
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

export class ObjectStore {
  readonly #world: World;
  /** Contents by key, in the order of their puts; a repeat of the same content is no new one. */
  readonly contents = new Map<string, string[]>();
  /** Puts that are not applied yet. */
  pending = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Puts; `answered` is called once, unless the process that asked is gone by then. */
  put(from: Process, key: string, content: string, answered: (ok: boolean) => void): void {
    const world = this.#world;
    const answer = from.guard(answered);
    const doneMs = world.random.between(1, 200);
    if (world.fault("put refused", 0.05, key)) return void world.after(doneMs, () => answer(false));
    const isLate = world.fault("put applied after its failure", 0.05, key);
    const isUnseen = !isLate && world.fault("put applied, answer lost", 0.05, key);
    this.pending++;
    const appliedMs = isLate ? doneMs + world.random.between(0, 90_000) : doneMs;
    world.after(appliedMs, () => this.#apply(key, content));
    world.after(isUnseen ? doneMs + world.random.between(0, 5_000) : doneMs, () =>
      answer(!isLate && !isUnseen),
    );
  }

  #apply(key: string, content: string): void {
    this.pending--;
    this.#world.note("R2", () => `has ${key}`);
    const known = this.contents.get(key);
    if (known === undefined) this.contents.set(key, [content]);
    else if (!known.includes(content)) known.push(content);
  }
}
