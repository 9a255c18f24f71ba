/**
 * The pages under docs/ that are made from the source: limits.md from limits.ts, errors.md from the table of codes,
 * sdk.md from the declarations of what src/sdk/index.ts exports.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { ERROR_CODES } from "../src/base/errors.ts";
import { LIMITS } from "../src/base/limits.ts";

export const ROOT = join(import.meta.dirname, "..");

const LIMITS_INTRO = `# Limits

Every bound and default of the fabric, made from [\`src/base/limits.ts\`](../src/base/limits.ts) by
\`scripts/docs.ts\`. What happens at each bound is in [PROTOCOL.md](../PROTOCOL.md); "rule 7" is its rule R7. A layout
may set the two of a JSON v1 reader as \`jsonReader\`.
`;

const ERRORS_INTRO = `# Errors

Every error code, made from the table in [\`src/base/errors.ts\`](../src/base/errors.ts) by \`scripts/docs.ts\`. Callers
branch on the code, never on the text. \`HTTP\` is the status when the error answers a request, \`close\` the WebSocket
close code when it ends a connection (the code is then the close reason). "Again" means that the same request may succeed
later without a change by the caller.
`;

const SDK_INTRO = `# SDK

What [\`src/sdk/index.ts\`](../src/sdk/index.ts) exports, for Node 22 and later, browsers, Workers, Deno and Bun: the
declarations of its files, made by \`scripts/docs.ts\`. A change of the SDK's surface shows here; how it is used is in
[howto/sdk.md](howto/sdk.md). Under "values" stand the constructors; \`count\`, \`real\`, \`string\`, \`none\` and \`enumValue\`
come from [\`src/data/value.ts\`](../src/data/value.ts).
`;

interface Row {
  readonly name: string;
  /** What the comment above it says. */
  readonly comment: string;
}

interface Section {
  readonly title: string;
  readonly about: string;
  readonly rows: readonly Row[];
}

/** The text of each generated page, formatted, by path from the root. */
export async function pages(): Promise<ReadonlyMap<string, string>> {
  const options = await resolveConfig(join(ROOT, "docs/limits.md"));
  const all = { "docs/limits.md": limitsPage(), "docs/errors.md": errorsPage(), "docs/sdk.md": sdkPage() };
  const out = new Map<string, string>();
  for (const [path, text] of Object.entries(all)) {
    out.set(path, await format(text, { ...options, parser: "markdown" }));
  }
  return out;
}

function limitsPage(): string {
  const files = ["src/base/limits.ts", "src/base/log-limits.ts"];
  const source = files.map((file) => readFileSync(join(ROOT, file), "utf8")).join("\n");
  const tables = sectionsOf(source).map(({ title, about, rows }) => {
    const lines = rows.map(({ name, comment }) => `| \`${name}\` | ${valueText(name)} | ${cell(comment)} |`);
    return [`## ${title}`, about, ["| Name | Value | |", "| --- | --- | --- |", ...lines].join("\n")]
      .filter((part) => part !== "")
      .join("\n\n");
  });
  return [LIMITS_INTRO, ...tables].join("\n\n");
}

