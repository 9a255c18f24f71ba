/** What a file of a script exports: a name, and a function that registers its handlers. */
import { FabricError } from "../base/errors.ts";
import type { Zeek } from "./zeek.ts";

export interface Script {
  readonly name: string;
  /** Runs at each start of its node, also when that wakes. It registers and returns nothing. */
  readonly setup: (zeek: Zeek) => void;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/**
 * A script under a name, which is unique on its node: its state is kept, and its errors are logged, under it. Throws
 * `invalid_data` for a name that is not 1 to 63 letters, digits, ".", "_" or "-".
 *
 * @example
 * export default defineScript("relay", (zeek) => {
 *   zeek.on("Relay::ask", (text) => zeek.publish("site/answers", "Relay::answer", text));
 * });
 */
export function defineScript(name: string, setup: (zeek: Zeek) => void): Script {
  if (!NAME.test(name)) {
    throw new FabricError("invalid_data", `the name of a script must match ${NAME.source}`);
  }
  return { name, setup };
}

/** Whether this is a script: what a file that was imported exports may be anything. */
export function isScript(value: unknown): value is Script {
  if (typeof value !== "object" || value === null) return false;
  const { name, setup } = value as Partial<Script>;
  return typeof name === "string" && NAME.test(name) && typeof setup === "function";
}
