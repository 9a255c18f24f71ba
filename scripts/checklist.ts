/**
 * `npm run checklist`: which of the 225 capabilities are proven. A test proves the rows whose ids its title carries,
 * `[A26]` or `[A26][A27]`; a row is proven when all its tests pass. Runs those tests only. Exit status 1 when one
 * fails, 2 when a title carries an id that does not exist. `--json` prints one object.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const ID = /\[([A-E]\d+)\]/g;

/** The projects that a folder of test/ feeds. Suites under contract/ run wherever something imports them. */
const PROJECTS: Readonly<Record<string, readonly string[]>> = {
  unit: ["unit"],
  sim: ["unit"],
  worker: ["worker", "worker-slow"],
  system: ["system"],
  data: ["data"],
  peers: ["peers"],
  contract: ["unit", "worker", "worker-slow", "system"],
};

interface Row {
  readonly id: string;
  readonly capability: string;
}

interface TestResult {
  readonly title: string;
  readonly hasPassed: boolean;
  readonly ids: readonly string[];
}

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

interface RowResult extends Row {
  readonly state: "proven" | "failed" | "open";
  readonly tests: readonly string[];
}

function idsOf(text: string): string[] {
  return [...text.matchAll(ID)].map((match) => match[1]!);
}

function sources(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The vitest projects with at least one test whose title carries an id. */
function projectsWithIds(): string[] {
  const folders = Object.entries(PROJECTS).filter(([folder]) =>
    sources(join(ROOT, "test", folder)).some((file) => idsOf(readFileSync(file, "utf8")).length > 0),
  );
  return [...new Set(folders.flatMap(([, projects]) => projects))];
}

/** Runs the tests whose titles carry an id. Throws when vitest does not run or a file cannot be loaded. */
function runTests(projects: readonly string[]): TestResult[] {
  const folder = mkdtempSync(join(tmpdir(), "checklist-"));
  const output = join(folder, "report.json");
  const args = ["run", ...projects.flatMap((name) => ["--project", name]), "-t", ID.source];
  const report = ["--reporter=json", `--outputFile=${output}`, "--passWithNoTests"];
  try {
    const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
    spawnSync(process.execPath, [vitest, ...args, ...report], { cwd: ROOT, stdio: ["ignore", 2, 2] });
    return resultsOf(JSON.parse(readFileSync(output, "utf8")) as Report);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function resultsOf({ testResults }: Report): TestResult[] {
  const broken = testResults.find((file) => file.status === "failed" && file.assertionResults.length === 0);
  if (broken !== undefined) throw new Error(`${broken.name} could not be loaded: ${broken.message}`);
  return testResults
    .flatMap((file) => file.assertionResults)
    .map(({ fullName, status }) => ({
      title: fullName,
      hasPassed: status === "passed",
      ids: idsOf(fullName),
    }))
    .filter(({ ids }) => ids.length > 0);
}

/** The state of each row: open without a test, failed when one of its tests did not pass. */
function judge(rows: readonly Row[], tests: readonly TestResult[]): RowResult[] {
  return rows.map((row) => {
    const own = tests.filter(({ ids }) => ids.includes(row.id));
    const state = own.length === 0 ? "open" : own.every((test) => test.hasPassed) ? "proven" : "failed";
    return { ...row, state, tests: own.map(({ title }) => title) };
  });
}

function print(results: readonly RowResult[], tests: readonly TestResult[]): void {
  const proven = results.filter(({ state }) => state === "proven").length;
  if (process.argv.includes("--json")) {
    console.log(JSON.stringify({ rows: results, proven, of: results.length }));
    return;
  }
  for (const { id, capability, state } of results) {
    if (state !== "open") console.log(`${id.padEnd(4)} ${state.padEnd(7)} ${capability}`);
  }
  for (const { title } of tests.filter(({ hasPassed }) => !hasPassed)) console.log(`did not pass: ${title}`);
  console.log(`${proven} of ${results.length} rows proven`);
}

const rows = JSON.parse(readFileSync(join(ROOT, "test/vectors/checklist.json"), "utf8")) as Row[];
const tests = runTests(projectsWithIds());
const known = new Set(rows.map(({ id }) => id));
const unknown = tests.filter(({ ids }) => ids.some((id) => !known.has(id)));
for (const { title } of unknown) console.error(`unknown row id in the title: ${title}`);
const results = judge(rows, tests);
print(results, tests);
if (unknown.length > 0) process.exitCode = 2;
else if (results.some(({ state }) => state === "failed")) process.exitCode = 1;
