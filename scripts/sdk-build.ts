/**
 * Builds the SDK as a package of its own: `npm run sdk [-- FOLDER]` writes it to dist/ (or FOLDER), checks it with
 * publint and prints its size. One ES module without imports for Node, browsers, Workers, Deno and Bun; declarations
 * beside it.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import manifest from "../package.json" with { type: "json" };

const ROOT = join(import.meta.dirname, "..");
const ENTRY = "src/sdk/index.ts";

export interface SdkSize {
  /** The module as it is published, and minified as a page's bundler makes it. */
  readonly bytes: number;
  readonly minifiedBytes: number;
  readonly gzippedBytes: number;
}

/** Writes the package into a folder, which is emptied before. Returns its size. */
export function buildSdk(folder: string): SdkSize {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const code = bundle(false);
  writeFileSync(join(folder, "index.js"), code);
  emitDeclarations(join(folder, "types"));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(packageManifest(), undefined, 2)}\n`);
  cpSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  cpSync(join(ROOT, "docs/howto/sdk.md"), join(folder, "README.md"));
  writeFileSync(join(folder, "THIRD-PARTY-LICENSES"), thirdPartyLicenses());
  const minified = bundle(true);
  return {
    bytes: Buffer.byteLength(code),
    minifiedBytes: Buffer.byteLength(minified),
    gzippedBytes: gzipSync(minified, { level: 9 }).length,
  };
}

/** What publint has to say of the package, a line each; empty when it is fit to be published. */
export async function lintSdk(folder: string): Promise<readonly string[]> {
  const { messages, pkg } = await publint({ pkgDir: folder, strict: true, pack: false });
  return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code);
}

function bundle(minify: boolean): string {
  const result = buildSync({
    absWorkingDir: ROOT,
    entryPoints: [ENTRY],
    bundle: true,
    write: false,
    minify,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    mainFields: ["module", "main"],
    conditions: ["browser", "worker", "import"],
    legalComments: "none",
    banner: { js: `/* selvedge-sdk ${manifest.version}, ${manifest.license}; see THIRD-PARTY-LICENSES. */` },
    logLevel: "silent",
  });
  return result.outputFiles[0]!.text;
}

/** Declarations as the compiler makes them; internal ones are left out. */
function emitDeclarations(folder: string): void {
  const config = mkdtempSync(join(tmpdir(), "selvedge-sdk-"));
  try {
    const compilerOptions = {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      stripInternal: true,
      rootDir: join(ROOT, "src"),
      outDir: folder,
      // Checked by `npm run types`; a clean clone does not have the runtime's types that a check needs.
      noCheck: true,
      types: [],
    };
    const text = {
      extends: join(ROOT, "tsconfig.json"),
      compilerOptions,
      files: [join(ROOT, ENTRY)],
      include: [],
    };
    writeFileSync(join(config, "tsconfig.json"), JSON.stringify(text));
    execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", config], { cwd: ROOT, stdio: "inherit" });
  } finally {
    rmSync(config, { recursive: true, force: true });
  }
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".d.ts")) continue;
    const path = join(folder, file);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
  }
}

function packageManifest() {
  const { version, license, engines } = manifest;
  return {
    name: "selvedge-sdk",
    version,
    description: "Client of the Selvedge event fabric, and of Zeek's WebSocket API.",
    keywords: ["zeek", "broker", "events", "websocket", "publish-subscribe"],
    license,
    type: "module",
    sideEffects: false,
    engines: { ...engines, node: ">=22" },
    types: "./types/sdk/index.d.ts",
    exports: { ".": { types: "./types/sdk/index.d.ts", default: "./index.js" } },
    files: ["index.js", "types", "LICENSE", "THIRD-PARTY-LICENSES"],
  };
}

function thirdPartyLicenses(): string {
  const folder = join(ROOT, "node_modules/cbor-x");
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  return `index.js contains parts of cbor-x ${version}:\n\n${readFileSync(join(folder, "LICENSE"), "utf8")}`;
}

if (import.meta.main) {
  const folder = resolve(ROOT, process.argv[2] ?? "dist");
  const { bytes, minifiedBytes, gzippedBytes } = buildSdk(folder);
  const complaints = await lintSdk(folder);
  for (const complaint of complaints) console.error(`publint: ${complaint}`);
  console.log(`${folder}: ${bytes} bytes; minified ${minifiedBytes}, and with gzip ${gzippedBytes}`);
  if (complaints.length > 0) process.exitCode = 1;
}