function errorsPage(): string {
  const lines = Object.entries(ERROR_CODES).map(
    ([code, { sentence, http, close, retryable }]) =>
      `| \`${code}\` | ${cell(sentence)} | ${http} | ${close} | ${retryable ? "yes" : ""} |`,
  );
  return [
    ERRORS_INTRO,
    "",
    "| Code | Meaning | HTTP | Close | Again |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

/**
 * The sections of limits.ts: a line comment begins one, a doc comment holds for the names below it up to the next.
 * Throws when a name of LIMITS is not found with a comment and inside a section.
 */
export function sectionsOf(source: string): readonly Section[] {
  const sections: { title: string; about: string; rows: Row[] }[] = [];
  let comment = "";
  for (const line of source.slice(source.indexOf("export const LIMITS")).split("\n")) {
    const head = /^ {2}\/\/ (?<title>[^.]+)\.(?<about>.*)$/.exec(line)?.groups;
    const doc = /^ {2}\/\*\* (?<text>.*) \*\/$/.exec(line)?.groups;
    const name = /^ {2}(?<name>[A-Za-z0-9]+): /.exec(line)?.groups?.["name"];
    if (head !== undefined) {
      sections.push({ title: head["title"]!, about: head["about"]!.trim(), rows: [] });
      comment = "";
    } else if (doc !== undefined) comment = doc["text"]!;
    else if (name !== undefined && comment !== "") sections.at(-1)?.rows.push({ name, comment });
  }
  const found = new Set(sections.flatMap(({ rows }) => rows.map(({ name }) => name)));
  const lost = Object.keys(LIMITS).filter((name) => !found.has(name));
  if (lost.length > 0) throw new Error(`limits.ts: no comment or section for ${lost.join(", ")}`);
  return sections;
}

const UNITS = {
  bytes: [
    [1024 * 1024, "MiB"],
    [1024, "KiB"],
  ],
  time: [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1_000, "s"],
  ],
} as const;

/** A value as people read it: whole MiB or KiB, whole days to seconds, else the number. */
function valueText(name: string): string {
  const value = LIMITS[name as keyof typeof LIMITS];
  const isBytes = /Bytes/.test(name);
  const isTime = /Ms(Max)?$/.test(name);
  for (const [size, unit] of isBytes ? UNITS.bytes : isTime ? UNITS.time : []) {
    if (value % size === 0) return `${(value / size).toLocaleString("en")} ${unit}${perSecond(name)}`;
  }
  return `${value.toLocaleString("en")}${isBytes ? " bytes" : isTime ? " ms" : ""}${perSecond(name)}`;
}

function perSecond(name: string): string {
  return name.endsWith("PerSecond") ? "/s" : "";
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** Declarations as the compiler makes them, without imports and the comment at the top of each file. */
function sdkPage(): string {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-sdk-"));
  try {
    const compilerOptions = {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      rootDir: ROOT,
      outDir: folder,
      // Checked by `npm run types`; a clean clone does not have the runtime's types that a check needs.
      noCheck: true,
      types: [],
      stripInternal: true,
    };
    const files = [join(ROOT, "src/sdk/index.ts")];
    const config = { extends: join(ROOT, "tsconfig.json"), compilerOptions, files, include: [] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder], { cwd: ROOT, stdio: "inherit" });
    const index = readFileSync(join(ROOT, "src/sdk/index.ts"), "utf8");
    const names = [...new Set([...index.matchAll(/from "\.\/([\w-]+)\.ts"/g)].map(([, name]) => name!))];
    const sections = names.map((name) => {
      const text = readFileSync(join(folder, "src/sdk", `${name}.d.ts`), "utf8");
      const body = text.replace(/^\/\*\*[^]*?\*\/\n/, "").replaceAll(/^import .*\n|^export \{\};\n/gm, "");
      return `## ${name}\n\n\`\`\`ts\n${publicOf(body, exportedBy(index)).trim()}\n\`\`\``;
    });
    return [SDK_INTRO, "```ts", index.slice(index.indexOf("export")).trim(), "```", "", ...sections].join(
      "\n",
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The names that the index exports. */
function exportedBy(index: string): ReadonlySet<string> {
  const lists = [...index.matchAll(/export (?:type )?\{([^}]*)\}/g)].map(([, list]) => list!);
  return new Set(lists.flatMap((list) => list.split(",")).map((name) => name.trim().replace(/^type /, "")));
}

/** The top-level declarations of a file that are exported further; each begins in the first column. */
function publicOf(declarations: string, names: ReadonlySet<string>): string {
  const pieces = declarations.split(/^(?=\/\*\*|export |declare |interface |type )/m);
  let comment = "";
  const out: string[] = [];
  for (const piece of pieces) {
    const name = /^(?:export )?(?:declare )?(?:abstract )?(?:class|function|const|interface|type) (\w+)/.exec(
      piece,
    )?.[1];
    if (name === undefined) {
      comment = piece.startsWith("/**") ? piece : "";
      continue;
    }
    if (names.has(name)) out.push(comment + piece);
    comment = "";
  }
  return out.join("");
}
