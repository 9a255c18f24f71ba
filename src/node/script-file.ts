/** What a file of scripts holds. */
import { FabricError } from "../base/errors.ts";
import { isScript, type Script } from "../script/define.ts";

/** The scripts that a module exports by default: one, or several. Throws `invalid_data` naming the file. */
export function scriptsIn(module: unknown, file: string): readonly Script[] {
  const exported: unknown = (module as { readonly default?: unknown }).default;
  const scripts: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  if (scripts.length > 0 && scripts.every(isScript)) return scripts;
  throw new FabricError(
    "invalid_data",
    `${file} must export by default what defineScript returns, or several`,
  );
}
