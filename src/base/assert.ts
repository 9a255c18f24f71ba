/** Invariants. A failed assertion is a defect of the fabric, never an answer to bad input. */
import { FabricError } from "./errors.ts";

/** Throws `logic_error` naming the violated invariant. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new FabricError("logic_error", `invariant violated: ${invariant}`);
}

/** For the default branch of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new FabricError("logic_error", `unreachable: ${String(value)}`);
}
