/** The documents of the project, and the fenced blocks in them. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PACKAGE_ROOT } from "../../src/cli/package-root.ts";

export interface Block {
  /** Path from the root. */
  readonly file: string;
  readonly language: string;
  /** What stands behind the language. */
  readonly label: string;
  readonly body: string;
}

/** Paths of all documents, from the root. */
export function documents(): readonly string[] {
  return globSync(["*.md", "docs/**/*.md", "bench/**/*.md", ".changeset/*.md"], { cwd: PACKAGE_ROOT });
}

export function textOf(file: string): string {
  return readFileSync(join(PACKAGE_ROOT, file), "utf8");
}

/** The fenced blocks of a document, in order. */
export function blocksOf(file: string): readonly Block[] {
  return [...textOf(file).matchAll(/^```(\w+) ?(.*)\n([^]*?)\n```$/gm)].map(([, language, label, body]) => ({
    file,
    language: language!,
    label: label!,
    body: body!,
  }));
}

/** The commands of a shell block: its lines without comments. */
export function commandsOf(block: Block): readonly string[] {
  return block.body.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
}
