/** The version of the package, as package.json has it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { object, parse, string } from "valibot";
import { PACKAGE_ROOT } from "./package-root.ts";

export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8"));
  return parse(object({ version: string() }), manifest).version;
}
