/** What the documents tell people to type exists, and something runs it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import manifest from "../../../package.json" with { type: "json" };
import { PACKAGE_ROOT } from "../../../src/cli/package-root.ts";
import { blocksOf, commandsOf, documents, textOf } from "../../support/documents.ts";

/** Commands in shell blocks, the file that runs them, and the text in it that does. */
const RUN_BY: readonly (readonly [command: RegExp, file: string, proof: string])[] = [
  [/^npm ci$/, ".ci/run", "npm ci"],
  [/^npm test$|^npm ci && npm test$/, ".ci/run", "npm test"],
  [/^npm run (check|test:data|test:peers)$/, ".ci/run", "npm run $1"],
  [/^npm run deploy( -- --dry-run)?$/, ".ci/run", "npm run deploy -- --dry-run"],
  [/^npm start$/, "test/system/readme.test.ts", "npm start"],
  [/^npm run demo$/, "test/system/demo.test.ts", "scripts/demo.ts"],
  [/^npx selvedge token init$/, "test/system/readme.test.ts", "token init"],
  [/^SELVEDGE_KEY=\$\(cat key\) npx selvedge token create /, "test/system/readme.test.ts", "token create"],
  [/^selvedge node --name /, "test/system/scripts.test.ts", '["node", "--name"'],
  [/^npx wrangler /, "test/system/readme.test.ts", "npx wrangler "],
  [
    /^(grep .* \| )?npx selvedge (serve|node|flow|logs|cluster) /,
    "test/system/howto-cluster.test.ts",
    "docs/howto/cluster.md",
  ],
  [/^npx node scripts\/docs.ts$/, "test/unit/docs/generated.test.ts", "docs-pages.ts"],
];

const shellBlocks = documents()
  .flatMap(blocksOf)
  .filter(({ language }) => language === "sh");
const commands = shellBlocks.flatMap((block) => commandsOf(block).map((command) => ({ ...block, command })));

describe("commands in shell blocks", () => {
  test("there are some, and those of the quick start are among them", () => {
    expect(commands.map(({ command }) => command)).toEqual(
      expect.arrayContaining(["npm start", "npx selvedge logs ls"]),
    );
  });

  test.each(commands)("$file: $command is run", ({ file, label, command }) => {
    // readme.test.ts runs every line of these blocks.
    if (file === "README.md" && label.startsWith("run")) return;
    const known = RUN_BY.find(([pattern]) => pattern.test(command));
    expect(known, `nothing runs \`${command}\``).toBeDefined();
    const [pattern, runner, proof] = known!;
    expect(textOf(runner)).toContain(proof.replace("$1", pattern.exec(command)?.[1] ?? ""));
  });
});

const folder = join(PACKAGE_ROOT, "src/cli");
const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
const matches = (pattern: RegExp): Set<string> =>
  new Set(sources.flatMap((source) => [...source.matchAll(pattern)].map(([, name]) => name!)));
const KNOWN_COMMANDS = matches(/\.command\(\s*"([a-z]+(?: [a-z]+)?)/g);
const KNOWN_OPTIONS = matches(/\.option\(\s*["`]--([a-z-]+)/g)
  .add("version")
  .add("help");

/** Code spans and commands that call `selvedge`. */
const calls = documents().flatMap((file) => {
  const text = textOf(file);
  const spans = [...text.matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].map(([, span]) => span!);
  const lines = blocksOf(file).flatMap(({ body }) => body.split("\n"));
  return [...spans, ...lines]
    .filter((code) => /(^|npx |\) )selvedge [a-z-]/.test(code))
    .map((code) => ({ file, code }));
});

describe("the command line in the documents", () => {
  test("is mentioned", () => expect(calls.length).toBeGreaterThan(10));

  test.each(calls)("$file: $code exists", ({ code }) => {
    const [, words = ""] = /selvedge ((?:[a-z]+ ?){0,2})/.exec(code) ?? [];
    const [one, two] = words.trim().split(" ");
    const isKnown = KNOWN_COMMANDS.has(one!) || KNOWN_COMMANDS.has(`${one} ${two}`);
    expect(isKnown || /selvedge (?:--|(?:logs|token)$)/.test(code)).toBe(true);
    for (const [, option] of code.matchAll(/(?<=\s)--(?:no-)?([a-z][a-z-]*)/g)) {
      expect(KNOWN_OPTIONS.has(option!) || KNOWN_OPTIONS.has(`no-${option}`), `--${option}`).toBe(true);
    }
  });

  test("every npm script that is mentioned exists", () => {
    const scripts = documents().flatMap((file) =>
      [...textOf(file).matchAll(/npm run ([a-z:]+)/g)].map(([, script]) => script!),
    );
    expect(scripts.length).toBeGreaterThan(5);
    expect(scripts.filter((script) => !Object.hasOwn(manifest.scripts, script))).toEqual([]);
  });

  test("every link to a file of the project leads to one", () => {
    const links = documents().flatMap((file) =>
      [...textOf(file).matchAll(/\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, to]) => ({
        file,
        to: to!,
      })),
    );
    expect(links.length).toBeGreaterThan(5);
    const broken = links.filter(({ file, to }) => !existsSync(join(PACKAGE_ROOT, file, "..", to)));
    expect(broken).toEqual([]);
  });
});
