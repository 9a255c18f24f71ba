/** The package that `npm run sdk` makes: whole, small, without imports, and typed for those who install it. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import manifest from "../../../package.json" with { type: "json" };
import { buildSdk, lintSdk, type SdkSize } from "../../../scripts/sdk-build.ts";
import { PACKAGE_ROOT } from "../../../src/cli/package-root.ts";
import * as sdk from "../../../src/sdk/index.ts";
import { blocksOf } from "../../support/documents.ts";
import { tempDir } from "../../support/fabric.ts";

/** What the client may weigh in a page: minified, with gzip. */
const GZIPPED_BYTES_MAX = 52 * 1024;

const home = tempDir("selvedge-sdk");
const folder = join(home, "node_modules/selvedge-sdk");
let size: SdkSize;

beforeAll(() => {
  size = buildSdk(folder);
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

const text = (file: string) => readFileSync(join(folder, file), "utf8");

test("weighs no more than it may", () => {
  expect(size.gzippedBytes).toBeLessThanOrEqual(GZIPPED_BYTES_MAX);
  expect(size.minifiedBytes).toBeLessThan(size.bytes);
  expect(size.gzippedBytes).toBeGreaterThan(10_000);
});

test("publint has nothing to say", async () => {
  expect(await lintSdk(folder)).toEqual([]);
});

test("holds its licence, that of what it contains, and the release's version", () => {
  expect(text("LICENSE")).toBe(readFileSync(join(PACKAGE_ROOT, "LICENSE"), "utf8"));
  expect(text("THIRD-PARTY-LICENSES")).toMatch(/cbor-x [\d.]+:[^]*MIT License[^]*Kris Zyp/);
  expect(JSON.parse(text("package.json"))).toMatchObject({ version: manifest.version, type: "module" });
});

test("is one module that imports nothing, and makes no code from text", async () => {
  const code = text("index.js");
  expect(code).not.toMatch(/^\s*(import|export \* from|export \{[^}]*\} from) /m);
  expect(code).not.toMatch(/\brequire\(|new Function\(|\beval\(/);
  const built = (await import(pathToFileURL(join(folder, "index.js")).href)) as Record<string, unknown>;
  expect(Object.keys(built).toSorted()).toEqual(Object.keys(sdk).toSorted());
});

test("declares nothing that is internal, and points to no source", () => {
  const files = readdirSync(join(folder, "types"), { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => name.endsWith(".d.ts"))) {
    const declarations = text(join("types", file));
    expect(declarations).not.toMatch(/from "\.[^"]*\.ts"/);
    expect(declarations).not.toContain("@internal");
  }
});

test.each([
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
])("programs with module %s, resolution %s are typed", (module, moduleResolution) => {
  const program = `
    import { connect, count, toJs, type Gap } from "selvedge-sdk";
    const client = await connect("http://127.0.0.1", { overflow: "block" });
    client.on("gap", (gap: Gap) => gap.reason?.toUpperCase());
    client.publish("t", "E::x", [count(5), "text"]);
    for await (const event of client.subscribe("t")) {
      const [first] = event.args;
      if (first?.type === "count") { const n: bigint = toJs(first); void n; }
    }
    // @ts-expect-error: numbers need a name
    client.publish("t", "E::x", [5]);
    // @ts-expect-error: not for users
    client.sendLog;
  `;
  expect(complaintsAbout(program, moduleResolution, { module, moduleResolution })).toBe("");
});

test("what the how-to tells people to write is typed", () => {
  const blocks = blocksOf("docs/howto/sdk.md").filter(({ language }) => language === "ts");
  const bodies = blocks.map(({ body }) => `{\n${body.replaceAll(/^import .*\n/gm, "")}\n}`);
  const program = [
    'import { addr, connect, count, type Client } from "selvedge-sdk";',
    "declare const token: string, client: Client, desk: Client;",
    ...bodies,
  ].join("\n");
  expect(bodies.length).toBeGreaterThan(2);
  expect(complaintsAbout(program, "howto", { module: "nodenext", moduleResolution: "nodenext" })).toBe("");
});

/** What the compiler says of a program that has the package installed. */
function complaintsAbout(program: string, name: string, options: Record<string, unknown>): string {
  const project = join(home, name);
  mkdirSync(join(project, "node_modules"), { recursive: true });
  symlinkSync(folder, join(project, "node_modules/selvedge-sdk"));
  writeFileSync(join(project, "package.json"), '{"type":"module"}');
  writeFileSync(join(project, "program.ts"), program);
  const compilerOptions = {
    ...options,
    target: "es2022",
    lib: ["es2022", "esnext.disposable", "dom"],
    strict: true,
    noEmit: true,
    types: [],
    skipLibCheck: false,
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
  const tsc = join(PACKAGE_ROOT, "node_modules/.bin/tsc");
  return spawnSync(tsc, ["-p", project], { encoding: "utf8" }).stdout;
}
