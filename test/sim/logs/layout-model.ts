/** A model of the run-time part of the layout, as one epoch of it: what operators have said of each logger. */
import type { LoggerOverride } from "../../../src/logs/logger.ts";

export class LayoutModel {
  readonly #epoch: number;
  readonly #enabled: ReadonlyMap<string, boolean>;

  constructor(epoch = 0, enabled: ReadonlyMap<string, boolean> = new Map()) {
    this.#epoch = epoch;
    this.#enabled = enabled;
  }

  /** The next epoch. */
  with(logger: string, enabled: boolean | undefined): LayoutModel {
    const next = new Map(this.#enabled);
    if (enabled === undefined) next.delete(logger);
    else next.set(logger, enabled);
    return new LayoutModel(this.#epoch + 1, next);
  }

  overrideOf(logger: string): LoggerOverride {
    return { epoch: this.#epoch, enabled: this.#enabled.get(logger) };
  }
}
