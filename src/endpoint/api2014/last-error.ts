/** How this interface reports: operations answer with what says failure, and the context has the error of the last one. */
import { FabricError, type ErrorCode } from "../../base/errors.ts";

export class LastError {
  #error: FabricError | undefined;
  #isDestroyed = false;

  get code(): ErrorCode | "none" {
    return this.#error?.code ?? "none";
  }

  get text(): string {
    return this.#error?.message ?? "";
  }

  /** From now on every operation fails. */
  destroyed(): void {
    this.#isDestroyed = true;
  }

  /** The operation's result; `failed`, with the error kept, when it throws one of the fabric's. */
  attempt<T, F>(failed: F, operation: () => T): T | F {
    try {
      if (this.#isDestroyed) throw new FabricError("shutting_down", "the context is destroyed");
      const result = operation();
      this.#error = undefined;
      return result;
    } catch (error) {
      return this.#keep(error, failed);
    }
  }

  /** The same for an operation that takes time. */
  async attemptAsync<T, F>(failed: F, operation: () => Promise<T>): Promise<T | F> {
    try {
      if (this.#isDestroyed) throw new FabricError("shutting_down", "the context is destroyed");
      const result = await operation();
      this.#error = undefined;
      return result;
    } catch (error) {
      return this.#keep(error, failed);
    }
  }

  #keep<F>(error: unknown, failed: F): F {
    if (!(error instanceof FabricError)) throw error;
    this.#error = error;
    return failed;
  }
}
