/** The Worker as one module, and what wrangler.toml says about it: the same file that is deployed. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { parse } from "smol-toml";
import { array, object, optional, parse as check, string } from "valibot";
import { PACKAGE_ROOT } from "./package-root.ts";

const WranglerConfig = object({
  name: string(),
  main: string(),
  compatibility_date: string(),
  compatibility_flags: array(string()),
  durable_objects: object({ bindings: array(object({ name: string(), class_name: string() })) }),
  migrations: array(object({ new_sqlite_classes: optional(array(string()), []) })),
  r2_buckets: array(object({ binding: string(), bucket_name: string() })),
  assets: object({ directory: string(), binding: string() }),
});

/** What the local runtime needs to know of wrangler.toml. */
export interface WorkerConfig {
  readonly name: string;
  readonly main: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  /** Binding name and class of each object namespace. */
  readonly objects: readonly { readonly binding: string; readonly className: string }[];
  /** Classes with SQLite storage; every one is exported by `main`. */
  readonly sqliteClasses: readonly string[];
  readonly buckets: readonly { readonly binding: string; readonly bucket: string }[];
  /** Absolute directory of the static files. */
  readonly assetsDirectory: string;
  readonly assetsBinding: string;
}

/** Reads wrangler.toml. Throws when it lacks a field that the fabric needs. */
export async function readWorkerConfig(): Promise<WorkerConfig> {
  const raw = check(WranglerConfig, parse(await readFile(join(PACKAGE_ROOT, "wrangler.toml"), "utf8")));
  return {
    name: raw.name,
    main: raw.main,
    compatibilityDate: raw.compatibility_date,
    compatibilityFlags: raw.compatibility_flags,
    objects: raw.durable_objects.bindings.map((b) => ({ binding: b.name, className: b.class_name })),
    sqliteClasses: raw.migrations.flatMap((m) => m.new_sqlite_classes),
    buckets: raw.r2_buckets.map((b) => ({ binding: b.binding, bucket: b.bucket_name })),
    assetsDirectory: join(PACKAGE_ROOT, raw.assets.directory),
    assetsBinding: raw.assets.binding,
  };
}

/** Bundles the Worker as wrangler does: workerd's conditions, its own modules left out. Returns the module's text. */
export function bundleWorker(main: string): string {
  // The asynchronous form leaves a process running.
  const result = buildSync({
    absWorkingDir: PACKAGE_ROOT,
    entryPoints: [main],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target: "es2024",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "silent",
  });
  return result.outputFiles[0]!.text;
}
