/** A layout from a file: JSON, or a module like src/site/layout.ts; or JSON from standard input. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { FabricError } from "../base/errors.ts";
import { parseLayout, type Layout } from "../cluster/layout.ts";

/**
 * Reads and checks the file: as it stands there, and parsed. A name that ends in `.ts` or `.js` is a module that exports
 * `layout`; without a name it is standard input. Throws `invalid_layout`.
 */
export async function readLayout(
  file: string | undefined,
): Promise<{ readonly source: unknown; readonly layout: Layout }> {
  let source: unknown;
  try {
    source = await read(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const name = file ?? "from standard input";
    throw new FabricError("invalid_layout", `cannot read the layout ${name}: ${reason}`, { cause });
  }
  return { source, layout: parseLayout(source) };
}

async function read(file: string | undefined): Promise<unknown> {
  if (file === undefined || file === "-") return JSON.parse(await text(process.stdin));
  if (!/\.[cm]?[jt]s$/.test(file)) return JSON.parse(await readFile(file, "utf8"));
  const module = (await import(pathToFileURL(resolve(file)).href)) as { readonly layout?: unknown };
  return module.layout;
}
