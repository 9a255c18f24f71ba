/** A layout from a file: JSON, or a module like src/site/layout.ts. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { FabricError } from "../base/errors.ts";
import { parseLayout, type Layout } from "../cluster/layout.ts";

/**
 * Reads and checks the file: as it stands there, and parsed. A name that ends in `.ts` or `.js` is a module that exports
 * `layout`. Throws `invalid_layout`.
 */
export async function readLayout(
  file: string,
): Promise<{ readonly source: unknown; readonly layout: Layout }> {
  let source: unknown;
  try {
    if (/\.[cm]?[jt]s$/.test(file)) {
      const module = (await import(pathToFileURL(resolve(file)).href)) as { readonly layout?: unknown };
      source = module.layout;
    } else {
      source = JSON.parse(await readFile(file, "utf8"));
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FabricError("invalid_layout", `cannot read the layout ${file}: ${reason}`, { cause });
  }
  return { source, layout: parseLayout(source) };
}
