/** The rules of PROTOCOL.md and the tests that name them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
/** `R17`, `§2.3`, `N-4`. The rows of the checklist, as `[A26]`, have other letters. */
const ID = /(?<![\w.-])(?:§[1-8](?:\.\d+)?|R\d+|[NTKHML]-\d+)(?![\w.-]*[\w-])/g;
/** A string of a test's source that begins with an id: a title, or the part of one that stands in a table. */
const TITLE = /(["'`])(\[?(?:§[1-8]|R\d|[NTKHML]-\d)[^\n]*)\1/g;

/** Every id that PROTOCOL.md defines, in its order: a bold one. Throws when one is defined twice. */
export function definedIds(protocol = readFileSync(join(ROOT, "PROTOCOL.md"), "utf8")): readonly string[] {
  const ids = [...protocol.matchAll(/\*\*([^*]+)\*\*/g)].flatMap(([, bold]) => idsOf(bold!));
  const twice = ids.find((id, i) => ids.indexOf(id) < i);
  if (twice !== undefined) throw new Error(`PROTOCOL.md defines ${twice} twice`);
  return ids;
}

/** Where each id that a title names is named: files from the root. */
export function namedIds(): ReadonlyMap<string, readonly string[]> {
  const named = new Map<string, string[]>();
  const entries = readdirSync(join(ROOT, "test"), { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((e) => e.isFile() && e.name.endsWith(".ts"))) {
    const path = join(entry.parentPath, entry.name);
    for (const id of new Set(titlesOf(readFileSync(path, "utf8")).flatMap(idsOf))) {
      const files = named.get(id) ?? [];
      files.push(path.slice(ROOT.length + 1));
      named.set(id, files);
    }
  }
  return named;
}

/** The ids in a text. */
export function idsOf(text: string): string[] {
  return [...text.matchAll(ID)].map(([id]) => id);
}

/** The titles in the source of a test, as far as they begin with an id. */
export function titlesOf(source: string): string[] {
  return [...source.matchAll(TITLE)].map(([, , title]) => title!);
}
